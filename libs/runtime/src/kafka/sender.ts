import { DependencyDown } from '@postgang/outside';
import type { Producer, TopicMessages } from 'kafkajs';
import { NO_COMPRESSION } from './client.js';

export interface OutgoingMessage {
  readonly topic: string;
  readonly key: string;
  readonly value: Buffer | null;
  readonly headers: Record<string, string>;
}

/**
 * The one way out to Kafka in a process. While one request is on its way, everything else that wants out gathers for the next:
 * at load a request carries hundreds of records without anybody waiting for a timer.
 */
const MAX_TOPIC_BYTES = 900_000;
const MAX_REQUEST_MESSAGES = 5_000;
/** What retry tiers and dead letters take, the largest of all; no event comes near. */
const MAX_RECORD_BYTES = 2_000_000;
/** What a record costs beside key, value and headers, generously. */
const RECORD_OVERHEAD = 100;

interface Sized {
  readonly message: OutgoingMessage;
  /** Bytes on the wire, at most. */
  readonly size: number;
}

interface Waiting {
  readonly messages: readonly Sized[];
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export class BatchingSender {
  private waiting: Waiting[] = [];
  private running: Promise<void> | undefined;
  /** Produce requests made, for metrics and the benchmark. */
  requests = 0;

  constructor(
    private readonly producer: Producer,
    private readonly prefix: string,
    private readonly onRequest: (messages: number) => void = () => undefined,
  ) {}

  /**
   * Resolves when every message is acknowledged by all in-sync replicas. Throws DependencyDown('kafka'); some may then have been written. Throws
   * RangeError, and sends nothing, if one is larger than any topic takes: the request would fail for others too, again and again.
   */
  send(messages: readonly OutgoingMessage[]): Promise<void> {
    if (messages.length === 0) return Promise.resolve();
    const sized = messages.map((message) => ({ message, size: sizeOf(message) }));
    for (const { message, size } of sized) {
      if (size > MAX_RECORD_BYTES)
        return Promise.reject(new RangeError(`${message.topic}: a record of ${size} bytes is more than a topic takes`));
    }
    return new Promise((resolve, reject) => {
      this.waiting.push({ messages: sized, resolve, reject });
      this.running ??= this.run();
    });
  }

  /** Waits until everything handed in so far is out or has failed. */
  async flush(): Promise<void> {
    while (this.running !== undefined) await this.running;
  }

  private async run(): Promise<void> {
    // one turn of the loop, so that callers in the same tick share the first request
    await new Promise((resolve) => setImmediate(resolve));
    while (this.waiting.length > 0) {
      const taken = this.waiting;
      this.waiting = [];
      try {
        for (const request of chunks(taken.flatMap((entry) => entry.messages))) await this.produce(request);
        for (const entry of taken) entry.resolve();
      } catch (error) {
        const down = new DependencyDown('kafka', { cause: error });
        for (const entry of taken) entry.reject(down);
      }
    }
    this.running = undefined;
  }

  private async produce(messages: readonly OutgoingMessage[]): Promise<void> {
    const byTopic = new Map<string, TopicMessages>();
    for (const message of messages) {
      const topic = this.prefix + message.topic;
      let entry = byTopic.get(topic);
      if (entry === undefined) byTopic.set(topic, (entry = { topic, messages: [] }));
      entry.messages.push({ key: message.key, value: message.value, headers: message.headers });
    }
    this.requests += 1;
    this.onRequest(messages.length);
    await this.producer.sendBatch({
      acks: -1,
      timeout: 30_000,
      compression: NO_COMPRESSION,
      topicMessages: [...byTopic.values()],
    });
  }
}

/** The broker's limit of 1 MB holds per partition batch; a topic's share of a request stays below it whatever the partitioner does. */
function* chunks(messages: readonly Sized[]): Generator<OutgoingMessage[]> {
  let chunk: OutgoingMessage[] = [];
  let bytes = new Map<string, number>();
  for (const { message, size } of messages) {
    const total = (bytes.get(message.topic) ?? 0) + size;
    if (chunk.length > 0 && (total > MAX_TOPIC_BYTES || chunk.length >= MAX_REQUEST_MESSAGES)) {
      yield chunk;
      chunk = [];
      bytes = new Map();
    }
    chunk.push(message);
    bytes.set(message.topic, (bytes.get(message.topic) ?? 0) + size);
  }
  if (chunk.length > 0) yield chunk;
}

function sizeOf(message: OutgoingMessage): number {
  let size = RECORD_OVERHEAD + Buffer.byteLength(message.key) + (message.value?.length ?? 0);
  for (const name in message.headers) size += name.length + Buffer.byteLength(message.headers[name] ?? '') + 4;
  return size;
}
