import { expect, it } from '@jest/globals';
import { DependencyDown } from '@postgang/outside';
import type { Registers } from '@postgang/registers';
import { AcceptedLetters } from '../../test/accepted-letters.js';
import { hasAccess } from './access-probe.js';
import { parked } from './parked-letter.js';

it('does not take it for access to the register of addresses that this register is away', async () => {
  const letters = new AcceptedLetters();
  const letter = letters.letter('310000027', '17912099997', 'ENKELTVEDTAK');
  const registers = {
    contacts: { lookup: () => Promise.resolve([{ reserved: false, status: 'AKTIV', canBeNotified: false }]) },
    population: { addresses: () => Promise.reject(new DependencyDown('folkeregisteret')) },
  } as unknown as Registers;
  const why = 'no-access-to-folkeregisteret' as const;
  const record = { id: letter.letterId, event: { letter, commitments: null }, attempt: 0, traceparent: undefined };
  const waiting = { ...parked(record as unknown as Parameters<typeof parked>[0], why), why };
  await expect(hasAccess(waiting, registers, letters.keys, new Date())).rejects.toBeInstanceOf(DependencyDown);
});
