import { describe, expect, it } from '@jest/globals';
import { FloodGuard } from './flood-guard.js';

const LIMITS = { share: 0.5, atLeast: 100, windowMs: 60_000 };

/** As the runtime does it: asked, then counted if allowed. */
function admit(guard: FloodGuard, handled: number, unhappy: number, now: number): boolean {
  const allowed = guard.allows({ handled, unhappy }, now);
  if (allowed) guard.count({ handled, unhappy }, now);
  return allowed;
}

describe('the flood guard', () => {
  it('lets any share of few records pass', () => {
    const guard = new FloodGuard(LIMITS);
    expect(admit(guard, 99, 99, 0)).toBe(true);
  });

  it('stops what would bring the share above its limit, and not what only reaches it', () => {
    expect(admit(new FloodGuard(LIMITS), 100, 50, 0)).toBe(true);
    expect(admit(new FloodGuard(LIMITS), 100, 51, 0)).toBe(false);
  });

  it('stops nothing when its share is 1', () => {
    expect(admit(new FloodGuard({ ...LIMITS, share: 1 }), 1_000, 1_000, 0)).toBe(true);
  });

  it('counts small batches together', () => {
    const guard = new FloodGuard(LIMITS);
    const admitted = Array.from({ length: 120 }, (_, index) => admit(guard, 1, 1, index * 10));
    expect(admitted.indexOf(false)).toBe(99);
  });

  it('does not count what it is only asked about, so that records delivered again and again are no more than they are', () => {
    const guard = new FloodGuard(LIMITS);
    for (let at = 0; at < 1_000; at++) expect(guard.allows({ handled: 60, unhappy: 60 }, at)).toBe(true);
  });

  it('does not count what it stopped, so that a good batch still passes', () => {
    const guard = new FloodGuard(LIMITS);
    expect(admit(guard, 1_000, 1_000, 0)).toBe(false);
    expect(admit(guard, 100, 0, 1)).toBe(true);
  });

  it('lets a batch without an unhappy end pass, whatever came before', () => {
    const guard = new FloodGuard(LIMITS);
    for (let at = 0; at < 99; at += 1) admit(guard, 1, 1, at);
    expect(admit(guard, 5, 0, 100)).toBe(true);
  });

  it('forgets what is older than its window', () => {
    const guard = new FloodGuard(LIMITS);
    expect(admit(guard, 99, 99, 0)).toBe(true);
    expect(admit(guard, 50, 20, 59_999)).toBe(false);
    expect(admit(guard, 50, 20, 60_001)).toBe(true);
  });

  it('keeps no more than its window, also when nothing ever goes wrong', () => {
    const guard = new FloodGuard(LIMITS);
    for (let at = 0; at < 10_000_000; at += 1_000) guard.count({ handled: 1, unhappy: 0 }, at);
    expect(guard.tally({ handled: 0, unhappy: 0 }, 9_999_000)).toEqual({ handled: 60, unhappy: 0 });
    expect((guard as unknown as { entries: unknown[] }).entries).toHaveLength(60);
  });

  it('lets good records of the window speak for some bad ones', () => {
    const guard = new FloodGuard(LIMITS);
    expect(admit(guard, 1_000, 0, 0)).toBe(true);
    expect(admit(guard, 400, 400, 10)).toBe(true);
    expect(admit(guard, 700, 700, 20)).toBe(false);
  });
});
