/**
 * Stops a consumer when too large a share of what it handles ends as dead letter or refusal: a bad deploy must not refuse a day's post.
 * Counts over a sliding window; `admit` is asked before anything of a batch is published, so the flood itself stays unpublished.
 */
export interface FloodLimits {
  /** Share of unhappy ends (0–1) above which the consumer stops. */
  readonly share: number;
  /** Fewer records than this in the window never stop it. */
  readonly atLeast: number;
  readonly windowMs: number;
}

export const DEFAULT_FLOOD_LIMITS: FloodLimits = { share: 0.5, atLeast: 200, windowMs: 300_000 };

export class FloodGuard {
  private entries: { at: number; handled: number; unhappy: number }[] = [];

  constructor(private readonly limits: FloodLimits = DEFAULT_FLOOD_LIMITS) {}

  /** False: this batch would make the share too large; nothing of it may be published. Times are milliseconds of a monotonic clock. */
  admit(handled: number, unhappy: number, nowMs: number): boolean {
    this.entries = this.entries.filter((entry) => entry.at > nowMs - this.limits.windowMs);
    const all = this.entries.reduce((sum, entry) => sum + entry.handled, handled);
    const bad = this.entries.reduce((sum, entry) => sum + entry.unhappy, unhappy);
    if (unhappy > 0 && all >= this.limits.atLeast && bad / all > this.limits.share) return false;
    const last = this.entries.at(-1);
    if (last !== undefined && nowMs - last.at < 1_000) {
      last.handled += handled;
      last.unhappy += unhappy;
    } else {
      this.entries.push({ at: nowMs, handled, unhappy });
    }
    return true;
  }
}
