import { decode, type LetterStatusChanged } from '@postgang/pipeline';
import { createLogger, kafkaClient, kafkaConsumer } from '@postgang/runtime';

/** What is seen of one letter, in milliseconds of `performance.now()`. */
export interface Seen {
  readonly submittedAt: number;
  handedOverAt?: number;
  endedAt?: number;
  status?: LetterStatusChanged['status'];
}

/** Ends of a letter in the benchmark: in the mailbox, or posted by the print shop. */
const DELIVERED = new Set(['DELIVERED', 'OPENED', 'POSTED']);
const UNHAPPY = new Set(['REFUSED', 'FAILED', 'RETURNED']);

/** Reads what an agency and an operator could read, `letter.dispatched.v1` and `letter.status.v1`, and notes when it came. */
export class Observer {
  private letters = new Map<string, Seen>();
  private waiting: { readonly count: number; readonly done: () => void } | undefined;
  delivered = 0;
  unhappy = 0;
  private disconnect: () => Promise<void> = () => Promise.resolve();

  constructor(private readonly brokers: readonly string[]) {}

  async start(): Promise<void> {
    const kafka = kafkaClient({ brokers: this.brokers, topicPrefix: '' }, 'bench', createLogger('bench', 'error'));
    const consumer = kafkaConsumer(kafka, `bench-${process.pid}`, { minBytes: 1, maxWaitMs: 50 });
    this.disconnect = () => consumer.disconnect();
    await consumer.connect();
    await consumer.subscribe({ topics: ['letter.dispatched.v1', 'letter.status.v1'], fromBeginning: true });
    const joined = new Promise<void>((resolve) => consumer.on(consumer.events.GROUP_JOIN, () => resolve()));
    await consumer.run({
      autoCommit: false,
      partitionsConsumedConcurrently: 16,
      eachBatch: ({ batch }) => {
        const now = performance.now();
        for (const { key, value } of batch.messages)
          if (batch.topic === 'letter.dispatched.v1') this.handedOver(String(key), now);
          else this.status(decode('letter.status.v1', value), now);
        return Promise.resolve();
      },
    });
    await joined;
  }

  /** Forgets what was; letters are told apart by id, so late news of earlier ones is ignored. */
  begin(): void {
    this.letters = new Map();
    this.delivered = this.unhappy = 0;
  }

  submitted(letterId: string, at: number): void {
    this.letters.set(letterId, { submittedAt: at });
  }

  get seen(): readonly Seen[] {
    return [...this.letters.values()];
  }

  /** Resolves when so many letters have ended, well or not; rejects after `timeoutMs` without. */
  ended(count: number, timeoutMs: number): Promise<void> {
    if (this.delivered + this.unhappy >= count) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`${this.delivered + this.unhappy} of ${count} letters ended in ${timeoutMs / 1_000} s`)),
        timeoutMs,
      );
      this.waiting = {
        count,
        done: () => {
          clearTimeout(timer);
          resolve();
        },
      };
    });
  }

  stop(): Promise<void> {
    return this.disconnect();
  }

  private handedOver(letterId: string, now: number): void {
    const letter = this.letters.get(letterId);
    if (letter !== undefined) letter.handedOverAt ??= now;
  }

  private status(event: LetterStatusChanged, now: number): void {
    const letter = this.letters.get(event.letterId);
    if (letter === undefined || letter.endedAt !== undefined) return;
    if (!DELIVERED.has(event.status) && !UNHAPPY.has(event.status)) return;
    letter.endedAt = now;
    letter.status = event.status;
    if (DELIVERED.has(event.status)) this.delivered += 1;
    else this.unhappy += 1;
    if (this.waiting !== undefined && this.delivered + this.unhappy >= this.waiting.count) {
      this.waiting.done();
      this.waiting = undefined;
    }
  }
}
