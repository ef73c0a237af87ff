import type { Effect, EffectLedger } from '@postgang/runtime';

/**
 * Letters whose intention is written down and that wait until there is room for their package. On a slow line that takes longer than a lease: it is
 * renewed while they wait, so that their turn is not lost when it comes, and nobody asks about a call that was never made.
 */
export class WaitedForRoom {
  /** Not later than its lease began, milliseconds of a monotonic clock. */
  private readonly intendedAt = new Map<Effect, number>();

  constructor(
    private readonly ledger: Pick<EffectLedger, 'renew'>,
    private readonly leaseMs: number,
    private readonly now: () => number,
  ) {}

  /** Ends when there is room. Returns when the intention was written down last. */
  async until(room: Promise<unknown>, effect: Effect, intendedAt: number): Promise<number> {
    this.intendedAt.set(effect, intendedAt);
    try {
      await room;
      return this.intendedAt.get(effect) ?? intendedAt;
    } finally {
      this.intendedAt.delete(effect);
    }
  }

  /** One statement for all that wait. Whoever was taken over meanwhile is not renewed, and comes too late when its turn comes. */
  async renew(): Promise<void> {
    const waiting = [...this.intendedAt.keys()];
    if (waiting.length === 0) return;
    const now = this.now();
    const renewed = await this.ledger.renew(waiting, this.leaseMs);
    for (const effect of waiting)
      if (renewed.has(effect.id) && this.intendedAt.has(effect)) this.intendedAt.set(effect, now);
  }
}
