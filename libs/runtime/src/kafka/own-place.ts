import type { Consumer } from 'kafkajs';
import {
  placeKey,
  seekToOwnPositions,
  type Assignment,
  type OwnPositionsOptions,
  type Replay,
  type Replays,
} from './own-positions.js';

const AGAIN_MS = 1_000;

export type OwnPlaceOptions = Omit<OwnPositionsOptions, 'without'> & {
  /** Of the assigned topics, those of which the database says nothing. */
  readonly without: (topics: readonly string[]) => ReadonlySet<string>;
};

/** Where one consumer begins to read, found anew at every assignment, and what of that was handled before a restore. */
export class OwnPlace {
  private finding: Promise<void> = Promise.resolve();
  private assignments = 0;
  private closed = false;
  private replays: Replays = new Map();

  /** `options` undefined: the service keeps no places of its own. */
  constructor(private readonly options: OwnPlaceOptions | undefined) {}

  assigned(consumer: Pick<Consumer, 'seek'>, assignment: Assignment): void {
    this.finding = this.find(consumer, assignment);
  }

  /** Nothing may be handled before. */
  found(): Promise<void> {
    return this.finding;
  }

  /** By the topic's name with prefix. */
  replayOf(topic: string, partition: number): Replay | undefined {
    return this.replays.get(placeKey(topic, partition));
  }

  close(): void {
    this.closed = true;
  }

  /** While database or broker are away it is tried again and again. A newer assignment, or the end, makes an older one pointless. */
  private async find(consumer: Pick<Consumer, 'seek'>, assignment: Assignment): Promise<void> {
    if (this.options === undefined) return;
    const mine = ++this.assignments;
    while (mine === this.assignments && !this.closed) {
      try {
        const without = this.options.without(Object.keys(assignment));
        const replays = await seekToOwnPositions(consumer, assignment, { ...this.options, without });
        // one that was slow must not take from a newer one what that has found
        if (mine === this.assignments) this.replays = replays;
        return;
      } catch (error) {
        this.options.log.warn({ err: error }, 'own positions could not be read yet');
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      }
    }
  }
}
