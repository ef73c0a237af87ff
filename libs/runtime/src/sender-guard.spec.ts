import { describe, expect, it } from '@jest/globals';
import type { Tally } from './flood-guard.js';
import { senderOf, SenderGuard, type Tallies } from './sender-guard.js';
import type { Received } from './stage.js';

const LIMITS = { share: 0.5, atLeast: 200, windowMs: 300_000 };
type Pair = readonly [handled: number, unhappy: number];

const talliesOf = (named: Readonly<Record<string, Pair>>, unnamed?: Pair): Tallies => {
  const tally = ([handled, unhappy]: Pair): Tally => ({ handled, unhappy });
  const all = Object.entries(named).map(([sender, pair]): [string | undefined, Tally] => [sender, tally(pair)]);
  return new Map(unnamed === undefined ? all : [...all, [undefined, tally(unnamed)]]);
};
const many = (count: number, pair: Pair): Record<string, Pair> =>
  Object.fromEntries(Array.from({ length: count }, (_none, index) => [`sender-${index}`, pair]));

/** As the runtime does it: asked, then counted if allowed. Undefined when the consumer stops, else the senders that are told. */
function told(guard: SenderGuard, batch: Tallies, now = 0): string[] | undefined {
  return guard.allows(batch, now) ? [...guard.count(batch, now).keys()] : undefined;
}

describe("a consumer's guard", () => {
  it('is not stopped by one sender, however many of its letters fail and whoever else sends', () => {
    for (const others of [{}, many(1, [200, 0]), many(2, [1, 0]), many(50, [1_000, 2])])
      expect(told(new SenderGuard(LIMITS), talliesOf({ ...others, bad: [100_000, 100_000] }))).toEqual(['bad']);
  });

  it('is not stopped by two senders beside two that are well', () => {
    const two = { ...many(2, [500, 500]), a: [1_000, 0] as const, b: [1_000, 0] as const };
    expect(told(new SenderGuard(LIMITS), talliesOf(two))).toEqual(['sender-0', 'sender-1']);
  });

  it('is stopped by large senders as soon as there are four of them', () => {
    expect(told(new SenderGuard(LIMITS), talliesOf(many(4, [50, 50])))).toBeUndefined();
    expect(told(new SenderGuard(LIMITS), talliesOf(many(4, [10_000, 10_000])))).toBeUndefined();
  });

  it('is stopped by many small senders, batch for batch, also when one large sender is well', () => {
    const guard = new SenderGuard(LIMITS);
    expect(told(guard, talliesOf({ large: [100_000, 0] }))).toEqual([]);
    expect(told(guard, talliesOf(many(180, [1, 1])), 1_000)).toBeUndefined();
    expect(told(guard, talliesOf(many(40, [1, 1])), 1_000)).toEqual([]);
    expect(told(guard, talliesOf(many(180, [1, 1])), 2_000)).toBeUndefined();
  });

  it('is stopped by records that name no sender as it ever was', () => {
    expect(told(new SenderGuard(LIMITS), talliesOf({}, [200, 101]))).toBeUndefined();
    expect(told(new SenderGuard(LIMITS), talliesOf({}, [200, 100]))).toEqual([]);
    expect(told(new SenderGuard(LIMITS), talliesOf({}, [199, 199]))).toEqual([]);
  });

  it('is stopped by nothing where the operator lets everything through', () => {
    const guard = new SenderGuard({ ...LIMITS, share: 1 });
    expect(told(guard, talliesOf(many(300, [300, 300]), [1_000, 1_000]))).toEqual([]);
  });

  it('counts once what is asked about again and again because it cannot be published', () => {
    const guard = new SenderGuard(LIMITS);
    for (let at = 0; at < 1_000; at++) expect(guard.allows(talliesOf(many(150, [1, 1])), at)).toBe(true);
  });

  it('forgets what is older than its window', () => {
    const guard = new SenderGuard(LIMITS);
    expect(told(guard, talliesOf(many(150, [1, 1])))).toEqual([]);
    expect(told(guard, talliesOf(many(150, [1, 1])), 299_999)).toBeUndefined();
    expect(told(guard, talliesOf(many(150, [1, 1])), 300_001)).toEqual([]);
  });

  it("tells of one sender's flood once in a window, as long as it lasts", () => {
    const guard = new SenderGuard(LIMITS);
    const bad = talliesOf({ bad: [150, 150] });
    expect([0, 1, 2, 250_000, 300_001, 300_002, 900_000].map((at) => told(guard, bad, at))).toEqual([
      ...[[], ['bad'], [], [], ['bad'], [], []],
    ]);
  });
});

describe('the sender of a record', () => {
  const received = (subject: string, event: object): Received =>
    ({ subject, event, source: { parameter: '310000108' } }) as unknown as Received;

  it.each<[string, object, string | undefined]>([
    ['letter.routed.v1', { letter: { sender: '310000027' } }, '310000027'],
    ['letter.dispatch.v1', { sender: '310000027' }, '310000027'],
    ['letter.dispatched.v1', { letterId: 'x' }, undefined],
    // what an agency writes proves nothing; its topic does
    ['letter.submitted.v1', { sender: '310000027' }, '310000108'],
  ])('%s', (subject, event, sender) => {
    expect(senderOf(received(subject, event))).toBe(sender);
  });
});
