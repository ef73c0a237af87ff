import type { Letter } from '@postgang/pipeline';
import { DEFAULT_FLOOD_LIMITS, FloodGuard, isFlood, weighed, type FloodLimits, type Tally } from '@postgang/runtime';
import type { Hold } from '../db/held-senders.js';
import type { Route } from '../db/routes.js';

export interface Verdict {
  /** Senders of whom too many letters would be refused: theirs must wait, nobody else's. */
  readonly senders: ReadonlySet<string>;
  /** Too many, of too many senders: it is our own fault or the register's, and everybody's letters must wait. */
  readonly everybody: boolean;
}

/** Refusals by sender over a sliding window. Asked before a batch is stored, told after it: a batch may come again. Lives as long as the process. */
export class SenderFloods {
  private readonly guards = new Map<string, FloodGuard>();

  constructor(private readonly limits: FloodLimits = DEFAULT_FLOOD_LIMITS) {}

  /** `batch`: what would become of each sender's letters. Times are milliseconds of a monotonic clock. */
  judge(batch: ReadonlyMap<string, Tally>, nowMs: number): Verdict {
    const senders = new Set(
      [...batch].flatMap(([sender, tally]) => (this.guardOf(sender).allows(tally, nowMs) ? [] : [sender])),
    );
    const others: Tally[] = [];
    let fresh = false;
    for (const [sender, guard] of this.guards) {
      if (senders.has(sender)) continue;
      const tally = guard.tally(batch.get(sender) ?? { handled: 0, unhappy: 0 }, nowMs);
      if (tally.handled === 0) {
        this.guards.delete(sender);
        continue;
      }
      others.push(tally);
      fresh ||= (batch.get(sender)?.unhappy ?? 0) > 0;
    }
    return { senders, everybody: fresh && isFlood(weighed(others, this.limits), this.limits) };
  }

  /** What became of the batch, once it is stored. Senders that are held now begin anew when they are released. */
  count(batch: ReadonlyMap<string, Tally>, held: ReadonlySet<string>, nowMs: number): void {
    for (const sender of held) this.guards.delete(sender);
    for (const [sender, tally] of batch) if (!held.has(sender)) this.guardOf(sender).count(tally, nowMs);
  }

  private guardOf(sender: string): FloodGuard {
    let guard = this.guards.get(sender);
    if (guard === undefined) this.guards.set(sender, (guard = new FloodGuard(this.limits)));
    return guard;
  }
}

/** Decisions by sender; letters that could not be decided say nothing. Senders whom an operator has released are not counted. */
export function talliesOf(
  letters: readonly Letter[],
  results: readonly (Route | Error)[],
  holds: ReadonlyMap<string, Hold>,
): Map<string, Tally> {
  const tallies = new Map<string, Tally>();
  letters.forEach(({ sender }, index) => {
    const result = results[index];
    if (result === undefined || result instanceof Error || holds.get(sender) === 'released') return;
    const { handled, unhappy } = tallies.get(sender) ?? { handled: 0, unhappy: 0 };
    tallies.set(sender, { handled: handled + 1, unhappy: unhappy + (result.routed ? 0 : 1) });
  });
  return tallies;
}
