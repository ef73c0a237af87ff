import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { RUNTIME, startWorker, type Runtime, type Worker } from '@postgang/runtime';
import { acceptedDraft } from './accepted-draft.js';
import { findUnpublished, markPublished } from './letter-rows.js';

const EVERY_MS = 5_000;
const AT_ONCE = 500;

/** Publishes letters whose process died between writing the row and publishing the event. */
@Injectable()
export class Sweep implements OnApplicationBootstrap, OnModuleDestroy {
  private worker: Worker | undefined;

  constructor(@Inject(RUNTIME) private readonly runtime: Runtime) {}

  onApplicationBootstrap(): void {
    this.worker = startWorker('sweep', EVERY_MS, () => this.turn(), this.runtime.log);
  }

  async onModuleDestroy(): Promise<void> {
    await this.worker?.stop();
  }

  private async turn(): Promise<boolean> {
    const rows = await findUnpublished(this.runtime.database, AT_ONCE);
    if (rows.length === 0) return false;
    await this.runtime.publisher.publish(rows.map(acceptedDraft));
    await markPublished(
      this.runtime.database,
      rows.map(({ id }) => id),
    );
    this.runtime.log.info({ letters: rows.length }, 'published what a crash had left');
    return rows.length === AT_ONCE;
  }
}
