import type { Consumer } from 'kafkajs';

interface Waiting {
  readonly topic: string;
  readonly partition: number;
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
  commit(topic: string, partition: number, offset: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ topic, partition, offset, resolve, reject });
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
        await this.consumer.commitOffsets(taken.map(({ topic, partition, offset }) => ({ topic, partition, offset })));
        for (const { resolve } of taken) resolve();
      } catch (error) {
        for (const { reject } of taken) reject(error);
      }
    }
    this.running = false;
  }
}
