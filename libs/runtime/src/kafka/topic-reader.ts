import { header } from '@postgang/pipeline';
import { randomUUID } from 'node:crypto';
import type { Admin, Consumer, EachBatchPayload, Kafka } from 'kafkajs';
import { kafkaConsumer } from './client.js';

/** A stretch of a partition: `from` is the first offset, `to` the first one after it. */
export interface Stretch {
  readonly partition: number;
  readonly from: bigint;
  readonly to: bigint;
}

export interface LyingRecord {
  readonly partition: number;
  readonly offset: bigint;
  /** When it was written. */
  readonly at: Date;
  readonly key: string;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, string>>;
}

interface Reading {
  readonly open: Map<number, { next: bigint; readonly to: bigint }>;
  readonly visit: (record: LyingRecord) => void;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
  heardAt: number;
}

const WAIT_MS = 200;
const LOOK_MS = 1_000;
const SILENT_MS = 60_000;

/**
 * Looks at what lies in a topic, as an operator does: nothing is committed, and no stage gets less for it. It is in a consumer group of its own,
 * because kafkajs reads in no other way; the group is removed in the end. One reading at a time.
 */
export class TopicReader {
  private reading: Reading | undefined;
  private watch: NodeJS.Timeout | undefined;

  private constructor(
    private readonly topic: string,
    private readonly groupId: string,
    private readonly consumer: Consumer,
    private readonly admin: Admin,
    private readonly signal: AbortSignal | undefined,
  ) {}

  /**
   * `topic` with its prefix. Throws what kafkajs throws when the broker is away or there is no such topic. When `signal` fires, this and every reading
   * reject with its reason, and whoever closes does not wait for the broker.
   */
  static async open(kafka: Kafka, topic: string, signal?: AbortSignal): Promise<TopicReader> {
    const admin = kafka.admin();
    const groupId = `${topic}.reader.${randomUUID()}`;
    const consumer = kafkaConsumer(kafka, groupId, { minBytes: 1, maxWaitMs: WAIT_MS });
    const reader = new TopicReader(topic, groupId, consumer, admin, signal);
    const beginning = reader.begin();
    try {
      await heeding(signal, beginning);
      return reader;
    } catch (error) {
      // what was on its way when the signal fired may connect afterwards
      if (signal?.aborted === true) void beginning.catch(() => undefined).then(() => reader.leave());
      await reader.close();
      throw error;
    }
  }

  /** What the partitions hold now: the oldest offset kept, and the next to be written. */
  async ends(): Promise<Stretch[]> {
    const partitions = await heeding(this.signal, this.admin.fetchTopicOffsets(this.topic));
    return partitions
      .map(({ partition, low, high }) => ({ partition, from: BigInt(low), to: BigInt(high) }))
      .sort((a, b) => a.partition - b.partition);
  }

  /** The same, of what was written at `since` or later. */
  async endsSince(since: Date): Promise<Stretch[]> {
    const first = new Map(
      (await this.admin.fetchTopicOffsetsByTimestamp(this.topic, since.getTime())).map(({ partition, offset }) => [
        partition,
        BigInt(offset),
      ]),
    );
    return (await this.ends()).map(({ partition, from, to }) => {
      const begin = first.get(partition) ?? from;
      return { partition, from: begin < from ? (begin < 0n ? to : from) : begin, to };
    });
  }

  /**
   * Shows every record that still lies in these stretches, each once, in the order of its partition. Resolves when all have been passed; what
   * retention removes meanwhile is passed over. Rejects when the broker says nothing for a minute. One stretch per partition.
   */
  read(stretches: readonly Stretch[], visit: (record: LyingRecord) => void): Promise<void> {
    if (this.reading !== undefined) throw new Error('one reading at a time');
    const wanted = stretches.filter(({ from, to }) => from < to);
    if (wanted.length === 0) return Promise.resolve();
    const passed = new Promise<void>((resolve, reject) => {
      const open = new Map(wanted.map(({ partition, from, to }) => [partition, { next: from, to }]));
      this.reading = { open, visit, resolve, reject, heardAt: performance.now() };
      this.watch = setInterval(() => void this.look(), LOOK_MS);
      for (const { partition, from } of wanted)
        this.consumer.seek({ topic: this.topic, partition, offset: from.toString() });
      this.consumer.resume([{ topic: this.topic, partitions: wanted.map(({ partition }) => partition) }]);
    });
    return heeding(this.signal, passed).finally(() => {
      clearInterval(this.watch);
      this.reading = undefined;
    });
  }

  async close(): Promise<void> {
    clearInterval(this.watch);
    const left = this.leave();
    if (this.signal?.aborted !== true) await left;
  }

  private async leave(): Promise<void> {
    await this.consumer.disconnect().catch(() => undefined);
    await this.admin.deleteGroups([this.groupId]).catch(() => undefined);
    await this.admin.disconnect().catch(() => undefined);
  }

  private async begin(): Promise<void> {
    const { admin, consumer, signal, topic } = this;
    await admin.connect();
    await this.ends();
    signal?.throwIfAborted();
    await consumer.connect();
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    signal?.throwIfAborted();
    await this.join();
  }

  private join(): Promise<void> {
    const { consumer } = this;
    return new Promise<void>((resolve, reject) => {
      consumer.on(consumer.events.GROUP_JOIN, () => resolve());
      consumer.on(consumer.events.CRASH, ({ payload: { error, restart } }) => {
        if (restart) return;
        reject(error);
        this.reading?.reject(error);
      });
      consumer
        .run({
          autoCommit: false,
          eachBatchAutoResolve: false,
          partitionsConsumedConcurrently: 1,
          eachBatch: (payload) => Promise.resolve(this.take(payload)),
        })
        .catch(reject);
    });
  }

  private take(payload: EachBatchPayload): void {
    const { batch } = payload;
    const { reading } = this;
    const stretch = reading?.open.get(batch.partition);
    if (reading === undefined || stretch === undefined) return void payload.pause();
    if (payload.isStale()) return;
    reading.heardAt = performance.now();
    try {
      for (const message of batch.messages) {
        const offset = BigInt(message.offset);
        if (offset >= stretch.to) break;
        // read again: the group had formed anew
        if (offset < stretch.next) continue;
        stretch.next = offset + 1n;
        reading.visit({
          partition: batch.partition,
          offset,
          at: new Date(Number(message.timestamp)),
          key: message.key?.toString() ?? '',
          value: message.value,
          headers: Object.fromEntries(
            Object.keys(message.headers ?? {}).map((name) => [name, header(message.headers, name) ?? '']),
          ),
        });
      }
    } catch (error) {
      payload.pause();
      return reading.reject(error);
    }
    payload.resolveOffset(batch.lastOffset());
    if (BigInt(batch.lastOffset()) + 1n < stretch.to) return;
    payload.pause();
    this.passed(reading, batch.partition);
  }

  private passed(reading: Reading, partition: number): void {
    reading.open.delete(partition);
    if (reading.open.size === 0) reading.resolve();
  }

  /** What was removed is never delivered, so nothing would ever end a stretch of it. */
  private async look(): Promise<void> {
    const { reading } = this;
    if (reading === undefined || performance.now() - reading.heardAt < LOOK_MS) return;
    try {
      for (const { partition, from } of await this.ends()) {
        const stretch = reading.open.get(partition);
        if (stretch !== undefined && from >= stretch.to) this.passed(reading, partition);
      }
    } catch {
      // the broker is away: it may come back
    }
    if (performance.now() - reading.heardAt > SILENT_MS)
      reading.reject(new Error(`${this.topic}: nothing could be read for ${SILENT_MS / 1_000} s`));
  }
}

/** The same, until the signal fires; what then still comes of the work is heard by nobody. */
function heeding<T>(signal: AbortSignal | undefined, work: Promise<T>): Promise<T> {
  if (signal === undefined) return work;
  return new Promise<T>((resolve, reject) => {
    const abort = (): void => reject(signal.reason as Error);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    void work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
