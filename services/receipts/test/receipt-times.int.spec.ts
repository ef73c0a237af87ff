import 'reflect-metadata';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ReceiptReceived } from '@postgang/pipeline';
import type { LetterFacts } from './letter-facts.js';
import { digital, print, StageRig } from './stage-rig.js';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const END_OF_ALL_TIME = new Date('9999-12-31T23:59:59.999Z');
const LONG_AGO = new Date(0);

let rig: StageRig;

beforeAll(async () => {
  rig = await StageRig.start();
}, 60_000);

afterAll(() => rig.stop());

const dueAtOf = async ({ letterId }: LetterFacts, awaits: string): Promise<number> => {
  const rows = await rig.database.query<{ due_at: Date }[]>(
    'SELECT due_at FROM expectation WHERE letter_id = $1 AND awaits = $2 AND met_at IS NULL',
    [letterId, awaits],
  );
  expect(rows).toHaveLength(1);
  return (rows[0] as { due_at: Date }).due_at.getTime();
};

describe('a signed receipt that says it happened at the end of all time', () => {
  it('is set aside, and holds up nothing', async () => {
    const letter = print();
    await rig.handle(rig.accepted(letter), rig.routed(letter));
    await rig.handle(await rig.receipt(letter, 'mottakskvittering', END_OF_ALL_TIME));
    expect(await rig.receiptsOf(letter)).toEqual([{ problem: 'happened-after-signed', letter_id: null }]);
  });

  it('and came before its leg does not keep the route of its letter out', async () => {
    const letter = print();
    await rig.handle(await rig.receipt(letter, 'mottakskvittering', END_OF_ALL_TIME));
    await rig.handle(rig.accepted(letter));
    await rig.handle(rig.routed(letter));
    const legs = await rig.database.query('SELECT state FROM leg WHERE letter_id = $1', [letter.letterId]);
    expect(legs).toEqual([{ state: 'Routed' }]);
  });
});

describe('a signed receipt that says it happened long before its package was made', () => {
  it('counts, and is no measure of how long the provider takes or of when the next is due', async () => {
    const letters = Array.from({ length: 12 }, print);
    for (const letter of letters) {
      await rig.handle(rig.accepted(letter), rig.routed(letter), rig.dispatch(letter), rig.dispatched(letter));
      await rig.handle(await rig.receipt(letter, 'mottakskvittering', LONG_AGO));
      expect(await dueAtOf(letter, 'Posted')).toBeGreaterThan(Date.now());
      await rig.handle(await rig.receipt(letter, 'leveringskvittering'));
    }
    const usual = await rig.database.query<{ samples: number; p95_seconds: number }[]>(
      "SELECT samples, p95_seconds FROM history_api_v1.usual_time WHERE provider = 'print' AND awaits = 'Posted'",
    );
    expect(usual).toMatchObject([{ samples: 12 }]);
    expect(usual[0]?.p95_seconds).toBeLessThan(DAY_MS / 1_000);
  });
});

describe('a record whose writer’s clock is far ahead', () => {
  it('moves no deadline: of an adapter’s report, as of our own hand-over', async () => {
    const [taken, handedOver] = [print(), print()];
    for (const letter of [taken, handedOver]) await rig.handle(rig.accepted(letter), rig.routed(letter));
    const report = { letterId: taken.letterId, leg: 1, outcome: 'TAKEN' as const, reason: null };
    await rig.handle(rig.received(taken, { report, receivedAt: END_OF_ALL_TIME.getTime() }));
    const ahead = { ...handedOver.dispatched(), handedOverAt: END_OF_ALL_TIME.getTime() };
    await rig.handle(rig.record('letter.dispatched.v1', ahead));
    for (const letter of [taken, handedOver])
      expect(await dueAtOf(letter, 'ReceivedForPrint')).toBeLessThan(Date.now() + 14 * DAY_MS);
  });
});

describe('a genuine receipt counts', () => {
  it('although the clock of the host that sealed the letter was an hour ahead', async () => {
    const ahead = { sealedAt: Date.now() + 60 * MINUTE_MS };
    const [routedFirst, sealedFirst] = [digital(), digital()];
    await rig.handle(rig.accepted(routedFirst), rig.routed(routedFirst), rig.dispatch(routedFirst, ahead));
    await rig.handle(rig.accepted(sealedFirst), rig.dispatch(sealedFirst, ahead), rig.routed(sealedFirst));
    for (const letter of [routedFirst, sealedFirst]) {
      await rig.handle(await rig.receipt(letter, 'leveringskvittering'));
      expect(await rig.receiptsOf(letter)).toEqual([{ problem: null, letter_id: letter.letterId }]);
    }
  });

  // by the time receipts reads it, a time that was ahead is past, and looks like any other
  describe('although receipts was away for a quarter of an hour and the clock of one host ten minutes ahead', () => {
    const away = () => {
      const letter = digital();
      const sealedTruly = Date.now() - 15 * MINUTE_MS;
      const signed = new Date(sealedTruly + MINUTE_MS);
      const [routedAt, ahead] = [sealedTruly - MINUTE_MS, sealedTruly + 10 * MINUTE_MS];
      return {
        ...{ letter, accepted: rig.accepted(letter) },
        routed: rig.record('letter.routed.v1', { ...letter.routed(), routedAt }),
        routedAhead: rig.record('letter.routed.v1', { ...letter.routed(), routedAt: ahead }),
        sealed: rig.dispatch(letter, { sealedAt: sealedTruly }),
        sealedAhead: rig.dispatch(letter, { sealedAt: ahead }),
        signed: () => rig.receipt(letter, 'leveringskvittering', signed, signed),
      };
    };
    const counts = async (letter: LetterFacts): Promise<void> =>
      expect(await rig.receiptsOf(letter)).toEqual([{ problem: null, letter_id: letter.letterId }]);
    const statuses = (told: readonly string[]): number =>
      told.filter((event) => event.startsWith('letter.status.v1')).length;

    it('that of the host that sealed the letter', async () => {
      const { letter, accepted, routed, sealedAhead, signed } = away();
      await rig.handle(accepted, routed, sealedAhead);
      await rig.handle(await signed());
      await counts(letter);
    });

    it('that of the host that chose its route', async () => {
      const { letter, accepted, routedAhead, sealed, signed } = away();
      await rig.handle(accepted, routedAhead, sealed);
      await rig.handle(await signed());
      await counts(letter);
    });

    it('and the receipt is read before the record of the other host', async () => {
      const { letter, accepted, routed, sealedAhead, signed } = away();
      await rig.handle(accepted, sealedAhead);
      await rig.handle(await signed());
      expect(await rig.receiptsOf(letter)).toEqual([{ problem: 'signed-before-sealed', letter_id: null }]);
      // what was set aside is measured again, and the sender is told
      expect(statuses(await rig.handle(routed))).toBe(1);
      await counts(letter);
      expect(statuses(await rig.handle(routed))).toBe(1);
    });

    it('and all of it is read at once, in whatever order', async () => {
      const { letter, accepted, routed, sealedAhead, signed } = away();
      const delivered = await signed();
      await rig.handle(delivered, sealedAhead, routed, accepted);
      await counts(letter);
    });
  });

  it('but no receipt that was signed before all that is known of its leg, however often it is measured', async () => {
    const letter = digital();
    const early = new Date(Date.now() - 6 * MINUTE_MS);
    await rig.handle(rig.accepted(letter), rig.dispatch(letter));
    await rig.handle(await rig.receipt(letter, 'leveringskvittering', early, early));
    await rig.handle(rig.routed(letter));
    expect(await rig.receiptsOf(letter)).toEqual([{ problem: 'signed-before-sealed', letter_id: null }]);
  });

  it('although the clock of the host that fetched it was ten minutes behind', async () => {
    const [letter, unknown] = [digital(), digital()];
    await rig.handle(rig.accepted(letter), rig.routed(letter));
    for (const one of [letter, unknown]) {
      const delivered = await rig.receipt(one, 'leveringskvittering');
      const event = { ...(delivered.event as ReceiptReceived), receivedAt: Date.now() - 10 * MINUTE_MS };
      await rig.handle({ ...delivered, event });
    }
    // the other waited, and is read again from its row
    await rig.handle(rig.accepted(unknown), rig.routed(unknown));
    for (const one of [letter, unknown])
      expect(await rig.receiptsOf(one)).toEqual([{ problem: null, letter_id: one.letterId }]);
  });
});
