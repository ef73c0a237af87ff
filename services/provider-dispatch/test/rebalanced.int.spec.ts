import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '@postgang/testing';
import { AGENCY, Rig, sql } from './rig.js';

const LETTERS = 120;
let rig: Rig;
beforeAll(async () => {
  rig = await Rig.start();
}, 60_000);
afterAll(() => rig?.stop(), 60_000);

describe('hand-overs at the moment of a rebalance', () => {
  it('happen once each, when an instance comes, when one goes, and for records that both have read', async () => {
    const first = await rig.run();
    // calls take long enough to be on their way when the group changes
    await rig.admin('POST', '/admin/faults', { system: 'access-point', mode: 'latency', ms: 300 });
    const letters = await Promise.all(Array.from({ length: LETTERS }, () => rig.letters.seal(AGENCY)));
    const some = (count: number): Promise<unknown> =>
      eventually(`${count} at the access point`, async () => (await rig.accepted()).accepted >= count, 60_000);
    await rig.send(...letters.slice(0, 60));
    await some(1);
    const second = await rig.run();
    await rig.send(...letters.slice(60));
    // what lies behind a place that a lost member could not commit is read again
    await rig.send(...letters.slice(0, 90));
    await some(61);
    await first.stop();
    await some(LETTERS);
    await eventually(
      'all in the ledger',
      async () => {
        const rows = await sql<{ state: string; count: number }>(
          rig.databaseUrl,
          'SELECT state, count(*)::int AS count FROM provider_dispatch.effect GROUP BY state',
        );
        return rows.length === 1 && rows[0]?.state === 'HANDED_OVER' && rows[0].count === LETTERS;
      },
      60_000,
    );
    await second.stop();
    expect(await rig.accepted()).toMatchObject({
      accepted: LETTERS,
      distinctMessageIds: LETTERS,
      duplicatesRefused: 0,
    });
  }, 180_000);
});
