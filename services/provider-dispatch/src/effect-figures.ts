import { startWorker, type EffectLedger, type Runtime, type Worker } from '@postgang/runtime';

const EVERY_MS = 15_000;

/** What is unsettled now, as a metric. */
export class EffectFigures {
  private worker: Worker | undefined;
  private unsettled: Awaited<ReturnType<EffectLedger['unsettledCounts']>> = [];
  /** Labels once told are told as 0 afterwards: a series that only ends says nothing to an alarm. */
  private readonly told = new Map<string, Record<string, string>>();
  private forget = (): void => undefined;

  constructor(
    private readonly runtime: Runtime,
    private readonly ledger: EffectLedger,
  ) {}

  start(): void {
    const { service, metrics, log } = this.runtime;
    const gauge = metrics.meter.createObservableGauge('effects_unsettled', {
      description: 'Effects of which nobody knows whether they were done; PARKED ones wait for a person',
    });
    const tell = (result: { observe(value: number, labels: Record<string, string>): void }): void => {
      const now = new Map(this.unsettled.map(({ provider, state, count }) => [`${provider} ${state}`, count]));
      for (const { provider, state } of this.unsettled)
        this.told.set(`${provider} ${state}`, { service, provider, state });
      for (const [key, labels] of this.told) result.observe(now.get(key) ?? 0, labels);
    };
    gauge.addCallback(tell);
    this.forget = () => gauge.removeCallback(tell);
    const turn = async (): Promise<boolean> => {
      this.unsettled = await this.ledger.unsettledCounts();
      return false;
    };
    this.worker = startWorker('effect figures', EVERY_MS, turn, log);
  }

  async stop(): Promise<void> {
    await this.worker?.stop();
    this.forget();
  }
}
