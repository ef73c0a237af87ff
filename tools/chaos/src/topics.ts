import { deadLetterTopic, decode, RETRY_TIERS, retryTopic, SERVICES } from '@postgang/pipeline';
import { createLogger, kafkaClient, kafkaConsumer } from '@postgang/runtime';
import type { Settings } from '@postgang/launch';
import type { Told } from './books.js';

const QUIET_MS = 60_000;

/** What Kafka holds in the end, seen by somebody who reads it all from the beginning. */
export class Topics {
  private readonly kafka;

  constructor(settings: Settings) {
    const brokers = (settings['KAFKA_BROKERS'] ?? '').split(',');
    this.kafka = kafkaClient({ brokers, topicPrefix: '' }, 'chaos-books', createLogger('chaos-books', 'silent'));
  }

  /**
   * The last word on every letter. `backwards`: how often a lower seq came after a higher one (which readers ignore) with words of its own;
   * saying the same again is allowed.
   */
  async lastTold(
    topic: string,
  ): Promise<{ readonly told: ReadonlyMap<string, Told>; readonly contradictions: readonly string[] }> {
    const ends = await this.ends(topic);
    const told = new Map<string, Told>();
    const words = new Map<string, string>();
    const contradictions: string[] = [];
    const consumer = kafkaConsumer(this.kafka, `chaos-books-${process.pid}-${Math.random().toString(36).slice(2)}`, {
      minBytes: 1,
      maxWaitMs: 50,
    });
    await consumer.connect();
    try {
      await consumer.subscribe({ topics: [topic], fromBeginning: true });
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`${topic} was not read to its end`)), QUIET_MS);
        const done = (): void => {
          if (ends.size > 0) return;
          clearTimeout(timer);
          resolve();
        };
        done();
        void consumer.run({
          autoCommit: false,
          eachBatch: ({ batch: { partition, messages } }) => {
            for (const { offset, value } of messages) {
              const { letterId, seq, status } = decode('letter.status.v1', value);
              const same = `${letterId}/${seq}`;
              if ((words.get(same) ?? status) !== status) contradictions.push(letterId);
              words.set(same, status);
              if (seq >= (told.get(letterId)?.seq ?? 0)) told.set(letterId, { seq, status });
              if (BigInt(offset) + 1n >= (ends.get(partition) ?? 0n)) ends.delete(partition);
            }
            timer.refresh();
            done();
            return Promise.resolve();
          },
        });
      });
    } finally {
      await consumer.disconnect();
    }
    return { told, contradictions };
  }

  /** Records per topic of those that failed: retry tiers and dead letters, where there are any. */
  async setAside(): Promise<Readonly<Record<string, number>>> {
    const topics = SERVICES.flatMap((service) => [
      ...RETRY_TIERS.map(({ tier }) => retryTopic(service, tier)),
      deadLetterTopic(service),
    ]);
    const counted = await this.withAdmin(async (admin) =>
      Promise.all(
        topics.map(async (topic) => {
          const offsets = await admin.fetchTopicOffsets(topic);
          return [topic, offsets.reduce((sum, { high, low }) => sum + Number(high) - Number(low), 0)] as const;
        }),
      ),
    );
    return Object.fromEntries(counted.filter(([, records]) => records > 0));
  }

  private async ends(topic: string): Promise<Map<number, bigint>> {
    const offsets = await this.withAdmin((admin) => admin.fetchTopicOffsets(topic));
    return new Map(
      offsets.filter(({ high, low }) => high !== low).map(({ partition, high }) => [partition, BigInt(high)] as const),
    );
  }

  private async withAdmin<T>(work: (admin: ReturnType<Topics['kafka']['admin']>) => Promise<T>): Promise<T> {
    const admin = this.kafka.admin();
    await admin.connect();
    try {
      return await work(admin);
    } finally {
      await admin.disconnect();
    }
  }
}
