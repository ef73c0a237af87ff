import type { DocumentStore } from '@postgang/document-store';
import { DependencyDown, PermanentError, withTrace } from '@postgang/outside';
import { decode, type LetterDispatch } from '@postgang/pipeline';
import type { Provider, SendResult, SettleResult } from '@postgang/providers';
import {
  classifyDatabaseError,
  startWorker,
  type Effect,
  type EffectLedger,
  type EffectOutcome,
  type NewEffect,
  type Received,
  type Runtime,
  type Worker,
} from '@postgang/runtime';
import { EndedEffects } from './ended-effects.js';
import { afterSend, afterSettle, BLOCKED_MS, isUnanswered, outcome, tryAgain, VISIBILITY_LAG_MS } from './fates.js';
import { handoverOf } from './handover.js';
import { HeldSenders } from './held-senders.js';
import { LaneFloods, type Ended } from './lane-floods.js';
import { PackageMemory } from './package-memory.js';
import { ProviderLane } from './provider-lane.js';
import { WaitedForRoom } from './waited-for-room.js';

/** Longer than a call may take that begins in time, with its tokens (libs/providers, access point). */
const LEASE_MS = 80_000;
/** Whoever was held up longer than this (a stopped process, a disk that hangs) makes no call any more: it could outlast the lease. */
const BEGUN_WITHIN_MS = 20_000;
/** Of those that wait for room: often enough that their turn, when it comes, is begun in time. */
const RENEW_EVERY_MS = 5_000;
/** When nobody wakes them: rows whose waiting time is over, rows of other instances. */
const LOOK_MS = 1_000;
const SETTLE_EVERY_MS = 2_000;
const SETTLED_AT_ONCE = 200;
const CONCURRENT_QUESTIONS = 16;
/** A letter that was taken and of which nothing has been heard since is asked about after ten minutes, then once an hour. */
const SILENT_FOR_MS = 600_000;
const ASK_EVERY_MS = 3_600_000;
const ASK_LOOK_MS = 60_000;

export interface DispatcherParts {
  readonly runtime: Runtime;
  readonly ledger: EffectLedger;
  readonly provider: Provider;
  readonly store: DocumentStore;
  /** Those this service hands over to. */
  readonly providers: readonly string[];
  /** Milliseconds of a monotonic clock. */
  readonly now?: () => number;
}

/** Works off the ledger: hands over, settles what is unclear, asks about what has gone silent. */
export class Dispatcher {
  private readonly ended: EndedEffects;
  private readonly heldSenders: HeldSenders;
  private readonly memory = new PackageMemory(() => this.wake());
  private readonly waited: WaitedForRoom;
  private readonly lanes: ReadonlyMap<string, ProviderLane>;
  private readonly claimer: Worker;
  private readonly others: Worker[];
  private readonly calls = new Set<Promise<void>>();
  private stopping = false;
  private readonly now: () => number;

  constructor(private readonly parts: DispatcherParts) {
    const { runtime, ledger, providers, now = () => performance.now() } = parts;
    this.now = now;
    this.heldSenders = new HeldSenders(runtime, BLOCKED_MS, LEASE_MS, now);
    this.waited = new WaitedForRoom(ledger, LEASE_MS, now);
    this.lanes = new Map(providers.map((provider) => [provider, new ProviderLane(provider)]));
    this.ended = new EndedEffects(runtime, ledger, new LaneFloods(runtime, this.lanes, now));
    this.claimer = startWorker('hand over', LOOK_MS, () => this.claim(), runtime.log);
    this.others = [
      startWorker('renew what waits for room', RENEW_EVERY_MS, () => this.renew(), runtime.log),
      startWorker('settle', SETTLE_EVERY_MS, () => this.settle(), runtime.log),
      startWorker('ask about the silent', ASK_LOOK_MS, () => this.askAboutSilent(), runtime.log),
    ];
  }

  /**
   * Queues the effects of a batch. What finds a free place in its lane, with nobody waiting there, has its intention written down with it and goes out at
   * once; the rest is claimed when there is room.
   */
  async queue(effects: readonly NewEffect[], batch: readonly Received[]): Promise<void> {
    const now = this.now();
    const takes = ({ provider, lane: sender }: NewEffect): boolean => {
      const lane = this.stopping ? undefined : this.lanes.get(provider);
      if (lane?.take(now) !== true) return false;
      if (this.memory.admits(sender) && this.heldSenders.admits(sender)) return true;
      lane.inFlight -= 1;
      return false;
    };
    const offered = effects.map((effect) => ({ ...effect, inHand: takes(effect) }));
    const waits = { lagMs: VISIBILITY_LAG_MS, leaseMs: LEASE_MS };
    let intended: Effect[] = [];
    try {
      intended = await this.parts.ledger.queue(offered, batch, waits);
    } finally {
      for (const { provider, inHand } of offered) if (inHand) this.laneOf(provider).inFlight -= 1;
    }
    for (const effect of intended) this.handOver(effect, now);
    if (offered.some(({ inHand }) => !inHand)) this.wake();
  }

  /** There is something in the ledger that nobody has in hand. */
  wake(): void {
    this.claimer.wake();
  }

  /** Claims nothing more, lets the calls on their way come back, and writes down and tells what came of them. */
  async stop(): Promise<void> {
    this.stopping = true;
    await Promise.all([this.claimer, ...this.others].map((worker) => worker.stop()));
    await Promise.all(this.calls);
    await this.ended.stop();
    this.heldSenders.stop();
  }

  /** From all lanes that have room, in one statement. */
  private async claim(): Promise<boolean> {
    const now = this.now();
    const rooms = new Map([...this.lanes].map(([provider, lane]) => [provider, lane.room(now)]));
    for (const [provider, room] of rooms) if (room === 0) rooms.delete(provider);
    if (rooms.size === 0) return false;
    for (const [provider, room] of rooms) this.laneOf(provider).inFlight += room;
    let effects: Effect[] = [];
    try {
      effects = await this.parts.ledger.claim(rooms, LEASE_MS, fewest(this.heldSenders.most(), this.memory.most()));
    } finally {
      const byProvider = Map.groupBy(effects, ({ provider }) => provider);
      for (const [provider, room] of rooms) {
        const lane = this.laneOf(provider);
        lane.inFlight -= room;
        lane.queued = (byProvider.get(provider)?.length ?? 0) === room;
      }
    }
    for (const effect of effects) {
      if (this.heldSenders.admits(effect.lane)) this.handOver(effect, now);
      else this.ended.add(effect, outcome(effect, 'QUEUED', 'sender-held', BLOCKED_MS, { free: true }));
    }
    return false;
  }

  /** `intendedAt`: not later than its lease began. */
  private handOver(effect: Effect, intendedAt: number): void {
    const lane = this.laneOf(effect.provider);
    lane.inFlight += 1;
    const call = withTrace(effect.traceparent, () => this.carry(effect, lane, intendedAt)).finally(() => {
      lane.inFlight -= 1;
      this.calls.delete(call);
      if (lane.queued && lane.mostlyFree) this.wake();
    });
    this.calls.add(call);
  }

  private laneOf(provider: string): ProviderLane {
    const lane = this.lanes.get(provider);
    if (lane === undefined) throw new Error(`${provider} is not handed over to here`);
    return lane;
  }

  private async carry(effect: Effect, lane: ProviderLane, intendedAt: number): Promise<void> {
    try {
      const event = decode('letter.dispatch.v1', effect.payload);
      const result = await this.inMemory(effect, event, intendedAt);
      // unless somebody has taken it over since, which the fence tells, it was certainly not done
      if (typeof result === 'string')
        return this.ended.add(effect, outcome(effect, 'QUEUED', result, 0, { free: true }));
      const alone = this.note(lane, effect, result);
      // a lapsed delegation is that agency's alone: its post waits, everybody else's goes on
      if (result.kind === 'sender-blocked') this.heldSenders.hold(effect.lane, result.reason);
      else if (result.kind !== 'down' && result.kind !== 'refused-ours') this.heldSenders.release(effect.lane);
      this.ended.add(effect, afterSend(effect, result, alone));
    } catch (error) {
      this.ended.add(effect, this.afterError(effect, error));
    }
  }

  /** Or why nothing was sent. */
  private async send(event: LetterDispatch, intendedAt: number): Promise<SendResult | 'held-up'> {
    const isLate = (): boolean => this.now() - intendedAt > BEGUN_WITHIN_MS;
    if (isLate()) return 'held-up';
    const handover = await handoverOf(event, this.parts.store, this.parts.runtime.keys);
    return isLate() ? 'held-up' : this.parts.provider.send(handover);
  }

  /** As soon as there is room for the letter's package, or not at all now. */
  private async inMemory(
    effect: Effect,
    event: LetterDispatch,
    intendedAt: number,
  ): Promise<SendResult | 'no-memory' | 'held-up'> {
    const { sender, packageSize } = event;
    const room = this.memory.take(sender, packageSize);
    if (room === false) return 'no-memory';
    const since = room === true ? intendedAt : await this.waited.until(room, effect, intendedAt);
    try {
      return await this.send(event, since);
    } finally {
      this.memory.giveBack(packageSize);
    }
  }

  private async renew(): Promise<boolean> {
    await this.waited.renew();
    return false;
  }

  /** Nothing has been sent yet: the message could not even be made. */
  private afterError(effect: Effect, error: unknown): EffectOutcome {
    const known = classifyDatabaseError(error);
    const { letterId, leg } = effect;
    this.parts.runtime.log.warn({ err: known, letterId, leg }, 'hand-over failed before the call');
    if (known instanceof PermanentError) return outcome(effect, 'FAILED', 'cannot-be-handed-over');
    if (known instanceof DependencyDown) return outcome(effect, 'QUEUED', known.dependency, LOOK_MS, { free: true });
    return tryAgain(effect, 'internal');
  }

  /** What the answer says of the provider; nothing, when it was not asked: the lane stays as it is. True: it is about this letter alone. */
  private note(lane: ProviderLane, { letterId }: Effect, result: SendResult): boolean {
    if (result.kind === 'sender-blocked' && !result.asked) return false;
    const { log, metrics } = this.parts.runtime;
    const was = lane.isDown;
    let alone = false;
    if (result.kind === 'down') lane.down(result.waitMs, this.now());
    else if (result.kind === 'refused-ours') alone = lane.refusedOurs(letterId, this.now());
    else if (isUnanswered(result)) lane.noAnswer(letterId, this.now());
    else if (result.kind === 'handed-over') lane.took(letterId);
    else lane.up();
    if (was === lane.isDown) return alone;
    metrics.dependency(lane.provider, !lane.isDown);
    if (result.kind === 'refused-ours')
      log.error(
        { provider: lane.provider, reason: result.reason },
        'the provider refuses what is our own in every message: its post waits, nothing is refused; our key, certificate or settings must be mended',
      );
    else if (lane.isDown)
      log.warn({ provider: lane.provider, reason: result.kind }, 'provider is away; its post waits');
    else log.info({ provider: lane.provider }, 'provider is back');
    return alone;
  }

  private async settle(): Promise<boolean> {
    const effects = await this.parts.ledger.claimUncertain(SETTLED_AT_ONCE, LEASE_MS, VISIBILITY_LAG_MS);
    await eachLimited(effects, async (effect) => {
      const answer = await this.ask(effect);
      const known = afterSettle(effect, answer, this.lanes.get(effect.provider)?.isDown);
      if (known.state === 'PARKED' && effect.state !== 'PARKED') this.logParked(effect);
      this.ended.add(effect, known);
    });
    return effects.length === SETTLED_AT_ONCE;
  }

  private logParked({ id, letterId, leg, provider, reason }: Effect): void {
    this.parts.runtime.log.error(
      { effect: id, letterId, leg, provider, reason },
      "asked often, and there was no clear answer: parked until the provider answers, or an operator says 'postgang effects settle'",
    );
  }

  private async askAboutSilent(): Promise<boolean> {
    const effects = await this.parts.ledger.claimUnanswered(SETTLED_AT_ONCE, SILENT_FOR_MS, ASK_EVERY_MS);
    const givenUp: Ended[] = [];
    await eachLimited(effects, async (effect) => {
      const result = await this.ask(effect);
      if (result.kind === 'refused') givenUp.push({ effect, outcome: outcome(effect, 'REFUSED', result.reason) });
    });
    await this.ended.takeBack(givenUp);
    return effects.length === SETTLED_AT_ONCE;
  }

  private ask(effect: Effect): Promise<SettleResult> {
    const { messageId, sender } = decode('letter.dispatch.v1', effect.payload);
    return withTrace(effect.traceparent, () => this.parts.provider.settle(messageId, sender));
  }
}

/** Of what either allows a sender. */
function fewest(...limits: readonly ReadonlyMap<string, number>[]): ReadonlyMap<string, number> {
  const most = new Map<string, number>();
  for (const [sender, limit] of limits.flatMap((each) => [...each]))
    most.set(sender, Math.min(limit, most.get(sender) ?? limit));
  return most;
}

async function eachLimited<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const queue = [...items];
  const run = async (): Promise<void> => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: Math.min(CONCURRENT_QUESTIONS, items.length) }, run));
}
