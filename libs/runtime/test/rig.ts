import 'reflect-metadata';
import { Controller, type DynamicModule } from '@nestjs/common';
import { encode, letterIdOf, type LetterDispatched, type ServiceName, type TopicPattern } from '@postgang/pipeline';
import { testServers, uniquePrefix } from '@postgang/testing';
import { CompressionTypes, type Kafka, type KafkaMessage, type Message } from 'kafkajs';
import { pino } from 'pino';
import {
  createTopics,
  draft,
  kafkaClient,
  kafkaConsumer,
  kafkaProducer,
  runtimeConfig,
  Stage,
  startService,
  type Draft,
  type Outcome,
  type Received,
  type RunningService,
  type Service,
} from '../src/index.js';

export type Handler = (batch: readonly Received[]) => Promise<readonly Outcome[]>;

/** Topics of its own on the shared broker, and services whose only stage is the test's. */
export interface Rig {
  readonly prefix: string;
  readonly kafka: Kafka;
  produce(topic: string, messages: readonly Message[], compression?: CompressionTypes): Promise<void>;
  /** Fills as records arrive, from the topic's beginning. */
  collect(topic: string): Promise<KafkaMessage[]>;
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

export function serviceOf(
  name: ServiceName,
  topic: TopicPattern,
  handler: Handler,
  more: Partial<Service> = {},
): Service {
  @Controller()
  class SpecStage {
    @Stage(topic)
    handle(batch: readonly Received[]): Promise<readonly Outcome[]> {
      return handler(batch);
    }
  }
  class SpecModule {}
  return {
    name,
    config: runtimeConfig,
    module: (): DynamicModule => ({ module: SpecModule, controllers: [SpecStage] }),
    ...more,
  };
}

export const letterIds = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => letterIdOf('310000019', String(index)));

export const dispatched = (letterId: string, attempts = 1): LetterDispatched => ({
  letterId,
  leg: 1,
  provider: 'digipost',
  conversationId: letterId,
  messageId: letterId,
  attempts,
  settled: false,
  handedOverAt: 1,
});

export const dispatchedRecord = (letterId: string): Message => ({
  key: letterId,
  value: encode('letter.dispatched.v1', dispatched(letterId)),
  headers: { ce_id: letterId, traceparent: `00-${letterId.replaceAll('-', '')}-00f067aa0ba902b7-01` },
});

/** What a stage of the specs derives from a record. */
export const refusedDraft = (letterId: string, detail = 'x'): Draft =>
  draft('letter.refused.v1', letterId, {
    about: 'LEG',
    letterId,
    sender: '310000019',
    reference: 'r',
    leg: 1,
    reason: 'provider-refused',
    detail,
    pointer: null,
    stage: 'spec',
    refusedAt: 1,
  });

/** Delivery is at least once: repeats are allowed, losses are not. */
export const distinct = (messages: readonly KafkaMessage[]): number =>
  new Set(messages.map((message) => message.key?.toString())).size;
