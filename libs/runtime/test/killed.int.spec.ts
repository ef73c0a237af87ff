import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { decode, encode, header, uuidv5 } from '@postgang/pipeline';
import { eventually } from '@postgang/testing';
import type { KafkaMessage, Message } from 'kafkajs';
import { startChild, type Child } from './child.js';
import { startRig, type Rig } from './rig.js';
import { dispatched, letterIds } from './spec-stage.js';

const LETTERS = 2_000;
const RECORDS_EACH = 5;
const KILLS = 3;
/** Records; fewer than are produced before each kill, so that the point is reached however slow anybody is. */
const LATEST_KILL = 1_500;

/** The same points in every run, so that a failure can be looked at (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const recordOf = (letterId: string, ordinal: number): Message => ({
  key: letterId,
  value: encode('letter.dispatched.v1', dispatched(letterId, ordinal)),
  headers: { ce_id: uuidv5(letterId, String(ordinal)) },
});
const ordinalOf = (message: KafkaMessage): number => Number(decode('recipient.notified.v1', message.value).reason);
/** Which record this came of. */
const causeOf = (message: KafkaMessage): string => `${message.key?.toString()}/${ordinalOf(message)}`;

describe('a stage that is killed in mid-flow', () => {
  let rig: Rig;
  const children: Child[] = [];

  beforeEach(async () => {
    rig = await startRig();
  });
  afterEach(async () => {
    for (const child of children.splice(0)) child.process.kill('SIGKILL');
    await rig.close();
  });

  it('loses none of 10,000 records, repeats only with the same event id, and keeps each letter in order', async () => {
    const random = seeded(20261123);
    const letters = letterIds(LETTERS);
    const all = LETTERS * RECORDS_EACH;
    let ordinal = 0;
    const produce = (): Promise<void> => {
      const n = ordinal++;
      return rig.produce(
        'letter.dispatched.v1',
        letters.map((id) => recordOf(id, n)),
      );
    };
    const out = await rig.collect('recipient.notified.v1');
    await produce();

    let next = startChild('publish', rig.prefix);
    for (let kill = 0; kill < KILLS; kill += 1) {
      const child = next;
      children.push(child);
      await produce();
      const point = out.length + 1 + Math.floor(random() * LATEST_KILL);
      await eventually(`output number ${point}`, () => out.length >= point || undefined, 30_000).catch(
        (error: unknown) => {
          throw new Error(`${out.length} outputs; the process says: ${child.output()}`, { cause: error });
        },
      );
      child.process.kill('SIGKILL');
      expect(await child.ended()).toBe('SIGKILL');
      next = startChild('publish', rig.prefix);
    }
    children.push(next);
    await produce();

    await eventually('all', () => new Set(out.map(causeOf)).size === all || undefined, 40_000);
    const causes = new Map(out.map((message) => [header(message.headers, 'ce_id'), causeOf(message)]));
    // as many ids as records, and none stands for two
    expect(causes.size).toBe(all);
    expect(out.filter((message) => causes.get(header(message.headers, 'ce_id')) !== causeOf(message))).toEqual([]);
    // the first of each, as they lie in the topic
    const order = new Map<string, Set<number>>();
    for (const message of out) {
      const key = message.key?.toString() ?? '';
      order.set(key, (order.get(key) ?? new Set()).add(ordinalOf(message)));
    }
    expect(order.size).toBe(LETTERS);
    for (const ordinals of order.values()) expect([...ordinals]).toEqual([0, 1, 2, 3, 4]);
    // repeats are what was in hand at a kill, not everything
    expect(out.length - all).toBeLessThan(KILLS * 2_000);
  }, 120_000);
});
