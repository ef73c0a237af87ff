import { header } from '@postgang/pipeline';
import type { Settings } from '@postgang/launch';
import { createLogger, kafkaClient, kafkaConsumer } from '@postgang/runtime';

export interface LoggedRecord {
  /** Without prefix. */
  readonly topic: string;
  readonly id: string;
  readonly key: string;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly partition: number;
  readonly offset: string;
}

/** All records of some topics, raw, in the order of their partitions, each once. */
export class TopicLog {
  readonly records: LoggedRecord[] = [];
  private readonly seen = new Set<string>();
  private readonly waiting = new Set<() => void>();
  private disconnect: () => Promise<void> = () => Promise.resolve();

  static async follow(settings: Settings, topics: readonly string[]): Promise<TopicLog> {
    const log = new TopicLog();
    const prefix = settings['TOPIC_PREFIX'] ?? '';
    const brokers = (settings['KAFKA_BROKERS'] ?? '').split(',');
    const kafka = kafkaClient({ brokers, topicPrefix: '' }, 'journey', createLogger('journey', 'silent'));
    const group = `${prefix}journey-${Math.random().toString(36).slice(2)}`;
    const consumer = kafkaConsumer(kafka, group, { minBytes: 1, maxWaitMs: 50 });
    log.disconnect = () => consumer.disconnect();
    await consumer.connect();
    await consumer.subscribe({ topics: topics.map((topic) => prefix + topic), fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      partitionsConsumedConcurrently: 16,
      eachBatch: ({ batch: { topic, partition, messages } }) => {
        for (const { offset, key, value, headers } of messages) {
          const place = `${topic}/${partition}/${offset}`;
          if (log.seen.has(place)) continue; // read again after the consumer began anew
          log.seen.add(place);
          log.records.push({
            topic: topic.slice(prefix.length),
            id: header(headers, 'ce_id') ?? '',
            key: key?.toString() ?? '',
            value,
            headers: Object.fromEntries(Object.keys(headers ?? {}).map((name) => [name, header(headers, name)])),
            partition,
            offset,
          });
        }
        for (const look of log.waiting) look();
        return Promise.resolve();
      },
    });
    return log;
  }

  /** Resolves when `condition` holds, which is looked at after every record. Rejects with `what` tells when it never did. */
  until(condition: () => boolean, timeoutMs: number, what: () => string): Promise<void> {
    return new Promise((resolve, reject) => {
      const done = (): void => {
        clearTimeout(timer);
        this.waiting.delete(look);
      };
      const look = (): void => {
        if (!condition()) return;
        done();
        resolve();
      };
      const timer = setTimeout(() => {
        done();
        reject(new Error(`after ${timeoutMs / 1_000} s: ${what()}`));
      }, timeoutMs);
      this.waiting.add(look);
      look();
    });
  }

  stop(): Promise<void> {
    return this.disconnect();
  }
}
