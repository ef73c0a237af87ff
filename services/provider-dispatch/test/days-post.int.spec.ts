import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { eventually } from '@postgang/testing';
import { Rig, sql } from './rig.js';

const AGENCIES = [
  '310000302',
  '310000310',
  '310000329',
  '310000337',
  '310000345',
  '310000353',
  '310000361',
  '310000388',
];
const LETTERS = 400;
/** An operator that is not the owner of its certificate: the access point refuses every message of ours. */
const WRONG = { OPERATOR: '310000205' };
let rig: Rig;
beforeAll(async () => {
  rig = await Rig.start({ receiptDelayMs: 0 });
  await rig.admin('POST', '/admin/agencies', { agencies: AGENCIES });
}, 60_000);
afterAll(() => rig?.stop(), 60_000);

it("a wrong setting of ours refuses nobody's letter: all of them go out when it is mended", async () => {
  const lists = await Promise.all(AGENCIES.map((agency) => rig.letters.many(agency, LETTERS / AGENCIES.length)));
  await rig.send(...lists.flat());
  await rig.run(rig.databaseUrl, WRONG);
  const states = (): Promise<{ state: string; n: number }[]> =>
    sql(rig.databaseUrl, 'SELECT state, count(*)::int AS n FROM effect GROUP BY state');
  const count = async (state: string): Promise<number> => (await states()).find((row) => row.state === state)?.n ?? 0;
  await eventually('every letter waits', async () => (await count('QUEUED')) === LETTERS || undefined, 60_000);
  await eventually('the alarm', async () => (await rig.metric('dependency_down', 'digipost')) === 1 || undefined);
  await rig.halt();
  await rig.run();
  await eventually('handed over', async () => (await count('HANDED_OVER')) === LETTERS || undefined, 60_000);
  expect(rig.refused).toEqual([]);
  const [row] = await sql<{ most: number }>(rig.databaseUrl, 'SELECT max(attempts) AS most FROM effect');
  expect(row?.most).toBe(1);
}, 150_000);
