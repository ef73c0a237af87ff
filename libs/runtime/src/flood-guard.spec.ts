import { describe, expect, it } from '@jest/globals';
import { FloodGuard } from './flood-guard.js';

const LIMITS = { share: 0.5, atLeast: 100, windowMs: 60_000 };

describe('the flood guard', () => {
  it('lets any share of few records pass', () => {
    const guard = new FloodGuard(LIMITS);
    expect(guard.admit(99, 99, 0)).toBe(true);
  });

  it('stops what would bring the share above its limit, and not what only reaches it', () => {
    expect(new FloodGuard(LIMITS).admit(100, 50, 0)).toBe(true);
    expect(new FloodGuard(LIMITS).admit(100, 51, 0)).toBe(false);
  });

  it('counts small batches together', () => {
    const guard = new FloodGuard(LIMITS);
    const admitted = Array.from({ length: 120 }, (_, index) => guard.admit(1, 1, index * 10));
    expect(admitted.indexOf(false)).toBe(99);
  });

  it('does not count what it stopped, so that a good batch still passes', () => {
    const guard = new FloodGuard(LIMITS);
    expect(guard.admit(1_000, 1_000, 0)).toBe(false);
    expect(guard.admit(100, 0, 1)).toBe(true);
  });

  it('lets a batch without an unhappy end pass, whatever came before', () => {
    const guard = new FloodGuard(LIMITS);
    for (let at = 0; at < 99; at += 1) guard.admit(1, 1, at);
    expect(guard.admit(5, 0, 100)).toBe(true);
  });

  it('forgets what is older than its window', () => {
    const guard = new FloodGuard(LIMITS);
    expect(guard.admit(99, 99, 0)).toBe(true);
    expect(guard.admit(50, 20, 59_999)).toBe(false);
    expect(guard.admit(50, 20, 60_001)).toBe(true);
  });

  it('lets good records of the window speak for some bad ones', () => {
    const guard = new FloodGuard(LIMITS);
    expect(guard.admit(1_000, 0, 0)).toBe(true);
    expect(guard.admit(400, 400, 10)).toBe(true);
    expect(guard.admit(700, 700, 20)).toBe(false);
  });
});
