import { SenderGuard, type Effect, type EffectOutcome, type Runtime, type Tally } from '@postgang/runtime';
import { outcome } from './fates.js';
import type { ProviderLane } from './provider-lane.js';

/** What came of a call, or of asking, and the row it is about. */
export interface Ended {
  readonly effect: Effect;
  readonly outcome: EffectOutcome;
}

/** Until a letter that was put back is looked at again, by whoever may: milliseconds. */
const PUT_BACK_MS = 60_000;
const BAD: ReadonlySet<EffectOutcome['state']> = new Set(['REFUSED', 'FAILED']);
const isBad = ({ outcome: { state } }: Ended): boolean => BAD.has(state);

/**
 * A lane in which too many letters of many senders are refused or given up is stopped: a wrong setting, a bad deploy or a fault at the provider must not
 * end a day's post, of which nothing could be undone. Asked before an outcome is written down, told of what was. For the limits see libs/runtime,
 * SenderGuard; each process counts for itself.
 */
export class LaneFloods {
  private readonly guards: ReadonlyMap<string, SenderGuard>;

  constructor(
    private readonly runtime: Pick<Runtime, 'log' | 'metrics' | 'flood'>,
    private readonly lanes: ReadonlyMap<string, ProviderLane>,
    /** Milliseconds of a monotonic clock. */
    private readonly now: () => number,
  ) {
    this.guards = new Map([...lanes.keys()].map((provider) => [provider, new SenderGuard(runtime.flood)]));
  }

  /** What may be written down. In a lane that is stopped, or is now, letters that were to end badly go on waiting; no attempt is burnt. */
  judge(ended: readonly Ended[]): EffectOutcome[] {
    for (const [provider, some] of Map.groupBy(ended.filter(isBad), ({ effect }) => effect.provider)) {
      const tallies = talliesOf(some, ({ effect }) => effect.lane, isBad);
      if (this.guards.get(provider)?.allows(tallies, this.now()) === false) this.stop(provider);
    }
    return ended.map((one) =>
      isBad(one) && this.lanes.get(one.effect.provider)?.isStopped === true ? putBack(one.effect) : one.outcome,
    );
  }

  /** Rows that have come to an end. */
  count(rows: readonly Effect[]): void {
    for (const [provider, some] of Map.groupBy(rows, (row) => row.provider)) {
      const tallies = talliesOf(
        some,
        ({ lane }) => lane,
        ({ state }) => BAD.has(state),
      );
      for (const [sender, tally] of this.guards.get(provider)?.count(tallies, this.now()) ?? []) {
        const flood = { stage: `hand-over to ${provider}`, sender, ...tally };
        this.runtime.log.error(flood, "too many of one sender's letters end badly; those of others go on");
        this.runtime.metrics.senderFlood(flood);
      }
    }
  }

  private stop(provider: string): void {
    const lane = this.lanes.get(provider);
    if (lane === undefined || lane.isStopped) return;
    lane.stop();
    this.runtime.metrics.dependency(provider, false);
    this.runtime.log.fatal(
      { provider },
      'too many letters of many senders refused or given up: lane stopped, its post waits, and a person must look. A restart resumes it, one with FLOOD_SHARE=1 whatever comes',
    );
  }
}

/** Of one that was called it is certain that it was not done; what was asked about is asked about again, and what was taken stays taken. */
function putBack(effect: Effect): EffectOutcome {
  return effect.state === 'INTENDED'
    ? outcome(effect, 'QUEUED', 'lane-stopped', PUT_BACK_MS, { free: true })
    : outcome(effect, effect.state, effect.reason, PUT_BACK_MS);
}

function talliesOf<T>(
  items: readonly T[],
  senderOf: (item: T) => string,
  isUnhappy: (item: T) => boolean,
): Map<string, Tally> {
  const tallies = new Map<string, { handled: number; unhappy: number }>();
  for (const item of items) {
    let tally = tallies.get(senderOf(item));
    if (tally === undefined) tallies.set(senderOf(item), (tally = { handled: 0, unhappy: 0 }));
    tally.handled += 1;
    if (isUnhappy(item)) tally.unhappy += 1;
  }
  return tallies;
}
