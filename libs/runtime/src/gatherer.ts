import { DependencyDown, withTrace } from '@postgang/outside';
import { attemptOf, type ServiceName } from '@postgang/pipeline';
import { FloodStopped, type FloodLimits, type Tally } from './flood-guard.js';
import type { BatchingSender, OutgoingMessage } from './kafka/sender.js';
import { eventMessage, failedMessage, refusalDraft, type RawRecord } from './outgoing.js';
import { afterFailure } from './retry.js';
import { senderOf, SenderGuard, type Tallies } from './sender-guard.js';
import {
  failed,
  type Outcome,
  type Received,
  type StageHandler,
  type StageOptions,
  DEFAULT_EVERY_MS,
  DEFAULT_MAX_BATCH,
} from './stage.js';

/**
 * Gathers the records that several partitions (and retry tiers) deliver at the same time into one call of the stage, and acts on the
 * outcomes. Life of a record:
 *
 *   submitted → handled → published (events, refusal, retry or dead letter) → committed by who submitted it
 *
 * `submit` resolves only when everything that came of the records is acknowledged by Kafka, with how many of them failed. It rejects with DependencyDown when nothing may
 * be committed; the records are then delivered again.
 */
export interface Arrived {
  readonly received: Received;
  readonly raw: RawRecord;
}

/** A record that no stage can be given. It is set aside, and counts among the bad ends as others do. */
export interface Unreadable {
  /** As it is written there. */
  readonly record: RawRecord;
  readonly error: unknown;
  /** The agency or the provider whose own topic it lay in. */
  readonly sender: string | undefined;
}

export interface StageReport {
  readonly stage: string;
  readonly records: number;
  readonly durationMs: number;
  readonly outcomes: Readonly<Record<Outcome['kind'] | 'dead-letter', number>>;
}

/** More than a fair share of one sender's letters end as dead letters or refusals; nobody else's wait for it. */
export interface SenderFlood extends Tally {
  readonly stage: string;
  readonly sender: string;
}

export interface GathererOptions {
  readonly service: ServiceName;
  readonly stage: string;
  readonly handler: StageHandler;
  readonly options: StageOptions;
  readonly sender: BatchingSender;
  /** Turns foreign errors (database, Redis) into the fates of libs/outside. */
  readonly classify: (error: unknown) => unknown;
  readonly flood?: FloodLimits;
  readonly report: (report: StageReport) => void;
  readonly onSenderFlood?: (flood: SenderFlood) => void;
}

interface Submission {
  readonly arrived: readonly Arrived[];
  readonly unreadable: readonly Unreadable[];
  readonly resolve: (failed: number) => void;
  readonly reject: (error: unknown) => void;
}

/** Most records of a partition between two commits. Where it gives so many at once it has more, and none of them come before these are handled. */
export const IN_HAND = 500;
/** A call may take a third of the time, and the next begins a second after it at the latest (milliseconds). */
const SHARES = 3;
const LONGEST_PERIOD_MS = 1_000;

/**
 * How long after a call that took `tookMs` the next one begins at the latest, milliseconds: what comes meanwhile joins it, and every call costs the
 * same few statements and requests. One that takes long has met a busy machine, or a busy server, which larger batches help.
 */
export const pauseAfter = (tookMs: number, everyMs: number): number =>
  Math.max(0, Math.max(everyMs, Math.min(tookMs * SHARES, LONGEST_PERIOD_MS)) - tookMs);

export class Gatherer {
  private waiting: Submission[] = [];
  private running: Promise<void> | undefined;
  private endPause: (() => void) | undefined;
  private readonly guard: SenderGuard;
  readonly maxBatch: number;
  readonly stateless: boolean;
  private readonly everyMs: number;

  constructor(private readonly stage: GathererOptions) {
    this.guard = new SenderGuard(stage.flood);
    this.maxBatch = stage.options.maxBatch ?? DEFAULT_MAX_BATCH;
    this.everyMs = stage.options.everyMs ?? DEFAULT_EVERY_MS;
    this.stateless = stage.options.stateless ?? false;
  }

  submit(arrived: readonly Arrived[], unreadable: readonly Unreadable[] = []): Promise<number> {
    if (arrived.length + unreadable.length === 0) return Promise.resolve(0);
    return new Promise((resolve, reject) => {
      this.waiting.push({ arrived, unreadable, resolve, reject });
      this.running ??= this.run();
      if (this.hasEnough()) this.endPause?.();
    });
  }

  private async run(): Promise<void> {
    while (this.waiting.length > 0) {
      const began = performance.now();
      // partitions of one fetch arrive in the same turn of the loop; let them all join
      await new Promise((resolve) => setImmediate(resolve));
      const taken = this.take();
      try {
        const failures = await this.process(taken.flatMap((submission) => submission.arrived));
        await this.setAside(taken.flatMap(({ unreadable }) => unreadable));
        for (const { arrived, unreadable, resolve } of taken)
          resolve(arrived.filter((one) => failures.has(one)).length + unreadable.length);
      } catch (error) {
        for (const submission of taken) submission.reject(error);
      }
      await this.pause(pauseAfter(performance.now() - began, this.everyMs));
    }
    this.running = undefined;
  }

  private async pause(ms: number): Promise<void> {
    if (ms <= 0 || this.hasEnough()) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.endPause = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.endPause = undefined;
  }

  /** A batch is full, or a partition waits for it with all it may have in hand. */
  private hasEnough(): boolean {
    const sizes = this.waiting.map(({ arrived }) => arrived.length);
    return sizes.some((size) => size >= IN_HAND) || sizes.reduce((sum, size) => sum + size, 0) >= this.maxBatch;
  }

  private take(): Submission[] {
    let size = 0;
    let count = 0;
    for (const submission of this.waiting) {
      if (count > 0 && size + submission.arrived.length > this.maxBatch) break;
      size += submission.arrived.length;
      count += 1;
    }
    return this.waiting.splice(0, count);
  }

  private async process(arrived: readonly Arrived[]): Promise<ReadonlySet<Arrived>> {
    const failures = new Set<Arrived>();
    for (const wave of this.stage.options.severalPerLetter === true ? [arrived] : oncePerLetter(arrived)) {
      const started = performance.now();
      const outcomes = await this.outcomes(wave);
      const { messages, tallies } = this.act(wave, outcomes);
      await this.publish(messages, tallies);
      this.tell(wave, outcomes, performance.now() - started);
      wave.forEach((one, index) => outcomes[index]?.kind === 'failed' && failures.add(one));
    }
    return failures;
  }

  private async publish(messages: OutgoingMessage[], tallies: Tallies): Promise<void> {
    if (!this.guard.allows(tallies, performance.now()))
      throw new FloodStopped(`${this.stage.stage}: too many dead letters or refusals, consumer stopped`);
    await this.stage.sender.send(messages);
    for (const [sender, tally] of this.guard.count(tallies, performance.now()))
      this.stage.onSenderFlood?.({ stage: this.stage.stage, sender, ...tally });
  }

  /** Last of what was gathered: while a dependency is down nothing of it is published, and it comes again as a whole. */
  private async setAside(unreadable: readonly Unreadable[]): Promise<void> {
    if (unreadable.length === 0) return;
    const started = performance.now();
    const tallies: MutableTallies = new Map();
    const counts = { publish: 0, refuse: 0, skip: 0, failed: 0, 'dead-letter': 0 };
    const messages = unreadable.map(({ record, error, sender }) => {
      const fate = afterFailure(attemptOf(record.headers), error);
      tallyOf(tallies, sender).handled += 1;
      if (fate.to === 'dead-letter') tallyOf(tallies, sender).unhappy += 1;
      counts[fate.to === 'dead-letter' ? 'dead-letter' : 'failed'] += 1;
      return failedMessage(this.stage.service, record, error, fate, Date.now());
    });
    await this.publish(messages, tallies);
    const { stage } = this.stage;
    this.stage.report({ stage, records: unreadable.length, durationMs: performance.now() - started, outcomes: counts });
  }

  private async outcomes(wave: readonly Arrived[]): Promise<readonly Outcome[]> {
    try {
      const batch = wave.map((entry) => entry.received);
      const outcomes = await withTrace(traceOf(batch), () => this.stage.handler(batch));
      if (outcomes.length === wave.length) return this.checked(outcomes);
      throw new Error(`${this.stage.stage}: ${outcomes.length} outcomes for ${wave.length} records`);
    } catch (error) {
      const classified = this.stage.classify(error);
      if (classified instanceof DependencyDown || classified instanceof FloodStopped) throw classified;
      if (wave.length === 1) return [failed(classified)];
      // one bad record must not take the others with it
      const singly: Outcome[] = [];
      for (const entry of wave) singly.push(...(await this.outcomes([entry])));
      return singly;
    }
  }

  private checked(outcomes: readonly Outcome[]): readonly Outcome[] {
    return outcomes.map((outcome) => {
      if (outcome.kind !== 'failed') return outcome;
      const error = this.stage.classify(outcome.error);
      if (error instanceof DependencyDown) throw error;
      return failed(error);
    });
  }

  private act(
    wave: readonly Arrived[],
    outcomes: readonly Outcome[],
  ): { messages: OutgoingMessage[]; tallies: Tallies } {
    const messages: OutgoingMessage[] = [];
    const tallies: MutableTallies = new Map();
    const now = Date.now();
    outcomes.forEach((outcome, index) => {
      const { received, raw } = wave[index] as Arrived;
      const tally = tallyOf(tallies, senderOf(received));
      tally.handled += 1;
      if (outcome.kind === 'publish') {
        // a refusal that a row holds is decided: the stage asked a guard before it stored it, and stopping here would only delay it
        outcome.events.forEach((event, ordinal) =>
          messages.push(eventMessage(this.stage.service, received.id, ordinal, event, received.traceparent)),
        );
      } else if (outcome.kind === 'refuse') {
        // a sender who hands in rubbish harms nobody else; refused letters and legs may be our own fault
        if (outcome.refusal.about !== 'HAND_IN') tally.unhappy += 1;
        const refusal = refusalDraft(this.stage.service, outcome.refusal, new Date(now));
        messages.push(eventMessage(this.stage.service, received.id, 0, refusal, received.traceparent));
      } else if (outcome.kind === 'failed') {
        const fate = afterFailure(received.attempt, outcome.error);
        if (fate.to === 'dead-letter') tally.unhappy += 1;
        messages.push(failedMessage(this.stage.service, raw, outcome.error, fate, now));
      }
    });
    return { messages, tallies };
  }

  private tell(wave: readonly Arrived[], outcomes: readonly Outcome[], durationMs: number): void {
    const counts = { publish: 0, refuse: 0, skip: 0, failed: 0, 'dead-letter': 0 };
    outcomes.forEach((outcome, index) => {
      const dead =
        outcome.kind === 'failed' &&
        afterFailure((wave[index] as Arrived).received.attempt, outcome.error).to === 'dead-letter';
      counts[dead ? 'dead-letter' : outcome.kind] += 1;
    });
    this.stage.report({ stage: this.stage.stage, records: wave.length, durationMs, outcomes: counts });
  }
}

type MutableTallies = Map<string | undefined, { handled: number; unhappy: number }>;

function tallyOf(tallies: MutableTallies, sender: string | undefined): { handled: number; unhappy: number } {
  let tally = tallies.get(sender);
  if (tally === undefined) tallies.set(sender, (tally = { handled: 0, unhappy: 0 }));
  return tally;
}

/** Of a batch of several letters each has its own, so the batch has none. */
function traceOf(batch: readonly Received[]): string | undefined {
  const [first] = batch;
  return batch.every(({ traceparent }) => traceparent === first?.traceparent) ? first?.traceparent : undefined;
}

/** Splits so that no part holds two records of one letter; order within the letter stays. */
export function oncePerLetter(arrived: readonly Arrived[]): Arrived[][] {
  const waves: Arrived[][] = [];
  const seen = new Map<string, number>();
  for (const entry of arrived) {
    const wave = seen.get(entry.received.key) ?? 0;
    seen.set(entry.received.key, wave + 1);
    (waves[wave] ??= []).push(entry);
  }
  return waves;
}
