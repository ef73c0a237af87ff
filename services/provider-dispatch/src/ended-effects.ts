import {
  startWorker,
  type Effect,
  type EffectLedger,
  type EffectOutcome,
  type Runtime,
  type Worker,
} from '@postgang/runtime';
import { abandonedBy, draftOf } from './fates.js';
import type { Ended, LaneFloods } from './lane-floods.js';

/** Outcomes are written down together, at most this often (milliseconds): a lease is long, and nothing waits for them but the status. */
const EVERY_MS = 400;
/** When nobody wakes it. */
const TELL_EVERY_MS = 1_000;
/** In memory, to be told at once. More than that, while the broker is away, lies in the ledger only, and is swept up. */
const MOST_UNTOLD = 2_000;
const MARK_EVERY_MS = 4_000;
const SWEEP_EVERY_MS = 5_000;
const SWEPT_AT_ONCE = 500;
/** Ends older than this that are not published were left by a crash. */
const LEFT_BEHIND_MS = 10_000;

/**
 * What came of the calls, on its way from the worker's hand into the ledger and out to Kafka:
 *
 *   added → recorded → published → marked as published
 *
 * Nothing waits for the broker but telling: an outcome that is not written down before its lease is over must be asked about anew.
 *
 * A crash before "recorded" leaves INTENDED rows, which run out of their lease and are settled by asking; one before "marked" is swept up, and
 * the same events go out once more under the same ids.
 */
export class EndedEffects {
  private waiting: Ended[] = [];
  /** Recorded, and about to be told. */
  private readonly untold = new Map<string, Effect>();
  private readonly unmarked = new Set<string>();
  private readonly recorder: Worker;
  private readonly teller: Worker;
  private readonly marker: Worker;
  private readonly sweeper: Worker;

  constructor(
    private readonly runtime: Runtime,
    private readonly ledger: EffectLedger,
    private readonly floods: LaneFloods,
  ) {
    this.recorder = startWorker('record outcomes', EVERY_MS, () => this.record(), runtime.log);
    this.teller = startWorker('tell outcomes', TELL_EVERY_MS, () => this.tellUntold(), runtime.log);
    this.marker = startWorker('mark as published', MARK_EVERY_MS, () => this.mark(), runtime.log);
    this.sweeper = startWorker('publish what was left', SWEEP_EVERY_MS, () => this.sweep(), runtime.log);
  }

  add(effect: Effect, outcome: EffectOutcome): void {
    this.waiting.push({ effect, outcome });
  }

  /**
   * Letters that the provider has given up since it took them: written down and told at once, as far as their lane is not stopped by it. What may not be
   * written down stays handed over, and is asked about again.
   */
  async takeBack(givenUp: readonly Ended[]): Promise<void> {
    const refused = this.floods.judge(givenUp).filter(({ state }) => state === 'REFUSED');
    if (refused.length === 0) return;
    const ended = await this.ledger.takeBack(refused);
    this.floods.count(ended);
    await this.tell(ended);
  }

  /** Publishes ends that are in the ledger. Throws DependencyDown('kafka'); they are then swept up later. */
  async tell(ended: readonly Effect[]): Promise<void> {
    if (ended.length === 0) return;
    await this.runtime.publisher.publish(
      ended.map(draftOf),
      ended.flatMap((effect) => abandonedBy(effect) ?? []),
    );
    for (const { id } of ended) this.unmarked.add(id);
  }

  async stop(): Promise<void> {
    await this.recorder.stop();
    await this.record();
    await this.teller.stop();
    await this.tellUntold();
    await this.sweeper.stop();
    await this.marker.stop();
    await this.mark();
  }

  private async record(): Promise<boolean> {
    const taken = this.waiting;
    if (taken.length === 0) return false;
    this.waiting = [];
    let ended: Effect[];
    try {
      ended = await this.ledger.record(this.floods.judge(taken));
    } catch (error) {
      // nothing is lost: they are written when the database is back, or settled by asking when we are gone by then
      this.waiting = [...taken, ...this.waiting];
      throw error;
    }
    this.floods.count(ended);
    for (const effect of ended) if (this.untold.size < MOST_UNTOLD) this.untold.set(effect.id, effect);
    this.teller.wake();
    return false;
  }

  private async tellUntold(): Promise<boolean> {
    const taken = [...this.untold.values()];
    try {
      await this.tell(taken);
    } finally {
      // what could not be told now is swept up
      for (const { id } of taken) this.untold.delete(id);
    }
    return false;
  }

  private async mark(): Promise<boolean> {
    const ids = [...this.unmarked];
    if (ids.length > 0) await this.ledger.markPublished(ids);
    for (const id of ids) this.unmarked.delete(id);
    return false;
  }

  private async sweep(): Promise<boolean> {
    const found = await this.ledger.unpublished(SWEPT_AT_ONCE, LEFT_BEHIND_MS);
    // not those that are just being told, or marked
    const left = found.filter(({ id }) => !this.untold.has(id) && !this.unmarked.has(id));
    await this.tell(left);
    // or the next look would find them again
    await this.mark();
    return left.length > 0 && found.length === SWEPT_AT_ONCE;
  }
}
