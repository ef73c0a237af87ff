import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { KafkaMessage } from 'kafkajs';
import { TierClock } from './tier-clock.js';

const DELAY = 10_000;
const DAY = 86_400_000;

const record = (offset: number, due?: number | string): KafkaMessage =>
  ({
    offset: String(offset),
    headers: due === undefined ? {} : { 'retry-due-at': Buffer.from(String(due)) },
  }) as unknown as KafkaMessage;

describe('a retry tier', () => {
  it('gives what is due, and tells how long until the next', () => {
    const messages = [record(0, 10), record(1), record(2, 25), record(3, 30)];
    const tier = new TierClock(DELAY);
    expect(tier.dueNow(messages, 4n, { wall: 20, monotonic: 0 })).toEqual({ ready: messages.slice(0, 2), dueIn: 5 });
    expect(tier.dueNow(messages, 4n, { wall: 30, monotonic: 0 })).toEqual({ ready: messages, dueIn: undefined });
  });

  it('takes what has no readable time as due', () => {
    const messages = [record(0, 'soon'), record(1, 'NaN'), record(2, -5)];
    expect(new TierClock(DELAY).dueNow(messages, 3n, { wall: 20, monotonic: 0 }).ready).toHaveLength(3);
  });

  it('waits no longer than its delay for one whose writer was a day ahead, and for all that lay there with it', () => {
    const tier = new TierClock(DELAY);
    const messages = [record(7, 1_000 + DAY), record(8, 1_001 + DAY), record(9, 1_002 + DAY)];
    expect(tier.dueNow(messages, 9n, { wall: 0, monotonic: 500 })).toEqual({ ready: [], dueIn: DELAY });
    expect(tier.dueNow(messages, 10n, { wall: DELAY - 1, monotonic: 500 + DELAY - 1 })).toEqual({
      ready: [],
      dueIn: 1,
    });
    const { ready, dueIn } = tier.dueNow(messages, 10n, { wall: DELAY, monotonic: 500 + DELAY });
    expect(ready).toEqual(messages.slice(0, 2));
    // the third came later
    expect(dueIn).toBeLessThanOrEqual(DELAY);
  });

  it('waits no longer than its delay when our own clock is set back meanwhile', () => {
    const tier = new TierClock(DELAY);
    const messages = [record(0, DAY + DELAY)];
    expect(tier.dueNow(messages, 1n, { wall: DAY, monotonic: 0 }).dueIn).toBe(DELAY);
    expect(tier.dueNow(messages, 1n, { wall: 0, monotonic: 4_000 }).dueIn).toBe(DELAY - 4_000);
    expect(tier.dueNow(messages, 1n, { wall: DELAY, monotonic: DELAY }).ready).toEqual(messages);
  });

  it('lets no record wait for two delays, however wrong the clocks of all who write are', () => {
    const writes = fc.array(fc.tuple(fc.nat(3_000), fc.integer({ min: -DAY, max: DAY })), {
      minLength: 1,
      maxLength: 60,
    });
    fc.assert(
      fc.property(writes, fc.integer({ min: -DAY, max: DAY }), (steps, readerIsAhead) => {
        let at = 0;
        const lying = steps.map(([pause, ahead], offset) => {
          at += pause;
          return { written: at, message: record(offset, at + ahead + DELAY) };
        });
        const tier = new TierClock(DELAY);
        let now = 0;
        let next = 0;
        while (next < lying.length) {
          const there = lying.filter(({ written }) => written <= now);
          const batch = there.slice(next).map(({ message }) => message);
          const moment = { wall: now + readerIsAhead, monotonic: now };
          const { ready, dueIn } = tier.dueNow(batch, BigInt(there.length), moment);
          for (let index = 0; index < ready.length; index++, next++)
            expect(now - (lying[next]?.written ?? 0)).toBeLessThanOrEqual(2 * DELAY);
          const arrival = lying.find(({ written }) => written > now)?.written ?? now + DELAY;
          now = dueIn === undefined ? Math.max(arrival, now + 1) : now + Math.max(dueIn, 1);
        }
      }),
      { seed: 20_261_125, numRuns: 300 },
    );
  });
});
