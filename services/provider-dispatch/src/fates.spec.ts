import { describe, expect, it } from '@jest/globals';
import type { SendResult, SettleResult } from '@postgang/providers';
import type { Effect } from '@postgang/runtime';
import { afterSend, afterSettle, MOST_ATTEMPTS, MOST_QUESTIONS, tryAgain } from './fates.js';

const effect = (attempts: number, reason: string | null = null): Effect => ({
  id: 'e',
  letterId: 'l',
  leg: 1,
  provider: 'digipost',
  lane: '310000027',
  payload: Buffer.alloc(0),
  traceparent: undefined,
  state: 'INTENDED',
  attempts,
  settled: false,
  settledHow: null,
  operatorNote: null,
  questions: 0,
  fence: 1,
  reason,
  doneAt: null,
});

describe('after a call', () => {
  it.each<[string, number, SendResult, object]>([
    ['taken', 1, { kind: 'handed-over' }, { state: 'HANDED_OVER', free: false }],
    ['a no at the first attempt', 1, { kind: 'refused', reason: 'x' }, { state: 'REFUSED', reason: 'x' }],
    [
      'a no later: an earlier attempt may have got through',
      2,
      { kind: 'refused', reason: 'x' },
      { state: 'UNCERTAIN' },
    ],
    ['no clear answer', 1, { kind: 'uncertain', reason: 'x' }, { state: 'UNCERTAIN', waitMs: 10_000 }],
    ['away', 20, { kind: 'down', waitMs: 9, reason: 'x' }, { state: 'QUEUED', free: true }],
    [
      'no right for this agency',
      20,
      { kind: 'sender-blocked', reason: 'x', asked: true },
      { state: 'QUEUED', free: true },
    ],
    ['a no to what is ours', 20, { kind: 'refused-ours', reason: 'x' }, { state: 'QUEUED', free: true }],
    ['not done', 3, { kind: 'retry', waitMs: 0, reason: 'x' }, { state: 'QUEUED', waitMs: 8_000, free: false }],
    ['not done, and it says when', 3, { kind: 'retry', waitMs: 60_000, reason: 'x' }, { waitMs: 60_000 }],
    ['not done for the last time', MOST_ATTEMPTS, { kind: 'retry', waitMs: 0, reason: 'x' }, { state: 'FAILED' }],
  ])('%s', (_what, attempts, result, expected) => {
    expect(afterSend(effect(attempts), result)).toMatchObject(expected);
  });

  it('a no to what is ours, to which it says yes in all others, is tried later and later and given up', () => {
    const no: SendResult = { kind: 'refused-ours', reason: 'x' };
    expect(afterSend(effect(3), no, true)).toMatchObject({ state: 'QUEUED', waitMs: 8_000, free: false });
    expect(afterSend(effect(MOST_ATTEMPTS), no, true)).toMatchObject({ state: 'FAILED', reason: 'x' });
  });

  it('waits longer at each attempt, ten minutes at most', () => {
    const waits = Array.from({ length: MOST_ATTEMPTS - 1 }, (_, index) => tryAgain(effect(index + 1), 'x').waitMs);
    expect(waits).toEqual([...waits].sort((a, b) => a - b));
    expect(waits.at(-1)).toBe(600_000);
  });
});

describe('after asking', () => {
  it.each<[string, Effect, SettleResult, object]>([
    ['it has it', effect(1), { kind: 'handed-over' }, { state: 'HANDED_OVER', settled: 'provider-has-it' }],
    [
      'it has given up',
      effect(1),
      { kind: 'refused', reason: 'x' },
      { state: 'REFUSED', reason: 'x', settled: 'provider-refused' },
    ],
    ['it never got it', effect(1), { kind: 'unknown-there' }, { state: 'QUEUED', reason: 'never-arrived' }],
    [
      'its gateway was down, for the twentieth time',
      effect(MOST_ATTEMPTS, 'status-503'),
      { kind: 'unknown-there' },
      { state: 'QUEUED', free: true },
    ],
    ['it never got it, for the last time', effect(MOST_ATTEMPTS), { kind: 'unknown-there' }, { state: 'FAILED' }],
    ['it still does not say', effect(1, 'first'), { kind: 'still-uncertain', reason: 'x' }, { reason: 'first' }],
  ])('%s', (_what, given, result, expected) => {
    expect(afterSettle(given, result)).toMatchObject(expected);
  });

  it.each(['no-answer', 'status-500', 'status-503'])(
    'an outage burns no attempt, however long it lasts and however it is told: %s',
    (reason) => {
      for (let round = 1; round < 3 * MOST_ATTEMPTS; round++) {
        const sent = afterSend(effect(1), { kind: 'uncertain', reason });
        const settled = afterSettle(effect(1, sent.reason), { kind: 'unknown-there' }, true);
        expect(settled).toMatchObject({ state: 'QUEUED', free: true, waitMs: 15_000 });
      }
    },
  );

  it('a letter that alone has no answer is tried later and later, and given up in the end', () => {
    const tried = Array.from({ length: MOST_ATTEMPTS }, (_, index) =>
      afterSettle(effect(index + 1, 'no-answer'), { kind: 'unknown-there' }),
    );
    const waits = tried.slice(0, -1).map(({ waitMs }) => waitMs);
    expect(waits).toEqual([...waits].sort((a, b) => a - b));
    expect(waits.reduce((sum, wait) => sum + wait, 0)).toBeGreaterThan(3_600_000);
    expect(tried.at(-1)).toMatchObject({ state: 'FAILED' });
  });

  it('it does not say: it is asked later and later, then parked for a person, and still asked once an hour', () => {
    const asked = Array.from({ length: MOST_QUESTIONS + 1 }, (_, questions) =>
      afterSettle({ ...effect(1, 'no-answer'), questions }, { kind: 'still-uncertain', reason: 'x' }),
    );
    const waits = asked.map(({ waitMs }) => waitMs);
    expect(waits).toEqual([...waits].sort((a, b) => a - b));
    expect(asked.map(({ state }) => state).slice(-3)).toEqual(['UNCERTAIN', 'PARKED', 'PARKED']);
    expect(asked.at(-1)).toMatchObject({ waitMs: 3_600_000, reason: 'no-answer', asked: true, settled: null });
    // all that before it is parked takes a good hour: an outage of minutes parks nothing
    expect(waits.slice(0, MOST_QUESTIONS - 1).reduce((sum, wait) => sum + wait, 0)).toBeGreaterThan(3_600_000);
  });

  it('a no at a later attempt counts when none of the earlier ones got through', () => {
    const later = afterSend(effect(2), { kind: 'refused', reason: 'invalid-signature' });
    const settled = afterSettle(effect(2, later.reason), { kind: 'unknown-there' });
    expect(settled).toMatchObject({ state: 'REFUSED', reason: 'invalid-signature', settled: 'never-arrived' });
  });
});
