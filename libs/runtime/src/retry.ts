import { Barred, PermanentError, TransientError } from '@postgang/outside';
import { RETRY_TIERS, Undecodable, type RetryTier } from '@postgang/pipeline';

export type AfterFailure =
  | { readonly to: 'retry'; readonly tier: RetryTier; readonly delayMs: number; readonly attempt: number }
  | { readonly to: 'dead-letter'; readonly why: 'permanent' | 'exhausted' };

/** What a person mends is looked for this often. */
const BARRED_TIER = RETRY_TIERS[2];

/**
 * Where a failed record goes. `attempt` counts the attempts made before this one, from 0. An error of unknown kind is treated as
 * transient: letters are never given up on a guess. One that is barred keeps its attempts. A Retry-After longer than the next tier's delay moves on to the tier that covers it.
 */
export function afterFailure(attempt: number, error: unknown): AfterFailure {
  if (error instanceof PermanentError || error instanceof Undecodable) return { to: 'dead-letter', why: 'permanent' };
  if (error instanceof Barred) return { to: 'retry', ...BARRED_TIER, attempt };
  const asked = error instanceof TransientError ? (error.retryAfterMs ?? 0) : 0;
  const left = RETRY_TIERS.slice(attempt);
  const next = left.find((tier) => tier.delayMs >= asked) ?? left[left.length - 1];
  return next === undefined
    ? { to: 'dead-letter', why: 'exhausted' }
    : { to: 'retry', tier: next.tier, delayMs: next.delayMs, attempt: attempt + 1 };
}
