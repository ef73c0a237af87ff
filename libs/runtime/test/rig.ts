import 'reflect-metadata';
import { testServers, uniquePrefix } from '@postgang/testing';
import { CompressionTypes, type Kafka, type KafkaMessage, type Message } from 'kafkajs';
import { pino } from 'pino';
import {
  createTopics,
  kafkaClient,
  kafkaConsumer,
  kafkaProducer,
  startService,
  type RunningService,
  type Service,
} from '../src/index.js';

/** Topics of its own on the shared broker, and services whose only stage is the test's. */
export interface Rig {
  readonly prefix: string;
  readonly kafka: Kafka;
  produce(topic: string, messages: readonly Message[], compression?: CompressionTypes): Promise<void>;
  /** Fills as records arrive, from the topic's beginning. */
  collect(topic: string): Promise<KafkaMessage[]>;
  /** Where each partition ends. */
  ends(topic: string): Promise<string[]>;
  start(service: Service, settings?: Readonly<Record<string, string>>): Promise<RunningService>;
  close(): Promise<void>;
}

export async function startRig(agencies: readonly string[] = []): Promise<Rig> {
  const prefix = uniquePrefix();
  const { brokers } = testServers();
  const kafka = kafkaClient({ brokers, topicPrefix: prefix }, 'spec', pino({ level: 'silent' }));
  const closing: (() => Promise<unknown>)[] = [];
  await createTopics(kafka, agencies, { prefix, replication: 1, partitions: 2 });
  return {
    prefix,
    kafka,
    produce: async (topic, messages, compression = CompressionTypes.None) => {
      const producer = kafkaProducer(kafka);
      await producer.connect();
      try {
        for (let from = 0; from < messages.length; from += 1_000)
          await producer.send({ topic: prefix + topic, compression, messages: messages.slice(from, from + 1_000) });
      } finally {
        await producer.disconnect();
      }
    },
    collect: async (topic) => {
      const found: KafkaMessage[] = [];
      const consumer = kafkaConsumer(kafka, `${prefix}spec.${topic}`, { minBytes: 1, maxWaitMs: 100 });
      await consumer.connect();
      await consumer.subscribe({ topics: [prefix + topic], fromBeginning: true });
      await consumer.run({ eachMessage: async ({ message }) => void found.push(message) });
      closing.push(() => consumer.disconnect());
      return found;
    },
    ends: async (topic) => {
      const admin = kafka.admin();
      await admin.connect();
      try {
        const partitions = await admin.fetchTopicOffsets(prefix + topic);
        return partitions.sort((a, b) => a.partition - b.partition).map(({ high }) => high);
      } finally {
        await admin.disconnect();
      }
    },
    start: async (service, settings = {}) => {
      const running = await startService(service, {
        POSTGANG_ENVIRONMENT: 'test',
        KAFKA_BROKERS: brokers.join(','),
        TOPIC_PREFIX: prefix,
        LOG_LEVEL: 'silent',
        ...settings,
      });
      closing.push(() => running.stop());
      return running;
    },
    close: async () => {
      for (const close of closing.reverse()) await close();
    },
  };
}
