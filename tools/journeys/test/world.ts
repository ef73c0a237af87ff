import 'reflect-metadata';
import {
  addLocalAgency,
  launch,
  settingsFor,
  type Launched,
  type LocalAgency,
  type LocalServers,
  type Settings,
} from '@postgang/launch';
import { Agency } from '@postgang/demo';
import type { ServiceName } from '@postgang/pipeline';
import { createLogger, kafkaClient, kafkaProducer } from '@postgang/runtime';
import { startSandbox, type Sandbox } from '@postgang/sandbox';
import { freshDatabase, testServers, uniquePrefix } from '@postgang/testing';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TopicLog } from './topic-log.js';

/** Valid, synthetic (they begin with 3). */
export const AGENCY = '310000027';
export const OTHER_AGENCY = '310000043';

export const TOGETHER: readonly (readonly ServiceName[])[] = [
  ['integration-point', 'register-lookup', 'encryption'],
  ['provider-dispatch', 'notification', 'receipts'],
];
export const EACH_ALONE: readonly (readonly ServiceName[])[] = [
  ['integration-point'],
  ['register-lookup'],
  ['encryption'],
  ['provider-dispatch'],
  ['notification'],
  ['receipts'],
];

const PARTITIONS = 2;
/** The shortest a broker takes: who takes over from a killed process waits for the end of its session. */
const SESSION_MS = 6_000;
const WORDS = 2_500;

export interface WorldOptions {
  /** Which services share a process. */
  readonly groups?: readonly (readonly ServiceName[])[];
  /** Servers of this world's own, where it restarts them; else those of the run. */
  readonly servers?: LocalServers;
  readonly settings?: Settings;
  /** Between the steps that a provider tells of (milliseconds). */
  readonly receiptDelayMs?: number;
}

/** A whole Postgang with the outer systems around it, seen as an agency and an operator see it: over HTTP and Kafka. */
export class World {
  /** How many letters somebody outside must have got by the end. */
  carried = 0;
  private producer: Promise<ReturnType<typeof kafkaProducer>> | undefined;

  private constructor(
    readonly settings: Settings,
    readonly sandbox: Sandbox,
    readonly launched: Launched,
    readonly agency: Agency,
    /** `letter.status.v1`, from its beginning. */
    readonly statuses: TopicLog,
    /** What the services asked the outer systems, in order. */
    readonly requests: readonly SeenRequest[],
    private readonly closing: (() => Promise<unknown>)[],
  ) {}

  static async start({
    groups = TOGETHER,
    servers,
    settings: more = {},
    receiptDelayMs = 5,
  }: WorldOptions = {}): Promise<World> {
    const closing: (() => Promise<unknown>)[] = [];
    try {
      const dir = mkdtempSync(join(tmpdir(), 'postgang-journey-'));
      closing.push(() => Promise.resolve(rmSync(dir, { recursive: true, force: true })));
      const sandbox = await startSandbox({ dir: join(dir, 'sandbox'), receiptDelayMs });
      closing.push(() => sandbox.stop());
      const requests = requestsTo(sandbox, closing);
      const shared = servers ?? (await ofThisRun(closing));
      const settings = settingsFor(dir, shared, sandbox, {
        ...{ TOPIC_PREFIX: uniquePrefix(), KAFKA_SESSION_MS: String(SESSION_MS) },
        ...more,
      });
      const launched = await launch(dir, settings, groups, { partitions: PARTITIONS });
      closing.push(() => launched.stop());
      const agency = new Agency(
        launched.api,
        await addLocalAgency(settings, sandbox.url, { orgnr: AGENCY, kafka: true }),
      );
      const statuses = await TopicLog.follow(settings, ['letter.status.v1']);
      closing.push(() => statuses.stop());
      return new World(settings, sandbox, launched, agency, statuses, requests, closing);
    } catch (error) {
      await close(closing);
      throw error;
    }
  }

  get api(): string {
    return this.launched.api;
  }

  /** The process that hosts the service. */
  process(service: ServiceName): Launched['processes'][number] {
    const found = this.launched.processes.find(({ services }) => services.includes(service));
    if (found === undefined) throw new Error(`no process hosts ${service}`);
    return found;
  }

  /** One more agency. */
  add(orgnr: string): Promise<LocalAgency> {
    return addLocalAgency(this.settings, this.sandbox.url, { orgnr });
  }

  /** What the services have written to stdout and stderr so far. */
  logs(): string {
    return this.launched.processes
      .map(({ logFile }) => (existsSync(logFile) ? readFileSync(logFile, 'utf8') : ''))
      .join('\n');
  }

  /** The end of each process's log, for a journey that went wrong. */
  lastWords(): string {
    return this.launched.processes
      .map(({ services, logFile }) => {
        const text = existsSync(logFile) ? readFileSync(logFile, 'utf8') : '(no log)';
        return `${services.join('+')}:\n${text.slice(-WORDS)}`;
      })
      .join('\n');
  }

  /** Writes a record as the agency; the topic's name is without prefix. */
  async write({ topic, key, value }: { topic: string; key: string; value: Buffer }): Promise<void> {
    this.producer ??= this.connect();
    const topicHere = (this.settings['TOPIC_PREFIX'] ?? '') + topic;
    await (await this.producer).send({ topic: topicHere, acks: -1, messages: [{ key, value }] });
  }

  private async connect(): Promise<ReturnType<typeof kafkaProducer>> {
    const brokers = (this.settings['KAFKA_BROKERS'] ?? '').split(',');
    const kafka = kafkaClient({ brokers, topicPrefix: '' }, 'journey-agency', createLogger('journey', 'silent'));
    const producer = kafkaProducer(kafka);
    await producer.connect();
    this.closing.push(() => producer.disconnect());
    return producer;
  }

  /** Follows other topics of this world, from their beginning. */
  async follow(...topics: readonly string[]): Promise<TopicLog> {
    const log = await TopicLog.follow(this.settings, topics);
    this.closing.push(() => log.stop());
    return log;
  }

  stop(): Promise<void> {
    return close(this.closing);
  }
}

export interface SeenRequest {
  readonly method: string;
  readonly url: string;
  readonly traceparent: string | undefined;
}

/** The sandbox runs in this process, where Node tells of every request that any of its servers gets. */
function requestsTo(sandbox: Sandbox, closing: (() => Promise<unknown>)[]): SeenRequest[] {
  const seen: SeenRequest[] = [];
  const port = Number(new URL(sandbox.url).port);
  const note = (message: unknown): void => {
    const { request } = message as { request: IncomingMessage };
    if (request.socket.localPort !== port) return;
    const { method = '', url = '', headers } = request;
    seen.push({ method, url, traceparent: headers['traceparent']?.toString() });
  };
  subscribe('http.server.request.start', note);
  closing.push(() => Promise.resolve(unsubscribe('http.server.request.start', note)));
  return seen;
}

async function ofThisRun(closing: (() => Promise<unknown>)[]): Promise<LocalServers> {
  const { brokers, redis } = testServers();
  const database = await freshDatabase();
  closing.push(() => database.drop());
  return { kafka: { brokers }, postgres: { url: database.url }, redis: { url: redis } };
}

async function close(closing: (() => Promise<unknown>)[]): Promise<void> {
  for (const step of closing.splice(0).reverse()) await step();
}
