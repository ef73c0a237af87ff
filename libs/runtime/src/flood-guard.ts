/**
 * Stops a consumer when too large a share of what it handles ends as dead letter or refusal: a bad deploy must not refuse a day's post.
 * Counts over a sliding window; `allows` is asked before anything of a batch is published (a stage with state: before anything is stored),
 * so the flood itself stays undone. `count` comes when the batch is done: one that is delivered again is the same records.
 */
export interface FloodLimits {
  /** Share of unhappy ends (0–1) above which the consumer stops; 1 never stops it. */
  readonly share: number;
  /** Fewer records than this in the window never stop it. */
  readonly atLeast: number;
  readonly windowMs: number;
}

export const DEFAULT_FLOOD_LIMITS: FloodLimits = { share: 0.5, atLeast: 200, windowMs: 300_000 };

/** Too large a share of dead letters and refusals: the consumer must stop and a person must look. A stage with state throws it itself. */
export class FloodStopped extends Error {
  override readonly name = 'FloodStopped';
}

export interface Tally {
  readonly handled: number;
  readonly unhappy: number;
}

export const isFlood = ({ handled, unhappy }: Tally, { share, atLeast }: FloodLimits): boolean =>
  unhappy > 0 && handled >= atLeast && unhappy / handled > share;

/** So much of a flood's least size one sender counts, at most: whatever befalls the letters of one or two agencies, it is no bad deploy. */
const MOST_OF_FLOOD = 1 / 4;

/** Several senders' tallies as one, none of them heavier than a quarter of what a flood needs. */
export function weighed(tallies: Iterable<Tally>, { atLeast }: FloodLimits): Tally {
  let [handled, unhappy] = [0, 0];
  for (const tally of tallies) {
    const weight = Math.min(1, (atLeast * MOST_OF_FLOOD) / Math.max(1, tally.handled));
    handled += tally.handled * weight;
    unhappy += tally.unhappy * weight;
  }
  return { handled, unhappy };
}

export class FloodGuard {
  private readonly entries: { at: number; handled: number; unhappy: number }[] = [];
  private handled = 0;
  private unhappy = 0;

  constructor(private readonly limits: FloodLimits = DEFAULT_FLOOD_LIMITS) {}

  /** What was counted within the window, and this batch. Times are milliseconds of a monotonic clock. */
  tally(batch: Tally, nowMs: number): Tally {
    this.forget(nowMs);
    return { handled: this.handled + batch.handled, unhappy: this.unhappy + batch.unhappy };
  }

  /** False: this batch would make the share too large; nothing of it may be published. */
  allows(batch: Tally, nowMs: number): boolean {
    return batch.unhappy === 0 || !isFlood(this.tally(batch, nowMs), this.limits);
  }

  count({ handled, unhappy }: Tally, nowMs: number): void {
    this.forget(nowMs);
    this.handled += handled;
    this.unhappy += unhappy;
    const last = this.entries.at(-1);
    if (last !== undefined && nowMs - last.at < 1_000) {
      last.handled += handled;
      last.unhappy += unhappy;
    } else {
      this.entries.push({ at: nowMs, handled, unhappy });
    }
  }

  private forget(nowMs: number): void {
    let oldest = this.entries[0];
    while (oldest !== undefined && oldest.at <= nowMs - this.limits.windowMs) {
      this.handled -= oldest.handled;
      this.unhappy -= oldest.unhappy;
      this.entries.shift();
      oldest = this.entries[0];
    }
  }
}
