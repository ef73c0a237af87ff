import 'reflect-metadata';
import { Global, Module, type DynamicModule, type INestApplication, type INestMicroservice } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { clockFrom, KeyRing, type Clock } from '@postgang/outside';
import { deadLetterTopic, type ServiceName } from '@postgang/pipeline';
import { Redis } from 'ioredis';
import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import type { DataSource, EntityTarget, MigrationInterface, ObjectLiteral } from 'typeorm';
import type { z } from 'zod';
import { HeldDatabase } from '../database-identity.js';
import {
  classifyDatabaseError,
  openDatabase,
  transactPatiently,
  type DatabaseOptions,
  type Manager,
  type Patience,
} from '../database.js';
import { DEFAULT_FLOOD_LIMITS, type FloodLimits } from '../flood-guard.js';
import { KafkaBatchServer } from '../kafka/batch-server.js';
import {
  brokerProbe,
  kafkaClient,
  kafkaProducer,
  kafkaSettingsOf,
  type Kafka,
  type KafkaSettings,
  type Producer,
} from '../kafka/client.js';
import { observeLag } from '../kafka/lag.js';
import { isBehindBroker } from '../kafka/own-positions.js';
import { BatchingSender } from '../kafka/sender.js';
import { ConsumedOffsets } from '../positions.js';
import { Publisher } from '../publisher.js';
import type { Worker } from '../worker.js';
import { parseConfig, type Environment, type RuntimeConfig } from './config.js';
import { watchDependencies } from './dependencies.js';
import { AwayList, sayHealth } from './health.js';
import { createLogger, NestLogger } from './logging.js';
import { startManagement } from './management.js';
import { serviceMetrics, startTelemetry, type ServiceMetrics } from './telemetry.js';

/** What a service exports: the runtime does the rest. */
export interface Service<C extends RuntimeConfig = RuntimeConfig> {
  readonly name: ServiceName;
  readonly config: z.ZodType<C>;
  /** Nest wiring: providers and controllers of this service. */
  readonly module: (config: C) => DynamicModule;
  /** State in PostgreSQL, in the schema `name` with underscores. */
  readonly database?: {
    readonly entities: readonly EntityTarget<ObjectLiteral>[];
    readonly migrations: readonly (new () => MigrationInterface)[];
  };
  /** Fills `<provider>` and `<orgnr>` in the topics it reads. */
  readonly topicParameters?: (
    runtime: Runtime,
    config: C,
  ) => Promise<{ provider?: readonly string[]; orgnr?: readonly string[] }>;
  /** A public HTTP side; its Nest application is made and opened by the service itself. */
  readonly http?: {
    readonly create: (module: DynamicModule, config: C, logger: NestLogger) => Promise<INestApplication>;
    readonly listen: (app: INestApplication, config: C) => Promise<string>;
  };
  readonly flood?: FloodLimits;
}

/** What every provider of a service may inject: `constructor(@Inject(RUNTIME) runtime: Runtime)`. */
export interface Runtime {
  readonly service: ServiceName;
  readonly log: Logger;
  readonly publisher: Publisher;
  readonly kafka: Kafka;
  readonly kafkaSettings: KafkaSettings;
  readonly keys: KeyRing;
  readonly clock: Clock;
  /** When a share of bad ends is a flood: for stages that must know before they store. */
  readonly flood: FloodLimits;
  readonly metrics: ServiceMetrics;
  readonly database: DataSource;
  /** A transaction beside the letters' way, on a connection of its own, whose statements may take long. */
  readonly transactPatiently: <T>(patience: Patience, work: (manager: Manager) => Promise<T>) => Promise<T>;
  readonly redis: Redis | undefined;
  /**
   * Whether the database stands behind what was committed to the broker: restored from a backup, it does not know what was done since. For services
   * all of whose stages keep state. Throws when either stays away.
   */
  readonly isRestored: () => Promise<boolean>;
  /** Subscribes anew after the set of agencies or providers changed. */
  readonly refreshTopics: () => Promise<void>;
}

export const RUNTIME = Symbol('runtime');
export const CONFIG = Symbol('config');

export interface RunningService {
  readonly name: ServiceName;
  readonly managementUrl: string;
  /** Base URL of the public side, if there is one. */
  readonly url: string | undefined;
  ready(): boolean;
  stop(): Promise<void>;
}

@Global()
@Module({})
class RuntimeModule {}

export async function startService<C extends RuntimeConfig>(
  service: Service<C>,
  environment: Environment,
  onFatal?: (error: unknown) => void,
): Promise<RunningService> {
  const config = parseConfig(service.name, service.config, environment);
  const log = createLogger(service.name, config.LOG_LEVEL);
  const closing: (() => Promise<unknown>)[] = [];
  const stop = async (): Promise<void> => {
    for (const close of closing.splice(0).reverse())
      await close().catch((error: unknown) => log.warn({ err: error }, 'shutdown step failed'));
  };
  try {
    return await start(service, config, log, closing, stop, onFatal ?? fatalExit(log));
  } catch (error) {
    await stop();
    throw error;
  }
}

async function start<C extends RuntimeConfig>(
  service: Service<C>,
  config: C,
  log: Logger,
  closing: (() => Promise<unknown>)[],
  stop: () => Promise<void>,
  onFatal: (error: unknown) => void,
): Promise<RunningService> {
  let dead: unknown;
  let stopping = false;
  const fatal = (error: unknown): void => {
    dead = error;
    onFatal(error);
  };
  const telemetry = startTelemetry({
    otlpEndpoint: config.OTEL_EXPORTER_OTLP_ENDPOINT,
    sampleShare: config.TRACE_SAMPLE_SHARE,
  });
  closing.push(() => telemetry.stop());
  const away = new AwayList();
  const noteAway = (name: string, how: 'up' | 'trying' | 'down'): void => {
    if (away.note(name, how, performance.now())) health?.wake();
  };
  const counted = serviceMetrics(service.name);
  const metrics: ServiceMetrics = {
    ...counted,
    dependency: (name, up) => {
      counted.dependency(name, up);
      noteAway(name, up ? 'up' : 'down');
    },
  };
  let health: Worker | undefined;
  const kafkaSettings = kafkaSettingsOf(config);
  const kafka = kafkaClient(kafkaSettings, service.name, log);
  const producer: Producer = kafkaProducer(kafka);
  await producer.connect();
  closing.push(() => producer.disconnect());
  const sender = new BatchingSender(producer, kafkaSettings.topicPrefix, (records) => metrics.produceRequest(records));
  closing.push(() => sender.flush());
  const held = new HeldDatabase(fatal);
  const stored =
    service.database === undefined ? undefined : databaseOptions(service, config, () => metrics.sqlStatement(), held);
  const database = stored === undefined ? undefined : await openDatabase(stored);
  if (database !== undefined) closing.push(() => database.destroy());
  const redis = config.REDIS_URL === undefined ? undefined : openRedis(config.REDIS_URL, log);
  if (redis !== undefined) closing.push(() => Promise.resolve(redis.disconnect()));
  redis?.on('ready', () => counted.dependency('redis', true)).on('close', () => counted.dependency('redis', false));
  const stateless = (): never => {
    throw new Error(`${service.name} keeps no state`);
  };
  const runtime: Runtime = {
    service: service.name,
    log,
    publisher: new Publisher(service.name, sender),
    kafka,
    kafkaSettings,
    keys: config.KEY_RING === undefined ? new KeyRing(new Map()) : KeyRing.parse(config.KEY_RING),
    clock: clockFrom({ start: config.CLOCK_START, rate: config.CLOCK_RATE }),
    flood: { ...DEFAULT_FLOOD_LIMITS, share: config.FLOOD_SHARE, ...service.flood },
    metrics,
    get database(): DataSource {
      return database ?? stateless();
    },
    transactPatiently: (patience, work) => transactPatiently(stored ?? stateless(), patience, work),
    redis,
    isRestored: () =>
      isBehindBroker(
        {
          kafka,
          topicPrefix: kafkaSettings.topicPrefix,
          groupId: `${kafkaSettings.topicPrefix}${service.name}`,
          positions: new ConsumedOffsets(runtime.database),
        },
        log,
      ),
    refreshTopics: () => server.refresh(),
  };
  const server = new KafkaBatchServer({
    service: service.name,
    kafka,
    topicPrefix: kafkaSettings.topicPrefix,
    sender,
    keys: runtime.keys,
    log,
    fetch: {
      minBytes: config.FETCH_MIN_BYTES,
      maxWaitMs: config.FETCH_MAX_WAIT_MS,
      sessionMs: config.KAFKA_SESSION_MS,
    },
    parameters: () => service.topicParameters?.(runtime, config) ?? Promise.resolve({}),
    classify: classifyDatabaseError,
    report: (report) => metrics.stage(report),
    flood: runtime.flood,
    onSenderFlood: (flood) => {
      log.error(flood, "too many dead letters or refusals of one sender's letters; those of others go on");
      metrics.senderFlood(flood);
    },
    onFatal: fatal,
    // a partition that is resumed only asks again
    onDependency: (name, up) => {
      counted.dependency(name, up);
      noteAway(name, up ? 'trying' : 'down');
    },
  });
  if (database !== undefined) server.positions = new ConsumedOffsets(database);
  const management = await startManagement(
    { host: config.MANAGEMENT_HOST, port: config.MANAGEMENT_PORT },
    { live: () => dead === undefined, ready: () => ({ consumers: server.ready, running: !stopping }) },
    telemetry,
  );
  closing.push(() => management.stop());
  const root: DynamicModule = {
    module: RuntimeModule,
    global: true,
    imports: [service.module(config)],
    providers: [
      { provide: RUNTIME, useValue: runtime },
      { provide: CONFIG, useValue: config },
    ],
    exports: [RUNTIME, CONFIG],
  };
  const logger = new NestLogger(log);
  let url: string | undefined;
  let app: INestApplication | INestMicroservice;
  if (service.http === undefined) {
    app = await NestFactory.createMicroservice(root, { strategy: server, logger, abortOnError: false });
    closing.push(() => app.close());
    await app.listen();
  } else {
    app = await service.http.create(root, config, logger);
    closing.push(() => app.close());
    app.connectMicroservice({ strategy: server });
    await app.startAllMicroservices();
    url = await service.http.listen(app, config);
  }
  const broker = brokerProbe(kafkaSettings, service.name, log);
  closing.push(() => broker.close());
  const watch = watchDependencies(
    { kafka: broker.ask, ...(database === undefined ? {} : { postgres: () => held.look(database) }) },
    (name, up) => metrics.dependency(name, up),
    log,
  );
  closing.push(() => watch.stop());
  const lag = observeLag({
    meter: metrics.meter,
    kafka,
    service: service.name,
    groupId: `${kafkaSettings.topicPrefix}${service.name}`,
    topics: async () => (await server.topics()).map((topic) => kafkaSettings.topicPrefix + topic),
    deadLetterTopic: kafkaSettings.topicPrefix + deadLetterTopic(service.name),
    log,
  });
  closing.push(() => lag.stop());
  if (redis !== undefined) {
    const saying = sayHealth({
      redis,
      topicPrefix: kafkaSettings.topicPrefix,
      service: service.name,
      instance: randomUUID(),
      stopped: () => server.stopped !== undefined,
      away: () => away.names(performance.now()),
      log,
    });
    health = saying;
    closing.push(() => saying.stop());
  }
  log.info({ managementPort: management.port, url }, 'started');
  return {
    name: service.name,
    managementUrl: `http://${config.MANAGEMENT_HOST}:${management.port}`,
    url,
    ready: () => server.ready && !stopping,
    stop: async () => {
      stopping = true;
      await stop();
      log.info('stopped');
    },
  };
}

function databaseOptions<C extends RuntimeConfig>(
  service: Service<C>,
  config: C,
  onStatement: () => void,
  { verify }: HeldDatabase,
): DatabaseOptions {
  if (config.POSTGRES_URL === undefined) throw new Error(`${service.name}: POSTGRES_URL is not set`);
  const { entities, migrations } = service.database as NonNullable<Service<C>['database']>;
  return {
    url: config.POSTGRES_URL,
    schema: service.name.replaceAll('-', '_'),
    pool: config.POSTGRES_POOL,
    entities,
    migrations,
    onStatement,
    verify,
  };
}

/** Redis may be away at any time: commands fail at once instead of queueing, and nobody waits for it at start. */
export function openRedis(url: string, log: Logger): Redis {
  const redis = new Redis(url, {
    enableOfflineQueue: false,
    maxRetriesPerRequest: 1,
    connectTimeout: 2_000,
    commandTimeout: 1_000,
    // a connection on which nobody answers any more would cost every command its second
    socketTimeout: 5_000,
    retryStrategy: (times) => Math.min(times * 200, 5_000),
  });
  redis.on('error', (error: Error) => log.debug({ err: error }, 'redis'));
  return redis;
}

function fatalExit(log: Logger): (error: unknown) => void {
  return (error) => {
    log.fatal({ err: error }, 'the process cannot go on');
    process.exitCode = 1;
    setImmediate(() => process.exit(1));
  };
}
