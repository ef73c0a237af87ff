import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { LetterDispatch } from '@postgang/pipeline';
import { eventually } from '@postgang/testing';
import { EffectBooks } from '../src/index.js';
import { AGENCY, Rig, sql } from './rig.js';

const LETTERS = 200;
const NOBODY = '910076787';
let rig: Rig;
let books: EffectBooks;

beforeAll(async () => {
  rig = await Rig.start();
  await rig.run();
  books = await EffectBooks.open(rig.databaseUrl);
}, 60_000);
afterAll(async () => {
  await books?.close();
  await rig?.stop();
}, 60_000);

describe('the effect ledger', () => {
  it('equals what the access point counts, though every twentieth answer is dropped after the effect', async () => {
    rig.sandbox.fault({ system: 'access-point', mode: 'drop-answer-after-effect', percent: 5 });
    const one = await rig.letters.seal(AGENCY);
    const letters = [one, ...(await Promise.all(Array.from({ length: LETTERS - 1 }, () => rig.letters.seal(AGENCY))))];
    const refused = await rig.letters.seal(AGENCY);
    await rig.send(...letters, { ...refused, providerOrganisation: NOBODY });
    // the same record once more, as after a crash before its place was committed
    await rig.send(one);
    await eventually(
      'an end for each',
      async () => {
        const [mine] = await books.counts();
        return mine !== undefined && mine.handedOver + mine.refused === LETTERS + 1;
      },
      120_000,
    );
    const [mine] = await books.counts();
    const outside = await rig.accepted();
    expect(outside).toMatchObject({ accepted: LETTERS, distinctMessageIds: LETTERS, duplicatesRefused: 0 });
    expect(mine).toMatchObject({
      ...{ effects: LETTERS + 1, handedOver: outside.accepted, refused: 1, recordsSuppressed: 1 },
      ...{ failed: 0, uncertain: 0, parked: 0, queued: 0, inHand: 0 },
    });
    // the faults did strike, and each time the answer was asked for instead of the letter sent again
    expect(mine?.settled['provider-has-it']).toBeGreaterThanOrEqual(5);
    expect(mine?.doublesPrevented).toBe((mine?.settled['provider-has-it'] ?? 0) + 1);
    expect(await rig.metric('effects_total', 'handed-over')).toBe(LETTERS);
    expect(await rig.metric('effects_total', 'record-suppressed')).toBe(1);
    rig.sandbox.fault({ system: 'access-point', mode: 'none' });
  }, 180_000);

  describe('with a hand-over that nobody answers for', () => {
    const park = async (event: LetterDispatch): Promise<void> => {
      rig.sandbox.fault({ system: 'access-point', mode: 'drop-answer-after-effect' });
      await rig.send(event);
      await rig.in('UNCERTAIN', event);
      // asked in vain for an hour
      await sql(
        rig.databaseUrl,
        `UPDATE provider_dispatch.effect SET questions = 11, not_before = now() WHERE id = '${event.messageId}'`,
      );
      await rig.in('PARKED', event);
      rig.sandbox.fault({ system: 'access-point', mode: 'none' });
    };

    it('parks it, shows it, and takes an operator’s word: it has arrived', async () => {
      const event = await rig.letters.seal(AGENCY);
      const before = (await rig.accepted()).accepted;
      await park(event);
      await eventually(
        'the metric that alarms',
        async () => (await rig.metric('effects_unsettled', 'PARKED')) === 1,
        30_000,
      );
      expect(await books.unsettled(10)).toMatchObject([{ id: event.messageId, state: 'PARKED', questions: 12 }]);
      expect(await books.settle(event.messageId, true, 'seen in the log of the access point')).toBe(true);
      const told = await eventually('the event', () => rig.of(event)[0], 30_000);
      // his own words stay in the ledger
      expect(told.event).toMatchObject({ settled: true, operatorNote: 'operator-handed-over' });
      expect((await rig.accepted()).accepted).toBe(before + 1);
    }, 90_000);

    it('sends again only when an operator says that it was not done', async () => {
      const event = await rig.letters.seal(AGENCY);
      await park(event);
      // the operator is wrong: the access point has it, refuses the used id, and is asked
      expect(await books.settle(event.messageId, false, 'not in the log')).toBe(true);
      expect(await rig.in('HANDED_OVER', event)).toMatchObject({ settledHow: 'provider-has-it', attempts: 2 });
      expect((await rig.accepted()).distinctMessageIds).toBe((await rig.accepted()).accepted);
    }, 90_000);
  });
});
