import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { signingIdentityFromPem } from '@postgang/document-package';
import { CONFIG, RUNTIME, startWorker, type Runtime, type Worker } from '@postgang/runtime';
import type { ReceiptsConfig } from '../config.js';
import { DayRoots } from './day-roots.js';

/** Looks from time to time, in every process, whether a day is over. */
@Injectable()
export class DayRootWorker implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly dayRoots: DayRoots;
  private worker: Worker | undefined;
  private waiting = 0;
  private forget = (): void => undefined;

  constructor(
    @Inject(RUNTIME) private readonly runtime: Runtime,
    @Inject(CONFIG) private readonly config: ReceiptsConfig,
  ) {
    const signer = signingIdentityFromPem(config.OPERATOR_KEY, config.OPERATOR_CHAIN);
    this.dayRoots = new DayRoots(runtime.database, runtime.clock, signer);
  }

  onApplicationBootstrap(): void {
    const gauge = this.runtime.metrics.meter.createObservableGauge('day_roots_waiting', {
      description: 'Days that are over and whose root has not been signed yet',
    });
    const observe = (result: { observe(value: number, labels: Record<string, string>): void }): void =>
      result.observe(this.waiting, { service: this.runtime.service });
    gauge.addCallback(observe);
    this.forget = () => gauge.removeCallback(observe);
    this.worker = startWorker('day-roots', this.config.DAY_ROOTS_EVERY_MS, () => this.turn(), this.runtime.log);
  }

  async onApplicationShutdown(): Promise<void> {
    await this.worker?.stop();
    this.forget();
  }

  private async turn(): Promise<boolean> {
    const before = this.waiting;
    this.waiting = await this.dayRoots.turn();
    // no progress: another process is at it, and its root is waited for at leisure
    return this.waiting > 0 && this.waiting !== before;
  }
}
