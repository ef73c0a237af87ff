import type { Meter } from '@opentelemetry/api';
import type { Kafka } from 'kafkajs';
import type { Logger } from 'pino';

const EVERY_MS = 15_000;

/** Lag of a group as the broker sees it, under the name that public dashboards use. */
export function observeLag(
  meter: Meter,
  kafka: Kafka,
  groupId: string,
  topics: () => readonly string[],
  log: Logger,
): () => Promise<void> {
  const lag = new Map<string, number>();
  const gauge = meter.createObservableGauge('kafka_consumergroup_group_lag', {
    description: 'Records not yet committed by the group',
  });
  gauge.addCallback((result) => {
    for (const [key, value] of lag) {
      const [topic = '', partition = ''] = key.split('|');
      result.observe(value, { group: groupId, topic, partition });
    }
  });
  const admin = kafka.admin();
  let connected = false;
  const measure = async (): Promise<void> => {
    if (!connected) await admin.connect();
    connected = true;
    for (const topic of topics()) {
      const ends = await admin.fetchTopicOffsets(topic);
      const committed = (await admin.fetchOffsets({ groupId, topics: [topic] }))[0]?.partitions ?? [];
      for (const end of ends) {
        const offset = BigInt(committed.find((entry) => entry.partition === end.partition)?.offset ?? '-1');
        lag.set(`${topic}|${end.partition}`, Number(BigInt(end.high) - (offset < 0n ? BigInt(end.low) : offset)));
      }
    }
  };
  const timer = setInterval(() => {
    measure().catch((error: unknown) => log.debug({ err: error }, 'lag could not be measured'));
  }, EVERY_MS);
  timer.unref();
  return async () => {
    clearInterval(timer);
    if (connected) await admin.disconnect().catch(() => undefined);
  };
}
