import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { CONFIG, RUNTIME, startWorker, type Runtime, type Worker } from '@postgang/runtime';
import type { ReceiptsConfig } from '../config.js';
import { Deadlines } from './deadlines.js';
import { KafkaPosition } from './own-position.js';

/** The usual times change slowly, and a whole provider's open letters may have to be counted. */
const STUCK_EVERY_MS = 30_000;

type Figures = Awaited<ReturnType<Deadlines['figures']>>;

/** Looks at the deadlines from time to time, in every process: they exclude each other by the letters' locks. */
@Injectable()
export class DeadlineWorker implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly position: KafkaPosition;
  private readonly deadlines: Deadlines;
  private worker: Worker | undefined;
  private figures: Figures = { overdue: [], pullAges: [] };
  private stuck: Awaited<ReturnType<Deadlines['stuck']>> = [];
  private stuckLookedAt = -Infinity;
  private forget = (): void => undefined;

  constructor(
    @Inject(RUNTIME) private readonly runtime: Runtime,
    @Inject(CONFIG) private readonly config: ReceiptsConfig,
  ) {
    const { database, publisher, clock } = runtime;
    this.position = new KafkaPosition(runtime, database);
    this.deadlines = new Deadlines(database, publisher, clock, this.position);
  }

  onApplicationBootstrap(): void {
    this.observe();
    this.worker = startWorker('deadlines', this.config.DEADLINES_EVERY_MS, () => this.turn(), this.runtime.log);
  }

  async onApplicationShutdown(): Promise<void> {
    await this.worker?.stop();
    await this.position.close();
    this.forget();
  }

  private async turn(): Promise<boolean> {
    const more = await this.deadlines.turn();
    this.figures = await this.deadlines.figures();
    if (performance.now() - this.stuckLookedAt >= STUCK_EVERY_MS) {
      this.stuck = await this.deadlines.stuck(this.config.STUCK_AFTER_MS);
      this.stuckLookedAt = performance.now();
    }
    return more;
  }

  private observe(): void {
    const { meter } = this.runtime.metrics;
    const service = this.runtime.service;
    const overdue = meter.createObservableGauge('expectations_overdue', {
      description: 'Expectations whose deadline fired and that are still not met',
    });
    const ages = meter.createObservableGauge('provider_pull_age_seconds', {
      description: 'How long ago a provider was last asked for everything it had, in business time',
      unit: 's',
    });
    const count = (result: { observe(value: number, labels: Record<string, string>): void }): void => {
      for (const { awaits, from, count: value } of this.figures.overdue)
        result.observe(value, { service, awaits, from });
    };
    const age = (result: { observe(value: number, labels: Record<string, string>): void }): void => {
      for (const { provider, seconds } of this.figures.pullAges) result.observe(seconds, { service, provider });
    };
    const stuck = meter.createObservableGauge('letters_stuck', {
      description: 'Letters whose provider takes more than twice its p95 of late, however far their deadline is',
    });
    const wait = (result: { observe(value: number, labels: Record<string, string>): void }): void => {
      for (const { provider, count: value } of this.stuck) result.observe(value, { service, provider });
    };
    stuck.addCallback(wait);
    overdue.addCallback(count);
    ages.addCallback(age);
    this.forget = () => {
      overdue.removeCallback(count);
      ages.removeCallback(age);
      stuck.removeCallback(wait);
    };
  }
}
