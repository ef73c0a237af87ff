import { describe, expect, it } from '@jest/globals';
import { DependencyDown } from '@postgang/outside';
import type { RegisterEntry } from '@postgang/rules';
import { findWays, type Reaching, type Registers, type Way } from './ways.js';

const NOW = new Date('2026-11-26T10:00:00Z');
const MAILBOX: RegisterEntry = {
  ...{ reserved: false, status: 'AKTIV', canBeNotified: true, certificate: Buffer.from('certificate') },
  mailbox: { address: 'kari#1234', providerOrganisation: '984661185' },
};
const NO_MAILBOX: RegisterEntry = { reserved: false, status: 'AKTIV', canBeNotified: true };

const letterOf = (nationalId: string, sender: string): Reaching => ({
  ...{ nationalId, sender, kind: 'information', hasPrintOptions: true, onlyPdf: true },
});
const find = (population: () => Promise<never>): Promise<(Way | Error)[]> => {
  const registers = {
    contacts: { lookup: () => Promise.resolve([MAILBOX, NO_MAILBOX]) },
    population: { addresses: population },
  } as unknown as Registers;
  return findWays([letterOf('a', '310000027'), letterOf('b', '310000108')], registers, NOW);
};

describe('while the register that is asked for paper only is away', () => {
  it('letters to mailboxes go their way, and those on paper are told what they wait for', async () => {
    const [digital, paper] = await find(() => Promise.reject(new DependencyDown('folkeregisteret')));
    expect(digital).toMatchObject({ decision: { provider: 'digipost' } });
    expect(paper).toMatchObject({ dependency: 'folkeregisteret' });
    expect(paper).toBeInstanceOf(DependencyDown);
  });

  it('a fault of ours is not taken for that', async () => {
    await expect(find(() => Promise.reject(new TypeError('a bug')))).rejects.toBeInstanceOf(TypeError);
  });
});
