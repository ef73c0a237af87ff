import type { Consumer, EachBatchPayload } from 'kafkajs';

type Batch = Pick<EachBatchPayload, 'batch' | 'isRunning' | 'commitOffsetsIfNecessary'>;

interface Waiting {
  readonly payload: Batch;
  /** Of the next record to read. */
  readonly offset: string;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Partitions whose batches end together commit together: one request to the broker instead of one for each. */
export class Committer {
  private waiting: Waiting[] = [];
  private running = false;

  constructor(private readonly consumer: Pick<Consumer, 'commitOffsets'>) {}

  /** Resolves when the broker has it. */
  commit(payload: Batch, offset: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ payload, offset, resolve, reject });
      if (!this.running) void this.run();
    });
  }

  private async run(): Promise<void> {
    this.running = true;
    while (this.waiting.length > 0) {
      // batches that were handled in one call come back in the same turn of the loop
      await new Promise((resolve) => setImmediate(resolve));
      const taken = this.waiting;
      this.waiting = [];
      try {
        await this.send(taken);
        for (const { resolve } of taken) resolve();
      } catch (error) {
        for (const { reject } of taken) reject(error);
      }
    }
    this.running = false;
  }

  private async send(taken: readonly Waiting[]): Promise<void> {
    const offsets = taken.map(({ payload: { batch }, offset }) => ({
      topic: batch.topic,
      partition: batch.partition,
      offset,
    }));
    const last = taken.find(({ payload }) => !payload.isRunning())?.payload;
    if (last === undefined) return this.consumer.commitOffsets(offsets);
    // A consumer that is being stopped says yes to commitOffsets and does nothing; through its batch it still commits. It stays in the group
    // until the batches in hand have ended.
    await last.commitOffsetsIfNecessary({
      topics: offsets.map(({ topic, partition, offset }) => ({ topic, partitions: [{ partition, offset }] })),
    });
  }
}
