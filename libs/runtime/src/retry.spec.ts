import { describe, expect, it } from '@jest/globals';
import { Barred, DependencyDown, PermanentError, TransientError } from '@postgang/outside';
import { Undecodable, UnknownSchema } from '@postgang/pipeline';
import { afterFailure } from './retry.js';

describe('the fate of a failed record', () => {
  it.each([
    ['a conflict', new TransientError('conflict')],
    ['an error of unknown kind', new TypeError('a bug')],
    ['a newer schema', new UnknownSchema('x')],
    ['no error at all', undefined],
    ['a dependency that is down, if it ever comes so far', new DependencyDown('krr')],
  ])('of %s: four tiers, each longer, then a dead letter', (_what, error) => {
    expect([0, 1, 2, 3, 4, 5].map((attempt) => afterFailure(attempt, error))).toEqual([
      { to: 'retry', tier: '10s', delayMs: 10_000, attempt: 1 },
      { to: 'retry', tier: '1m', delayMs: 60_000, attempt: 2 },
      { to: 'retry', tier: '10m', delayMs: 600_000, attempt: 3 },
      { to: 'retry', tier: '1h', delayMs: 3_600_000, attempt: 4 },
      { to: 'dead-letter', why: 'exhausted' },
      { to: 'dead-letter', why: 'exhausted' },
    ]);
  });

  it('that is barred until a person mends it: the same tier again and again, and no attempt burnt', () => {
    for (const attempt of [0, 3, 4, 900])
      expect(afterFailure(attempt, new Barred('no delegation'))).toEqual({
        to: 'retry',
        tier: '10m',
        delayMs: 600_000,
        attempt,
      });
  });

  it.each([
    ['a permanent error', new PermanentError('never')],
    ['undecodable bytes', new Undecodable('x')],
  ])('of %s: a dead letter at once', (_what, error) => {
    for (const attempt of [0, 3, 9])
      expect(afterFailure(attempt, error)).toEqual({ to: 'dead-letter', why: 'permanent' });
  });

  it.each([
    [0, 5_000, '10s'],
    [0, 10_000, '10s'],
    [0, 10_001, '1m'],
    [0, 3_000_000, '1h'],
    [0, 9_000_000, '1h'],
    [2, 5_000, '10m'],
    [3, 9_000_000, '1h'],
  ])('at attempt %i, asked to wait %i ms: the tier of %s', (attempt, retryAfterMs, tier) => {
    expect(afterFailure(attempt, new TransientError('busy', { retryAfterMs }))).toMatchObject({ to: 'retry', tier });
  });
});
