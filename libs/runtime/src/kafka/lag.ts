import type { Meter } from '@opentelemetry/api';
import type { Kafka } from 'kafkajs';
import type { Logger } from 'pino';
import { startWorker, type Worker } from '../worker.js';

const EVERY_MS = 15_000;

export interface LagOptions {
  readonly meter: Meter;
  readonly kafka: Kafka;
  readonly service: string;
  readonly groupId: string;
  /** What the service must read, whether it does or not: a topic that nobody reads shows all its records as lag. */
  readonly topics: () => Promise<readonly string[]>;
  readonly deadLetterTopic: string;
  readonly log: Logger;
}

/** Lag and dead letters as the broker sees them, under the names of the public dashboards. */
export function observeLag({ meter, kafka, service, groupId, topics, deadLetterTopic, log }: LagOptions): Worker {
  let lag = new Map<string, number>();
  let deadLetters: number | undefined;
  meter
    .createObservableGauge('kafka_consumergroup_lag_sum', {
      description: 'Records of a topic that the group has not committed',
    })
    .addCallback((result) => {
      for (const [topic, records] of lag) result.observe(records, { consumergroup: groupId, topic });
    });
  meter
    .createObservableGauge('dead_letters', { description: 'Records in the dead-letter topic of a service' })
    .addCallback((result) => {
      if (deadLetters !== undefined) result.observe(deadLetters, { service });
    });
  const admin = kafka.admin();
  let connected = false;
  const measure = async (): Promise<boolean> => {
    if (!connected) await admin.connect();
    connected = true;
    const names = [...(await topics())];
    const committed = names.length === 0 ? [] : await admin.fetchOffsets({ groupId, topics: names });
    const measured = new Map<string, number>();
    for (const topic of names) {
      const partitions = committed.find((entry) => entry.topic === topic)?.partitions ?? [];
      let behind = 0n;
      for (const { partition, high, low } of await admin.fetchTopicOffsets(topic)) {
        const offset = BigInt(partitions.find((entry) => entry.partition === partition)?.offset ?? '-1');
        // what fell out of retention is gone for everybody; it is not lag any more
        behind += BigInt(high) - (offset < BigInt(low) ? BigInt(low) : offset);
      }
      measured.set(topic, Number(behind));
    }
    lag = measured;
    const dead = await admin.fetchTopicOffsets(deadLetterTopic);
    deadLetters = dead.reduce((sum, { high, low }) => sum + Number(BigInt(high) - BigInt(low)), 0);
    return false;
  };
  const worker = startWorker('lag', EVERY_MS, measure, log);
  return {
    wake: () => worker.wake(),
    stop: async () => {
      await worker.stop();
      if (connected) await admin.disconnect().catch(() => undefined);
    },
  };
}
