import { Server, type CustomTransportStrategy } from '@nestjs/microservices';
import { DependencyDown, type KeyRing } from '@postgang/outside';
import {
  attemptOf,
  decode,
  header,
  retryTopic,
  RETRY_TIERS,
  topicName,
  topicOf,
  traceparentOf,
  Undecodable,
  type ServiceName,
  type TopicName,
  type TopicPattern,
} from '@postgang/pipeline';
import type { Consumer, EachBatchPayload, Kafka, KafkaMessage } from 'kafkajs';
import type { Logger } from 'pino';
import { setTimeout as delay } from 'node:timers/promises';
import { lastValueFrom, type Observable } from 'rxjs';
import { FloodStopped, type FloodLimits } from '../flood-guard.js';
import { Gatherer, IN_HAND, type Arrived, type SenderFlood, type StageReport, type Unreadable } from '../gatherer.js';
import { ORIGIN_TOPIC, REDRIVES, type RawRecord } from '../outgoing.js';
import { afterFailure } from '../retry.js';
import { sealRecord } from '../sealed-record.js';
import { stagePatterns, type Outcome, type Received, type StageOptions } from '../stage.js';
import { heartbeatMs, kafkaConsumer, type FetchTuning } from './client.js';
import { Committer } from './committer.js';
import { OwnPlace } from './own-place.js';
import type { Positions } from './own-positions.js';
import { rawRecord, recordId } from './incoming.js';
import { pauseMs } from './pause.js';
import type { BatchingSender } from './sender.js';
import { TierClock } from './tier-clock.js';

/**
 * The Nest transport: `eachBatch` of kafkajs, merged over partitions, with our own commits. Two consumers per service: one for its topics, one
 * for its retry tiers, so that waiting never stalls fresh letters. A record's way through here:
 *
 *   fetched → decoded (else dead letter or retry) → gathered → handled → outcomes published → offset committed
 *
 * Nothing is committed before what came of it is acknowledged. When a dependency is down the partitions pause, nothing is committed, and
 * after a growing wait the same records are delivered again: their work is the probe.
 */
export interface BatchServerOptions {
  readonly service: ServiceName;
  readonly kafka: Kafka;
  readonly topicPrefix: string;
  readonly sender: BatchingSender;
  /** Seals what cannot be decoded. */
  readonly keys: KeyRing;
  readonly log: Logger;
  readonly fetch: FetchTuning;
  /** What fills `<provider>` and `<orgnr>`; asked again at every (re)start of the consumers. */
  readonly parameters: () => Promise<{ readonly provider?: readonly string[]; readonly orgnr?: readonly string[] }>;
  readonly classify: (error: unknown) => unknown;
  readonly report: (report: StageReport) => void;
  readonly flood?: FloodLimits;
  readonly onSenderFlood?: (flood: SenderFlood) => void;
  /** The process cannot go on: a consumer died for good. */
  readonly onFatal: (error: unknown) => void;
  readonly onDependency?: (dependency: string, up: boolean) => void;
  /** After so long consumers are begun anew that kafkajs has given up, milliseconds. */
  readonly startAgainMs?: number;
}

const START_AGAIN_MS = 1_000;
const MAX_TIMER_MS = 2 ** 31 - 1;
const CONCURRENT_PARTITIONS = 128;

/** kafkajs does not try again when no broker tells it a group's coordinator, which is what one does that is being restarted. */
const brokerWasAway = (error: unknown): boolean =>
  [error, (error as { cause?: unknown }).cause].some(
    (each) => (each as Error | undefined)?.name === 'KafkaJSGroupCoordinatorNotFound',
  );

export class KafkaBatchServer extends Server implements CustomTransportStrategy {
  private readonly gatherers = new Map<TopicPattern, Gatherer>();
  private consumers: { main: Consumer; retry: Consumer } | undefined;
  private restarting: Promise<void> = Promise.resolve();
  private closed = false;
  private downFor = 0;
  private readonly timers = new Set<NodeJS.Timeout>();
  private readonly assigned = { main: false, retry: false };
  private places: readonly OwnPlace[] = [];
  /** Set before listen() by services that keep their offsets with their state. */
  positions: Positions | undefined;
  stopped: Error | undefined;
  /** By topic: how long its tier makes a record wait. */
  private readonly tierDelays: ReadonlyMap<string, number>;
  private readonly tierClocks = new Map<string, TierClock>();

  constructor(private readonly options: BatchServerOptions) {
    super();
    this.tierDelays = new Map(RETRY_TIERS.map(({ tier, delayMs }) => [retryTopic(options.service, tier), delayMs]));
  }

  listen(callback: (error?: unknown) => void): void {
    this.buildGatherers();
    this.start().then(
      () => callback(),
      (error: unknown) => callback(error),
    );
  }

  /** True when both consumers have joined and nothing stopped them. */
  get ready(): boolean {
    return this.assigned.main && this.assigned.retry && this.stopped === undefined && !this.closed;
  }

  /** Subscribes anew, after an agency got a topic. Restarts one after the other if called again meanwhile. */
  refresh(): Promise<void> {
    this.restarting = this.restarting
      .catch(() => undefined)
      .then(async () => {
        if (this.closed) return;
        await this.stopConsumers();
        await this.start();
      });
    // whoever asked hears of it; meanwhile nobody may be left without consumers
    const asked = this.restarting;
    void asked.catch(() => this.startAnew());
    return asked;
  }

  /** Stops fetching, lets the batches in hand end and commit, flushes what is to be sent. */
  async close(): Promise<void> {
    this.closed = true;
    await this.restarting.catch(() => undefined);
    await this.stopConsumers();
    await this.options.sender.flush();
  }

  on(): never {
    throw new Error('kafka batch server: no events to listen to; use the metrics');
  }

  unwrap<T>(): T {
    return this.consumers as T;
  }

  private buildGatherers(): void {
    for (const [pattern, handler] of this.messageHandlers) {
      const stage = async (batch: readonly Received[]): Promise<readonly Outcome[]> => {
        const result: unknown = await handler(batch, undefined);
        return isObservable(result)
          ? lastValueFrom(result as Observable<readonly Outcome[]>)
          : (result as readonly Outcome[]);
      };
      const gatherer = new Gatherer({
        service: this.options.service,
        stage: pattern,
        handler: stage,
        options: (handler.extras?.['stage'] ?? {}) as StageOptions,
        sender: this.options.sender,
        classify: this.options.classify,
        report: this.options.report,
        ...(this.options.flood === undefined ? {} : { flood: this.options.flood }),
        ...(this.options.onSenderFlood === undefined ? {} : { onSenderFlood: this.options.onSenderFlood }),
      });
      for (const topic of stagePatterns(pattern)) {
        if (handler.next !== undefined || this.gatherers.has(topic))
          throw new Error(`${this.options.service}: two stages for ${topic}`);
        this.gatherers.set(topic, gatherer);
      }
    }
  }

  /** What its stages must read now. */
  async topics(): Promise<TopicName[]> {
    const parameters = await this.options.parameters();
    return [...this.gatherers.keys()].flatMap((pattern) => {
      if (pattern.includes('<provider>'))
        return (parameters.provider ?? []).map((provider) => topicName(pattern, provider));
      if (pattern.includes('<orgnr>')) return (parameters.orgnr ?? []).map((orgnr) => topicName(pattern, orgnr));
      return [topicName(pattern)];
    });
  }

  private statelessTopics(topics: readonly string[]): Set<string> {
    const { topicPrefix } = this.options;
    return new Set(
      topics.filter((topic) => {
        const pattern = topicOf(topic.slice(topicPrefix.length))?.topic.name;
        return pattern !== undefined && this.gatherers.get(pattern)?.stateless === true;
      }),
    );
  }

  private async start(): Promise<void> {
    const { kafka, service, topicPrefix, fetch } = this.options;
    const main = kafkaConsumer(kafka, `${topicPrefix}${service}`, fetch);
    const retry = kafkaConsumer(kafka, `${topicPrefix}${service}.retry`, { ...fetch, minBytes: 1, maxWaitMs: 1_000 });
    this.consumers = { main, retry };
    const topics = await this.topics();
    if (topics.length === 0) {
      this.assigned.main = this.assigned.retry = true;
      return;
    }
    const [own, ownRetry] = [this.ownPlace(service, 'beginning'), this.ownPlace(`${service}.retry`, 'committed')];
    this.places = [own, ownRetry];
    await this.run(main, 'main', topics, own);
    await this.run(retry, 'retry', [...this.tierDelays.keys()], ownRetry);
  }

  private ownPlace(groupId: string, unknownIs: 'beginning' | 'committed'): OwnPlace {
    const { positions } = this;
    const { kafka, topicPrefix, log } = this.options;
    const without = (topics: readonly string[]): ReadonlySet<string> => this.statelessTopics(topics);
    const common = { kafka, topicPrefix, without, log, inHand: IN_HAND, unknownIs };
    return new OwnPlace(positions && { ...common, positions, groupId: topicPrefix + groupId });
  }

  private async run(
    consumer: Consumer,
    role: 'main' | 'retry',
    topics: readonly string[],
    place: OwnPlace,
  ): Promise<void> {
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      // a pause outlives a rebalance in kafkajs, also for partitions that left and come back
      consumer.resume(consumer.paused());
      this.assigned[role] = true;
      place.assigned(consumer, payload.memberAssignment);
    });
    consumer.on(consumer.events.CRASH, ({ payload }) => {
      this.assigned[role] = false;
      this.options.log.error({ err: payload.error, restart: payload.restart, role }, 'consumer crashed');
      // one that is being replaced, or whose service ends, may crash of just that
      if (payload.restart || !this.isCurrent(consumer)) return;
      if (brokerWasAway(payload.error)) this.startAnew(consumer);
      else this.options.onFatal(payload.error);
    });
    await consumer.connect();
    await consumer.subscribe({ topics: topics.map((topic) => this.options.topicPrefix + topic), fromBeginning: true });
    const committer = new Committer(consumer);
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: CONCURRENT_PARTITIONS,
      eachBatch: (payload) => this.eachBatch(committer, payload, place),
    });
  }

  private isCurrent(consumer: Consumer): boolean {
    return this.consumers?.main === consumer || this.consumers?.retry === consumer;
  }

  /** Until it succeeds; only as long as the consumer that crashed, if one did, is not replaced by somebody else. */
  private startAnew(crashed?: Consumer): void {
    this.restarting = this.restarting
      .catch(() => undefined)
      .then(async () => {
        let begun = crashed !== undefined && !this.isCurrent(crashed);
        while (!begun && !this.closed) {
          await delay(this.options.startAgainMs ?? START_AGAIN_MS);
          if (this.closed) return;
          begun = await this.stopConsumers()
            .then(() => this.start())
            .then(
              () => true,
              (error: unknown) => (this.options.log.warn({ err: error }, 'consumers cannot begin yet'), false),
            );
        }
      });
  }

  private async stopConsumers(): Promise<void> {
    for (const timer of this.timers) clearTimeout(timer);
    this.timers.clear();
    for (const place of this.places) place.close();
    const consumers = this.consumers;
    this.consumers = undefined;
    if (consumers === undefined) return;
    await Promise.all([consumers.main.disconnect(), consumers.retry.disconnect()]);
    this.assigned.main = this.assigned.retry = false;
  }

  /** A throw out of eachBatch stops every partition, and a TypeError kills the consumer for good: so nothing but a lost membership leaves here. */
  private async eachBatch(committer: Committer, payload: EachBatchPayload, place: OwnPlace): Promise<void> {
    const beat = setInterval(() => void payload.heartbeat().catch(() => undefined), heartbeatMs(this.options.fetch));
    try {
      await place.found();
      if (!payload.isRunning() || payload.isStale()) return;
      // a rebalance has resumed what a flood had stopped
      if (this.stopped !== undefined) return void payload.pause();
      await this.handleBatch(committer, payload, place);
      this.downFor = 0;
    } catch (error) {
      const classified = this.options.classify(error);
      if (classified instanceof FloodStopped) return this.stop(payload, classified);
      if (classified instanceof DependencyDown) return this.pause(payload, classified);
      if (isRebalance(classified)) throw classified;
      this.options.log.error({ err: classified }, 'unexpected error in the consumer; the batch is delivered again');
      this.pause(payload, new DependencyDown('unknown', { cause: classified }));
    } finally {
      clearInterval(beat);
    }
  }

  private async handleBatch(committer: Committer, payload: EachBatchPayload, place: OwnPlace): Promise<void> {
    const { batch } = payload;
    const topic = batch.topic.slice(this.options.topicPrefix.length);
    const tier = this.tierClock(topic, batch.partition);
    const retried = tier !== undefined;
    const end = BigInt(batch.highWatermark);
    const replay = place.replayOf(batch.topic, batch.partition);
    for (let from = 0; from < batch.messages.length; from += IN_HAND) {
      const messages = batch.messages.slice(from, from + IN_HAND);
      const now = { wall: Date.now(), monotonic: performance.now() };
      const { ready, dueIn } = tier?.dueNow(messages, end, now) ?? { ready: messages, dueIn: undefined };
      if (ready.length > 0) {
        const records = ready.map((message) => rawRecord(message, topic, batch.partition, retried));
        const setAside = await this.handle(records, replay?.until ?? 0n);
        const last = (ready.at(-1) as KafkaMessage).offset;
        const next = BigInt(last) + 1n;
        if (payload.isStale()) return;
        // the place in a retry tier is never written by a stage
        if ((setAside > 0 || retried) && this.statelessTopics([batch.topic]).size === 0)
          await this.positions?.pass(topic, batch.partition, next);
        // the broker's place tells the next start, too, how far all was handled once
        if (replay === undefined || next > replay.committed) await committer.commit(payload, next.toString());
        payload.resolveOffset(last);
      }
      if (dueIn !== undefined) return this.resumeIn(payload.pause(), dueIn);
      if (!payload.isRunning() || payload.isStale()) return;
    }
  }

  private tierClock(topic: string, partition: number): TierClock | undefined {
    const delayMs = this.tierDelays.get(topic);
    if (delayMs === undefined) return undefined;
    const place = `${topic}/${partition}`;
    let clock = this.tierClocks.get(place);
    if (clock === undefined) this.tierClocks.set(place, (clock = new TierClock(delayMs)));
    return clock;
  }

  /** Returns how many went to a retry tier or the dead letters. Those below `handledUntil` were handled before a restore. */
  private async handle(records: readonly RawRecord[], handledUntil: bigint): Promise<number> {
    const byGatherer = new Map<Gatherer, { arrived: Arrived[]; unreadable: Unreadable[] }>();
    for (const raw of records) {
      const origin = header(raw.headers, ORIGIN_TOPIC) ?? raw.topic;
      const row = topicOf(origin);
      // one whose origin nobody handles here lies in a tier by mistake: whichever stage counts it
      const gatherer = this.gatherers.get(row?.topic.name as TopicPattern) ?? [...this.gatherers.values()][0];
      if (gatherer === undefined) throw new Error(`${this.options.service} has no stage`);
      let list = byGatherer.get(gatherer);
      if (list === undefined) byGatherer.set(gatherer, (list = { arrived: [], unreadable: [] }));
      try {
        list.arrived.push(this.arrive(raw, origin, row, handledUntil));
      } catch (error) {
        list.unreadable.push(this.unreadable(raw, origin, row, error));
      }
    }
    const failures = await Promise.all(
      [...byGatherer].map(([gatherer, { arrived, unreadable }]) => gatherer.submit(arrived, unreadable)),
    );
    return failures.reduce((sum, count) => sum + count, 0);
  }

  private arrive(raw: RawRecord, origin: string, row: ReturnType<typeof topicOf>, handledUntil: bigint): Arrived {
    if (row === undefined || !this.gatherers.has(row.topic.name))
      throw new Undecodable(`${this.options.service} has no stage for this record's topic`);
    if (raw.key === '' || raw.key.length > 200) throw new Undecodable(`${origin}: the record has no usable key`);
    const event = decode(row.topic.subject, raw.value);
    const received: Received = {
      id: recordId(origin, raw),
      key: raw.key,
      event,
      subject: row.topic.subject,
      attempt: attemptOf(raw.headers),
      ...(raw.headers[REDRIVES] === undefined ? {} : { redrives: Number(raw.headers[REDRIVES]) }),
      traceparent: traceparentOf(raw.headers),
      source: {
        topic: origin as TopicName,
        parameter: row.parameter,
        partition: raw.partition,
        offset: BigInt(raw.offset),
        retried: origin !== raw.topic,
        replayed: BigInt(raw.offset) < handledUntil,
      },
    };
    return { received, raw };
  }

  private unreadable(raw: RawRecord, origin: string, row: ReturnType<typeof topicOf>, error: unknown): Unreadable {
    const { topic, partition, offset } = raw;
    const fate = afterFailure(attemptOf(raw.headers), error);
    this.options.log.warn({ topic, partition, offset, err: error, fate }, 'record set aside');
    const record = fate.to === 'retry' ? raw : sealRecord(this.options.keys, raw, recordId(origin, raw));
    return { record, error, sender: outsiderOf(row) };
  }

  private pause(payload: EachBatchPayload, down: DependencyDown): void {
    const wait = pauseMs(down.retryAfterMs, this.downFor);
    this.downFor += 1;
    this.options.onDependency?.(down.dependency, false);
    this.options.log.warn(
      {
        dependency: down.dependency,
        topic: payload.batch.topic,
        partition: payload.batch.partition,
        waitMs: wait,
        ...(down.cause === undefined ? {} : { err: down.cause }),
      },
      'dependency down; partition paused, nothing committed',
    );
    const resume = payload.pause();
    this.resumeIn(() => {
      this.options.onDependency?.(down.dependency, true);
      resume();
    }, wait);
  }

  private stop(payload: EachBatchPayload, reason: FloodStopped): void {
    payload.pause();
    if (this.stopped === undefined) {
      this.stopped = reason;
      this.options.log.fatal(
        { err: reason },
        'consumer stopped: a person must look. A restart resumes it, one with FLOOD_SHARE=1 whatever comes',
      );
    }
  }

  private resumeIn(resume: () => void, ms: number): void {
    if (this.closed) return;
    const timer = setTimeout(
      () => {
        this.timers.delete(timer);
        resume();
      },
      Math.min(Math.max(ms, 1), MAX_TIMER_MS),
    );
    this.timers.add(timer);
  }
}

const isObservable = (value: unknown): boolean =>
  typeof (value as { subscribe?: unknown } | null)?.subscribe === 'function';

/** The group moved on without us; kafkajs joins again when this is thrown. */
const isRebalance = (error: unknown): boolean =>
  ['REBALANCE_IN_PROGRESS', 'NOT_COORDINATOR_FOR_GROUP', 'ILLEGAL_GENERATION', 'UNKNOWN_MEMBER_ID'].includes(
    String((error as { type?: unknown } | null)?.type),
  );

/** Whoever may write there besides our own services: an agency to its own topic, an adapter to its provider's. What they write harms nobody else. */
const outsiderOf = (row: ReturnType<typeof topicOf>): string | undefined =>
  row?.topic.writers.some((writer) => writer === 'agency' || writer === 'adapter') === true ? row.parameter : undefined;
