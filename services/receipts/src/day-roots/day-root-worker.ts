import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { certificatesFromPem, signingIdentityFromPem } from '@postgang/document-package';
import { CONFIG, RUNTIME, startWorker, type Runtime, type Worker } from '@postgang/runtime';
import type { ReceiptsConfig } from '../config.js';
import { LEAVES_WITHIN_MS } from '../db/day-roots.js';
import { DayRoots } from './day-roots.js';
import { PublishedRoots } from './published-roots.js';

type Observe = (result: Observed) => void;
type Observed = { observe(value: number, labels: Record<string, string>): void };

/** Looks from time to time, in every process, whether a day is over. */
@Injectable()
export class DayRootWorker implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly dayRoots: DayRoots;
  private readonly published: PublishedRoots;
  private readonly stopping = new AbortController();
  private worker: Worker | undefined;
  private forget = (): void => undefined;

  constructor(
    @Inject(RUNTIME) private readonly runtime: Runtime,
    @Inject(CONFIG) private readonly config: ReceiptsConfig,
  ) {
    const { database, clock, log } = runtime;
    this.published = new PublishedRoots(runtime);
    this.dayRoots = new DayRoots({
      ...{ database, clock, log, published: this.published },
      transactPatiently: (work) =>
        runtime.transactPatiently({ statementMs: LEAVES_WITHIN_MS, signal: this.stopping.signal }, work),
      signer: signingIdentityFromPem(config.OPERATOR_KEY, config.OPERATOR_CHAIN),
      trust: certificatesFromPem(config.RECEIPT_TRUST),
    });
  }

  onApplicationBootstrap(): void {
    this.observe();
    this.worker = startWorker('day-roots', this.config.DAY_ROOTS_EVERY_MS, () => this.turn(), this.runtime.log);
  }

  async onApplicationShutdown(): Promise<void> {
    this.published.stop();
    this.stopping.abort(new Error('the service stops'));
    await this.worker?.stop();
    this.forget();
  }

  private async turn(): Promise<boolean> {
    const found = await this.dayRoots.turn();
    // no progress: another process is at it, and its root is waited for at leisure
    return this.dayRoots.waiting < found;
  }

  private observe(): void {
    const { metrics, service } = this.runtime;
    const { dayRoots } = this;
    const watch = (
      made: { addCallback(observe: Observe): void; removeCallback(observe: Observe): void },
      value: () => number,
    ): (() => void) => {
      const say: Observe = (result) => result.observe(value(), { service });
      made.addCallback(say);
      return () => made.removeCallback(say);
    };
    const gauge = (name: string, description: string) => metrics.meter.createObservableGauge(name, { description });
    const ends = [
      watch(
        gauge('day_roots_waiting', 'Days that are over and whose root has not been signed yet'),
        () => dayRoots.waiting,
      ),
      watch(gauge('day_roots_ahead', 'Days that are closed and not over: a clock was ahead'), () => dayRoots.ahead),
      watch(
        gauge('day_roots_disputed', 'Days whose stored root is not the one that stands outside'),
        () => dayRoots.disputed,
      ),
      watch(
        metrics.meter.createObservableCounter('day_roots_replaced_total', {
          description: 'Roots signed in the place of one that had been given out before, since the start',
        }),
        () => dayRoots.replaced,
      ),
    ];
    this.forget = () => ends.forEach((end) => end());
  }
}
