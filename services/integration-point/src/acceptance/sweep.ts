import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { RUNTIME, startWorker, type Runtime, type Worker } from '@postgang/runtime';
import { Uploads } from '../documents/uploads.js';
import { acceptedDraft } from './accepted-draft.js';
import { findUnpublished, markPublished } from './letter-rows.js';
import { Unsettled } from './unsettled.js';

const MARK_EVERY_MS = 4_000;
const SWEEP_EVERY_MS = 5_000;
const SETTLE_EVERY_MS = 5_000;
const CLEAN_EVERY_MS = 600_000;
const AT_ONCE = 500;

/**
 * Marks letters whose event is out, many in one statement, and publishes those whose process died, or whose broker was away, between writing the
 * row and publishing the event. A letter that was published but not marked is published once more, with the same event id.
 */
@Injectable()
export class Sweep implements OnApplicationBootstrap, OnApplicationShutdown {
  private workers: readonly Worker[] = [];
  private readonly unmarked = new Set<string>();

  constructor(
    @Inject(RUNTIME) private readonly runtime: Runtime,
    @Inject(Uploads) private readonly uploads: Uploads,
    @Inject(Unsettled) private readonly unsettled: Unsettled,
  ) {}

  onApplicationBootstrap(): void {
    const { log } = this.runtime;
    this.workers = [
      startWorker('mark as published', MARK_EVERY_MS, () => this.mark(), log),
      startWorker('publish what was left', SWEEP_EVERY_MS, () => this.sweep(), log),
      startWorker('unsettled documents', SETTLE_EVERY_MS, () => this.unsettled.settle(), log),
      startWorker('unused uploads', CLEAN_EVERY_MS, () => this.uploads.dropUnused(AT_ONCE), log),
    ];
  }

  async onApplicationShutdown(): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.stop()));
    await this.mark().catch((error: unknown) => this.runtime.log.warn({ err: error }, 'letters not marked'));
  }

  /** Their events are out; the rows will say so soon. */
  published(ids: readonly string[]): void {
    for (const id of ids) this.unmarked.add(id);
  }

  /** Published a moment ago by this process, and not marked yet. */
  wasPublished(id: string): boolean {
    return this.unmarked.has(id);
  }

  private async mark(): Promise<boolean> {
    const ids = [...this.unmarked];
    if (ids.length > 0) await markPublished(this.runtime.database, ids);
    for (const id of ids) this.unmarked.delete(id);
    return false;
  }

  private async sweep(): Promise<boolean> {
    const found = await findUnpublished(this.runtime.database, AT_ONCE);
    // not those that are about to be marked
    const rows = found.filter(({ id }) => !this.wasPublished(id));
    if (rows.length === 0) return false;
    await this.runtime.publisher.publish(rows.map(acceptedDraft));
    await markPublished(
      this.runtime.database,
      rows.map(({ id }) => id),
    );
    this.runtime.log.info({ letters: rows.length }, 'published what a crash or an absent broker had left');
    return rows.length === AT_ONCE;
  }
}
