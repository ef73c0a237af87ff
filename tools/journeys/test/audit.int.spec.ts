import { execFile } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CAST } from '@postgang/demo';
import { eventually } from '@postgang/testing';
import pg from 'pg';
import { Mailing } from './mailing.js';
import { completeHistory, STEPS } from './whole.js';
import { World } from './world.js';

const HOUR = 3_600_000;
let world: World;
let mailing: Mailing;

interface Books {
  closed: boolean;
  accepted: number;
  endings: Record<string, number>;
  ledger: Record<string, number>;
  imbalances: { letterId: string; cause: string; says: string }[];
}

beforeAll(async () => {
  world = await World.start();
  mailing = new Mailing(world);
}, 90_000);
afterAll(() => world?.stop(), 60_000);

/** As an operator runs it, an hour later: everything has had the time to be told on. */
function audit(): Promise<Books & { code: number }> {
  const moment = (ms: number): string => new Date(Date.now() + ms).toISOString();
  const args = ['--from', moment(-HOUR), '--to', moment(HOUR), '--as-of', moment(HOUR)];
  return new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      [
        'tools/cli/bin/postgang.mjs',
        'audit',
        ...args,
        '--provider-report',
        `${world.sandbox.url}/admin/report`,
        '--json',
      ],
      { env: { ...process.env, ...world.settings } },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : Number(error.code);
        if (code > 1) reject(new Error(`exit code ${code}: ${stderr}`));
        else resolve({ ...(JSON.parse(stdout) as Books), code });
      },
    );
  });
}

describe('the books of a mailing that went all the way', () => {
  it('close against what the providers say, and do not once the ledger has lost a row', async () => {
    await mailing.handIn(CAST.length * 2, 'audited');
    await mailing.ended(120_000);
    for (const { letterId, part } of mailing.sent) await completeHistory(world, letterId, STEPS[part.end] ?? []);
    // marks follow what was published, and a service message its delivery, by a moment
    const books = await eventually(
      'books that close',
      async () => {
        const found = await audit();
        return found.closed ? found : undefined;
      },
      60_000,
    ).catch(async (error: unknown) => {
      throw new Error(JSON.stringify((await audit()).imbalances, undefined, 2), { cause: error });
    });
    const count = (...ends: string[]): number => mailing.sent.filter(({ part }) => ends.includes(part.end)).length;
    expect(books).toMatchObject({
      accepted: mailing.sent.length,
      endings: {
        delivered: count('DELIVERED', 'OPENED'),
        posted: count('POSTED'),
        'ended-otherwise': count('REFUSED', 'FAILED', 'RETURNED'),
        unaccounted: 0,
      },
      ledger: { handedOver: world.carried, unsettled: 0 },
    });
    const victim = mailing.sent.find(({ part }) => part.end === 'DELIVERED')?.letterId ?? '';
    const client = new pg.Client({ connectionString: world.settings['POSTGRES_URL'] });
    await client.connect();
    await client.query('DELETE FROM provider_dispatch.effect WHERE letter_id = $1', [victim]);
    await client.end();
    const { code, imbalances } = await audit();
    expect(imbalances).toMatchObject([
      {
        letterId: victim,
        cause: 'effect-unrecorded',
        says: expect.stringMatching(/in provider's report, no effect recorded/),
      },
    ]);
    expect(code).toBe(1);
  }, 300_000);
});
