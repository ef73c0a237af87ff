import { describe, expect, it } from '@jest/globals';
import { RateLimit } from './rate-limit.js';

describe('a rate limit', () => {
  it('admits so many a minute, for each key by itself', () => {
    let now = 0;
    const limit = new RateLimit(3, () => now);
    const admitted = (key: string, tries: number): number =>
      Array.from({ length: tries }, () => limit.admit(key)).filter(Boolean).length;
    expect(admitted('a', 10)).toBe(3);
    expect(admitted('b', 2)).toBe(2);
    now += 20_000;
    expect(admitted('a', 10)).toBe(1);
    now += 3_600_000;
    expect(admitted('a', 10)).toBe(3);
  });
});
