import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { eventually } from '@postgang/testing';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { AGENCY, Rig, sql } from './rig.js';

const LETTERS = 5_000;
/** What the same number of letters would take if they were held: 5,000 × at least 2 kB. */
const MOST_GROWTH = 8 * 1024 * 1024;

let rig: Rig;

beforeAll(async () => {
  rig = await Rig.start({ receiptDelayMs: 0 });
  await rig.run();
}, 120_000);
afterAll(() => rig?.stop(), 60_000);

const effects = async (where: string): Promise<number> => {
  const [row] = await sql<{ n: number }>(rig.databaseUrl, `SELECT count(*)::int AS n FROM effect WHERE ${where}`);
  return row?.n ?? 0;
};

async function publish(count: number): Promise<void> {
  const events = await rig.letters.many(AGENCY, count);
  for (let from = 0; from < events.length; from += 500) await rig.send(...events.slice(from, from + 500));
}

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
function heap(): number {
  collect();
  return process.memoryUsage().heapUsed;
}

it('five thousand letters for a provider that is away wait as rows, and go by themselves when it is back, each at its first attempt', async () => {
  rig.sandbox.fault({ system: 'access-point', mode: 'off' });
  await publish(200);
  await eventually('the first in the ledger', async () => (await effects('true')) === 200 || undefined, 60_000);
  await eventually(
    'the access point seen to be away',
    async () => (await rig.metric('dependency_down', 'access-point')) === 1,
    60_000,
  );
  const before = heap();
  await publish(LETTERS - 200);
  await eventually('all in the ledger', async () => (await effects('true')) === LETTERS || undefined, 90_000);
  expect(await effects("state = 'HANDED_OVER'")).toBe(0);
  const grown = heap() - before;
  expect(grown).toBeLessThan(MOST_GROWTH);

  const { accepted } = rig.sandbox.counts.messages;
  expect(accepted).toBe(0);
  rig.sandbox.fault({ system: 'access-point', mode: 'none' });
  await eventually(
    'all handed over',
    async () => (await effects("state = 'HANDED_OVER'")) === LETTERS || undefined,
    240_000,
  );
  expect(rig.sandbox.counts.messages).toMatchObject({ accepted: LETTERS, duplicatesRefused: 0 });
  expect(await effects("state IN ('FAILED', 'REFUSED')")).toBe(0);
  process.stdout.write(`heap after ${LETTERS} waiting letters: ${(grown / 1_048_576).toFixed(1)} MB more\n`);
}, 480_000);
