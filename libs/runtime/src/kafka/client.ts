// first: what they put in kafkajs' place must be there before kafkajs is loaded
import './partitioning.js';
import './record-format.js';
import './request-queue.js';
import {
  CompressionTypes,
  Kafka,
  logLevel,
  Partitioners,
  type Consumer,
  type Producer,
  type KafkaConfig,
} from 'kafkajs';
import type { Logger } from 'pino';
import type { RuntimeConfig } from '../service/config.js';

export type { Kafka, Producer } from 'kafkajs';

/** kafkajs is imported in this folder only, with the settings that its known faults ask for (README, "Traps"). */
export interface KafkaSettings {
  readonly brokers: readonly string[];
  /** Put before every topic and group name; lets several systems or tests share a broker. */
  readonly topicPrefix: string;
  readonly ssl?: { readonly ca?: string; readonly cert?: string; readonly key?: string };
  readonly sasl?: { readonly mechanism: 'scram-sha-512'; readonly username: string; readonly password: string };
}

type KafkaConfigKeys = Pick<
  RuntimeConfig,
  'KAFKA_BROKERS' | 'KAFKA_SSL_CA' | 'KAFKA_USERNAME' | 'KAFKA_PASSWORD' | 'TOPIC_PREFIX'
>;

export function kafkaSettingsOf(config: KafkaConfigKeys): KafkaSettings {
  return {
    brokers: config.KAFKA_BROKERS,
    topicPrefix: config.TOPIC_PREFIX,
    ...(config.KAFKA_SSL_CA === undefined ? {} : { ssl: { ca: config.KAFKA_SSL_CA } }),
    ...(config.KAFKA_USERNAME === undefined
      ? {}
      : {
          sasl: {
            mechanism: 'scram-sha-512' as const,
            username: config.KAFKA_USERNAME,
            password: config.KAFKA_PASSWORD ?? '',
          },
        }),
  };
}

/** `retries`: fewer than the usual eight (more than a minute) where a person waits for the answer. */
export function kafkaClient(
  settings: KafkaSettings,
  clientId: string,
  log: Logger,
  { retries = 8 }: { readonly retries?: number } = {},
): Kafka {
  const config: KafkaConfig = {
    clientId,
    brokers: [...settings.brokers],
    connectionTimeout: 3_000,
    requestTimeout: 30_000,
    enforceRequestTimeout: true,
    // retries are short here: an unreachable broker is DependencyDown for the stage, which pauses and comes back
    retry: { initialRetryTime: 300, retries, restartOnFailure: () => Promise.resolve(true) },
    logLevel: logLevel.WARN,
    logCreator: () => (entry) => {
      const { message, error, groupId } = entry.log as { message: string; error?: string; groupId?: string };
      log[entry.level === logLevel.ERROR ? 'warn' : 'debug']({ client: entry.namespace, groupId, error }, message);
    },
  };
  if (settings.ssl !== undefined) config.ssl = { ...settings.ssl };
  if (settings.sasl !== undefined) config.sasl = settings.sasl;
  return new Kafka(config);
}

/** `idempotent: false`: kafkajs' idempotent producer loses acknowledged records; readers drop repeats by event id instead. */
export function kafkaProducer(kafka: Kafka): Producer {
  return kafka.producer({
    idempotent: false,
    allowAutoTopicCreation: false,
    createPartitioner: Partitioners.DefaultPartitioner,
  });
}

export interface BrokerProbe {
  /** Rejects soon when no broker answers. */
  readonly ask: () => Promise<unknown>;
  close(): Promise<void>;
}

/** A client of its own: the others try for more than a minute before they say that the broker is away. */
export function brokerProbe(settings: KafkaSettings, clientId: string, log: Logger): BrokerProbe {
  const admin = kafkaClient(settings, `${clientId}.probe`, log, { retries: 0 }).admin();
  let connected: Promise<void> | undefined;
  return {
    ask: async () => {
      connected ??= admin.connect();
      try {
        await connected;
      } catch (error) {
        connected = undefined;
        throw error;
      }
      return admin.describeCluster();
    },
    close: () => admin.disconnect(),
  };
}

export interface FetchTuning {
  /** A fetch waits for so many bytes … */
  readonly minBytes: number;
  /** … but at most so long (milliseconds). */
  readonly maxWaitMs: number;
  /** A member that was not heard of for so long is given up, and others get its partitions. */
  readonly sessionMs?: number;
}

const SESSION_MS = 30_000;
const HEARTBEAT_MS = 3_000;

/** Three chances before the session ends. */
export const heartbeatMs = ({ sessionMs = SESSION_MS }: FetchTuning): number => Math.min(HEARTBEAT_MS, sessionMs / 3);

/** Once told to disconnect it stays away: kafkajs alone begins one anew that was crashing at that moment. */
export function kafkaConsumer(kafka: Kafka, groupId: string, tuning: FetchTuning): Consumer {
  let wanted = true;
  const consumer = kafka.consumer({
    groupId,
    sessionTimeout: tuning.sessionMs ?? SESSION_MS,
    heartbeatInterval: heartbeatMs(tuning),
    rebalanceTimeout: 60_000,
    minBytes: tuning.minBytes,
    maxWaitTimeInMs: tuning.maxWaitMs,
    maxBytesPerPartition: 1_048_576,
    maxBytes: 10_485_760,
    allowAutoTopicCreation: false,
    retry: { retries: 5, restartOnFailure: () => Promise.resolve(wanted) },
  });
  return {
    ...consumer,
    disconnect: () => {
      wanted = false;
      return consumer.disconnect();
    },
  };
}

export const NO_COMPRESSION = CompressionTypes.None;
