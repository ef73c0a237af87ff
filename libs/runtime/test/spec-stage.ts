import 'reflect-metadata';
import { Controller, type DynamicModule } from '@nestjs/common';
import { encode, letterIdOf, type LetterDispatched, type ServiceName, type TopicPattern } from '@postgang/pipeline';
import type { KafkaMessage, Message } from 'kafkajs';
import { draft, runtimeConfig, Stage, type Draft, type Outcome, type Received, type Service } from '../src/index.js';

export type Handler = (batch: readonly Received[]) => Promise<readonly Outcome[]>;

/** A service whose only stage is the test's. */
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
  operatorNote: null,
});

export const dispatchedRecord = (letterId: string): Message => ({
  key: letterId,
  value: encode('letter.dispatched.v1', dispatched(letterId)),
  headers: { ce_id: letterId, traceparent: `00-${letterId.replaceAll('-', '')}-00f067aa0ba902b7-01` },
});

/** What a stage of the specs derives from a record; no refusal, for many of those stop a consumer. */
export const notifiedDraft = (letterId: string, reason = 'x'): Draft =>
  draft('recipient.notified.v1', letterId, { letterId, leg: 1, medium: 'EMAIL', outcome: 'SENT', reason, at: 1 });

/** Delivery is at least once: repeats are allowed, losses are not. */
export const distinct = (messages: readonly KafkaMessage[]): number =>
  new Set(messages.map((message) => message.key?.toString())).size;
