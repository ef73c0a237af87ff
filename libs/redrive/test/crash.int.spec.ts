import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { deadLetterTopic, retryTopic } from '@postgang/pipeline';
import { BatchingSender, kafkaProducer, openDatabase, TopicReader, type OutgoingMessage } from '@postgang/runtime';
import fc from 'fast-check';
import type { DataSource } from 'typeorm';
import { Plans1765000000000 } from '../src/db/1-plans.migration.js';
import { carryOut } from '../src/run.js';
import { KEYS, letterOf, recordIdOf, Rig } from './rig.js';

const RECORDS = 12;
/** Records a second, hence in hand at once. */
const RATE = 5;
let rig: Rig;
let source: DataSource;
let sender: BatchingSender;
let closing: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  rig = await Rig.start();
  closing.push(() => rig.stop());
  source = await openDatabase({
    ...{ url: rig.url, schema: 'operations', pool: 2, entities: [], migrations: [Plans1765000000000] },
    onStatement: () => undefined,
  });
  closing.push(() => source.destroy());
  const producer = kafkaProducer(rig.kafka);
  await producer.connect();
  closing.push(() => producer.disconnect());
  sender = new BatchingSender(producer, rig.prefix);
}, 60_000);
afterAll(async () => {
  for (const close of closing.reverse()) await close();
  closing = [];
});

class Died extends Error {}

/** The process is gone at the nth publication: before the broker has it, or after, and before anybody could write that down. */
const dyingAt = (nth: number, published: boolean) => {
  let count = 0;
  return {
    async send(messages: readonly OutgoingMessage[]): Promise<void> {
      const here = count++ === nth;
      if (!here || published) await sender.send(messages);
      if (here) throw new Died();
    },
  };
};

let round = 0;

it('a run that dies anywhere between claim, publication and mark sends each record once in the end, and tells each step once', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ nth: fc.nat(5), published: fc.boolean() }), { minLength: 1, maxLength: 3 }),
      async (deaths) => {
        const names = Array.from({ length: RECORDS }, (_, index) => `round-${round}-${index}`);
        round += 1;
        await rig.know(names);
        await rig.die(names.map((reference) => ({ reference, failure: `round ${round}.` })));
        const wanted = { service: 'register-lookup', leavePastDeadline: false, alsoFailed: false } as const;
        const plan = await rig.redrive.plan(
          { ...wanted, filter: { reason: `round ${round}.` }, releaseAbove: 100 },
          'kari',
        );
        const dead = await TopicReader.open(rig.kafka, rig.prefix + deadLetterTopic('register-lookup'));
        const openTier = () => TopicReader.open(rig.kafka, rig.prefix + retryTopic('register-lookup', '10s'));
        await rig.database.query("UPDATE redrive_plan SET state = 'RUNNING' WHERE id = $1", [plan.id]);
        const run = (at: { nth: number; published: boolean }): Promise<void> =>
          carryOut(plan, {
            ...{ manager: source.manager, dead, openTier, keys: KEYS, by: 'kari', rate: RATE },
            sender: dyingAt(at.nth, at.published),
          });
        for (const death of deaths) await run(death).catch((error: unknown) => expect(error).toBeInstanceOf(Died));
        await dead.close();
        expect(await rig.redrive.run(plan.id, 'kari', { rate: 1_000 })).toBe(true);
        const mine = new Set(names.map(recordIdOf));
        const sent = (await rig.tier()).map(({ headers }) => headers['ce_id'] ?? '').filter((id) => mine.has(id));
        expect(sent.sort()).toEqual([...mine].sort());
        const { records } = await rig.redrive.show(plan.id);
        expect(new Set(records.map(({ state }) => state))).toEqual(new Set(['SENT']));
        const letters = new Set(names.map(letterOf));
        const told = await rig.lying('letter.redriven.v1');
        const ids = new Set(told.filter(({ key }) => letters.has(key)).map(({ headers }) => headers['ce_id']));
        expect(ids.size).toBe(2 * RECORDS);
      },
    ),
    { numRuns: 5, endOnFailure: true },
  );
}, 300_000);
