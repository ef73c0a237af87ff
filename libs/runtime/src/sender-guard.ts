import { DEFAULT_FLOOD_LIMITS, FloodGuard, isFlood, weighed, type FloodLimits, type Tally } from './flood-guard.js';
import type { Received } from './stage.js';

const NOTHING: Tally = { handled: 0, unhappy: 0 };

/** Tallies by sender; under undefined those of records that name none. */
export type Tallies = ReadonlyMap<string | undefined, Tally>;

/**
 * The guard of a consumer. Bad ends stop it when they are of many senders: then it is our own fault. One sender alone never does, however many
 * letters it has; its own flood is told instead. Records that name no sender count in full: no agency has a hand in them.
 */
export class SenderGuard {
  private readonly guards = new Map<string | undefined, FloodGuard>();
  private readonly toldAt = new Map<string, number>();

  constructor(private readonly limits: FloodLimits = DEFAULT_FLOOD_LIMITS) {}

  /** False: this batch would make the share too large; nothing of it may be published. Times are milliseconds of a monotonic clock. */
  allows(batch: Tallies, nowMs: number): boolean {
    let bad = false;
    for (const { unhappy } of batch.values()) bad ||= unhappy > 0;
    if (!bad) return true;
    let unnamed = batch.get(undefined) ?? NOTHING;
    const named: Tally[] = [];
    for (const [sender, guard] of this.guards) {
      const tally = guard.tally(batch.get(sender) ?? NOTHING, nowMs);
      if (tally.handled === 0) this.forget(sender);
      else if (sender === undefined) unnamed = tally;
      else named.push(tally);
    }
    for (const [sender, tally] of batch) if (sender !== undefined && !this.guards.has(sender)) named.push(tally);
    const { handled, unhappy } = weighed(named, this.limits);
    return !isFlood({ handled: handled + unnamed.handled, unhappy: unhappy + unnamed.unhappy }, this.limits);
  }

  /**
   * What became of the batch, once it is published. Returns those of its senders whose own letters are a flood, with their tally of the window: each as
   * long as it lasts, but only once in a window.
   */
  count(batch: Tallies, nowMs: number): ReadonlyMap<string, Tally> {
    const floods = new Map<string, Tally>();
    for (const [sender, tally] of batch) {
      let guard = this.guards.get(sender);
      if (guard === undefined) this.guards.set(sender, (guard = new FloodGuard(this.limits)));
      guard.count(tally, nowMs);
      if (sender === undefined || tally.unhappy === 0) continue;
      const all = guard.tally(NOTHING, nowMs);
      const told = this.toldAt.get(sender);
      if (!isFlood(all, this.limits) || (told !== undefined && nowMs - told < this.limits.windowMs)) continue;
      this.toldAt.set(sender, nowMs);
      floods.set(sender, all);
    }
    return floods;
  }

  private forget(sender: string | undefined): void {
    this.guards.delete(sender);
    if (sender !== undefined) this.toldAt.delete(sender);
  }
}

/** The agency a record is about, where one is named: by its event, or by the topic that only this agency may write to. */
export function senderOf({ event, subject, source }: Received): string | undefined {
  if (subject === 'letter.submitted.v1') return source.parameter;
  if ('sender' in event) return event.sender;
  return 'letter' in event ? event.letter.sender : undefined;
}
