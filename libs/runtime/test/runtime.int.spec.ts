import 'reflect-metadata';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Controller, Inject, type DynamicModule } from '@nestjs/common';
import { DependencyDown, PermanentError, TransientError } from '@postgang/outside';
import { deadLetterTopic, encode, header, letterIdOf, retryTopic, type LetterDispatched } from '@postgang/pipeline';
import { eventually, testServers, uniquePrefix } from '@postgang/testing';
import type { Kafka, KafkaMessage } from 'kafkajs';
import { pino } from 'pino';
import {
  createTopics,
  draft,
  failed,
  kafkaClient,
  kafkaConsumer,
  kafkaProducer,
  publish,
  refuse,
  RUNTIME,
  runtimeConfig,
  Stage,
  startService,
  type FloodLimits,
  type Outcome,
  type Received,
  type RunningService,
  type Runtime,
  type Service,
} from '../src/index.js';

type Handler = (batch: readonly Received<'letter.dispatched.v1'>[]) => Promise<readonly Outcome[]>;

let prefix: string;
let kafka: Kafka;
let closing: (() => Promise<unknown>)[];
const log = pino({ level: 'silent' });

beforeEach(async () => {
  prefix = uniquePrefix();
  closing = [];
  kafka = kafkaClient({ brokers: testServers().brokers, topicPrefix: prefix }, 'spec', log);
  await createTopics(kafka, [], { prefix, replication: 1, partitions: 2 });
});
afterEach(async () => {
  for (const close of closing.reverse()) await close();
});

/** A service with one stage, whose behaviour the test gives. It reads letter.dispatched and writes letter.refused or letter.accepted-like events. */
function serviceWith(handler: Handler, flood?: FloodLimits): Service {
  @Controller()
  class SpecStage {
    constructor(@Inject(RUNTIME) readonly runtime: Runtime) {}
    @Stage('letter.dispatched.v1')
    handle(batch: readonly Received<'letter.dispatched.v1'>[]): Promise<readonly Outcome[]> {
      return handler(batch);
    }
  }
  class SpecModule {}
  return {
    name: 'receipts',
    config: runtimeConfig,
    module: (): DynamicModule => ({ module: SpecModule, controllers: [SpecStage] }),
    ...(flood === undefined ? {} : { flood }),
  };
}

async function start(service: Service): Promise<RunningService> {
  const running = await startService(service, {
    POSTGANG_ENVIRONMENT: 'test',
    KAFKA_BROKERS: testServers().brokers.join(','),
    TOPIC_PREFIX: prefix,
    LOG_LEVEL: 'silent',
  });
  closing.push(() => running.stop());
  return running;
}

const eventOf = (letterId: string): LetterDispatched => ({
  letterId,
  leg: 1,
  provider: 'digipost',
  conversationId: letterId,
  messageId: letterId,
  attempts: 1,
  settled: false,
  handedOverAt: 1,
});
const idsOf = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => letterIdOf('310000019', String(index)));

async function produce(
  topic: string,
  messages: { key: string; value: Buffer | string; headers?: Record<string, string> }[],
): Promise<void> {
  const producer = kafkaProducer(kafka);
  await producer.connect();
  for (let from = 0; from < messages.length; from += 1_000)
    await producer.send({ topic: prefix + topic, messages: messages.slice(from, from + 1_000) });
  await producer.disconnect();
}
const hand = (ids: readonly string[]): Promise<void> =>
  produce(
    'letter.dispatched.v1',
    ids.map((id) => ({
      key: id,
      value: encode('letter.dispatched.v1', eventOf(id)),
      headers: { ce_id: id, traceparent: `00-${id.replaceAll('-', '')}-00f067aa0ba902b7-01` },
    })),
  );

async function collect(topic: string): Promise<KafkaMessage[]> {
  const found: KafkaMessage[] = [];
  const consumer = kafkaConsumer(kafka, `${prefix}spec.${topic}`, { minBytes: 1, maxWaitMs: 100 });
  await consumer.connect();
  await consumer.subscribe({ topics: [prefix + topic], fromBeginning: true });
  await consumer.run({ eachMessage: async ({ message }) => void found.push(message) });
  closing.push(() => consumer.disconnect());
  return found;
}
/** Delivery is at least once: repeats are allowed, losses are not. */
const distinct = (messages: readonly KafkaMessage[]): number =>
  new Set(messages.map((message) => message.key?.toString())).size;
const headerOf = (message: KafkaMessage | undefined, name: string): string | undefined =>
  header(message?.headers, name);

/** What a stage of the spec derives from a record. */
const derived = (id: string) =>
  draft('letter.refused.v1', id, {
    about: 'LEG',
    letterId: id,
    sender: '310000019',
    reference: 'r',
    leg: 1,
    reason: 'provider-refused',
    detail: 'x',
    pointer: null,
    stage: 'spec',
    refusedAt: 1,
  });

describe('a stage', () => {
  it('handles 10,000 records through two restarts: every one published, with the same ids when repeated', async () => {
    const ids = idsOf(10_000);
    await hand(ids);
    const out = await collect('letter.refused.v1');
    const service = serviceWith(async (batch) => batch.map(({ event }) => publish(derived(event.letterId))));
    const first = await start(service);
    await eventually('a first part', () => out.length > 500 || undefined);
    await first.stop();
    const second = await start(service);
    await eventually('a second part', () => out.length > 4_000 || undefined);
    await second.stop();
    await start(service);
    await eventually(
      'everything',
      () => new Set(out.map((message) => message.key?.toString())).size === ids.length || undefined,
    );
    const idsByKey = new Map<string, Set<string>>();
    for (const message of out) {
      const key = message.key?.toString() ?? '';
      idsByKey.set(key, (idsByKey.get(key) ?? new Set()).add(headerOf(message, 'ce_id') ?? ''));
    }
    for (const known of idsByKey.values()) expect(known.size).toBe(1);
  }, 60_000);

  it('gets the records of several partitions in one call, no letter twice in it, and passes traceparent on', async () => {
    const ids = idsOf(400);
    await hand([...ids, ...ids]);
    const calls: number[] = [];
    const out = await collect('letter.refused.v1');
    await start(
      serviceWith(async (batch) => {
        calls.push(batch.length);
        expect(new Set(batch.map(({ key }) => key)).size).toBe(batch.length);
        return batch.map(({ event }) => publish(derived(event.letterId)));
      }),
    );
    await eventually('all', () => out.length >= 800 || undefined);
    expect(calls.length).toBeLessThan(40);
    const message = out[0];
    expect(headerOf(message, 'traceparent')).toContain((message?.key?.toString() ?? '').replaceAll('-', ''));
    expect(headerOf(message, 'ce_type')).toBe('no.postgang.letter.refused.v1');
  });

  it('sends what cannot be decoded to the dead letters without holding up the rest, with the record as it was', async () => {
    const [good = '', bad = ''] = idsOf(2);
    await produce('letter.dispatched.v1', [
      { key: bad, value: 'rubbish' },
      { key: good, value: encode('letter.dispatched.v1', eventOf(good)) },
    ]);
    const [dead, out] = await Promise.all([collect(deadLetterTopic('receipts')), collect('letter.refused.v1')]);
    await start(serviceWith(async (batch) => batch.map(({ event }) => publish(derived(event.letterId)))));
    await eventually('both', () => (distinct(dead) === 1 && distinct(out) === 1) || undefined);
    expect(dead[0]?.value?.toString()).toBe('rubbish');
    expect(headerOf(dead[0], 'origin-topic')).toBe('letter.dispatched.v1');
    expect(headerOf(dead[0], 'dead-because')).toBe('permanent');
  });

  it('sends a transient failure to the first tier and a permanent one to the dead letters, and takes a refusal as an event', async () => {
    const [transient = '', permanent = '', refused = ''] = idsOf(3);
    await hand([transient, permanent, refused]);
    const [retry, dead, out] = await Promise.all([
      collect(retryTopic('receipts', '10s')),
      collect(deadLetterTopic('receipts')),
      collect('letter.refused.v1'),
    ]);
    await start(
      serviceWith(async (batch) =>
        batch.map(({ key }) => {
          if (key === transient) return failed(new TransientError('conflict with 21883649874'));
          if (key === permanent) return failed(new PermanentError('never'));
          return refuse({
            about: 'LEG',
            letterId: key,
            sender: '310000019',
            reference: 'r',
            leg: 1,
            reason: 'provider-refused',
            detail: 'x',
          });
        }),
      ),
    );
    await eventually(
      'all three',
      () => (distinct(retry) === 1 && distinct(dead) === 1 && distinct(out) === 1) || undefined,
    );
    expect(headerOf(retry[0], 'attempt')).toBe('1');
    expect(headerOf(retry[0], 'failure')).toBe('TransientError: conflict with [national-id]');
    expect(dead[0]?.key?.toString()).toBe(permanent);
    expect(out[0]?.key?.toString()).toBe(refused);
  });

  it('handles a record from a retry tier when it is due, as if it came from its first topic', async () => {
    const [id = ''] = idsOf(1);
    const due = Date.now() + 1_500;
    await produce(retryTopic('receipts', '10s'), [
      {
        key: id,
        value: encode('letter.dispatched.v1', eventOf(id)),
        headers: { ce_id: id, attempt: '1', 'origin-topic': 'letter.dispatched.v1', 'retry-due-at': String(due) },
      },
    ]);
    const seen: { at: number; attempt: number; topic: string }[] = [];
    await start(
      serviceWith(async (batch) => {
        for (const { attempt, source } of batch) seen.push({ at: Date.now(), attempt, topic: source.topic });
        return batch.map(() => publish());
      }),
    );
    await eventually('the record', () => seen.length >= 1 || undefined);
    expect(seen[0]).toMatchObject({ attempt: 1, topic: 'letter.dispatched.v1' });
    expect(seen[0]?.at).toBeGreaterThanOrEqual(due);
  });

  it('reruns a batch singly when the handler throws, so that one bad record takes no other with it', async () => {
    const ids = idsOf(20);
    await hand(ids);
    const [retry, out] = await Promise.all([collect(retryTopic('receipts', '10s')), collect('letter.refused.v1')]);
    await start(
      serviceWith(async (batch) => {
        if (batch.some(({ key }) => key === ids[7])) throw new TypeError('a bug');
        return batch.map(({ event }) => publish(derived(event.letterId)));
      }),
    );
    await eventually('nineteen and one', () => (distinct(out) === 19 && distinct(retry) === 1) || undefined);
    expect(retry[0]?.key?.toString()).toBe(ids[7]);
  });

  it('commits nothing and burns no attempt while a dependency is down, and goes on by itself', async () => {
    const ids = idsOf(50);
    await hand(ids);
    let down = 3;
    const attempts = new Set<number>();
    const out = await collect('letter.refused.v1');
    await start(
      serviceWith(async (batch) => {
        for (const { attempt } of batch) attempts.add(attempt);
        if (down-- > 0) throw new DependencyDown('krr');
        return batch.map(({ event }) => publish(derived(event.letterId)));
      }),
    );
    await eventually('all', () => distinct(out) === 50 || undefined);
    expect([...attempts]).toEqual([0]);
  });

  it('stops when most records end badly, publishing nothing of that batch', async () => {
    await hand(idsOf(60));
    const dead = await collect(deadLetterTopic('receipts'));
    const running = await start(
      serviceWith(async (batch) => batch.map(() => failed(new PermanentError('a bad deploy'))), {
        share: 0.5,
        atLeast: 10,
        windowMs: 60_000,
      }),
    );
    await eventually('the stop', () => !running.ready() || undefined);
    expect(dead.length).toBeLessThan(10);
    expect((await fetch(`${running.managementUrl}/readyz`)).status).toBe(503);
    expect((await fetch(`${running.managementUrl}/livez`)).status).toBe(200);
    // what it does not read is seen at the broker
    const lag = await eventually('the lag', async () => {
      const metrics = await (await fetch(`${running.managementUrl}/metrics`)).text();
      return /kafka_consumergroup_lag_sum\{[^}]*topic="[^"]*letter\.dispatched\.v1"[^}]*\} (\d+)/.exec(metrics)?.[1];
    });
    expect(Number(lag)).toBeGreaterThanOrEqual(60);
  });

  it('shows its metrics on the management port', async () => {
    const running = await start(serviceWith(async (batch) => batch.map(() => publish())));
    await hand(idsOf(5));
    const text = await eventually('the counter', async () => {
      const metrics = await (await fetch(`${running.managementUrl}/metrics`)).text();
      return metrics.includes('letters_stage_records_total') ? metrics : undefined;
    });
    expect(text).toMatch(/letters_stage_records_total\{[^}]*outcome="publish"[^}]*\} [0-9]+/);
  });

  it('is refused twice for one topic', async () => {
    const twice = serviceWith(async (batch) => batch.map(() => publish()));
    const both: Service = {
      ...twice,
      module: (config) => {
        const one = twice.module(config);
        const two = serviceWith(async (batch) => batch.map(() => publish())).module(config);
        return { ...one, controllers: [...(one.controllers ?? []), ...(two.controllers ?? [])] };
      },
    };
    await expect(start(both)).rejects.toThrow('two stages for letter.dispatched.v1');
  });
});
