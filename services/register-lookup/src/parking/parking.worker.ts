import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { RUNTIME, startWorker, storedDraft, type Runtime, type Worker } from '@postgang/runtime';
import { countParked, takeReleasable, type ParkedCount, type ParkedLetter } from '../db/parked-letters.js';

const EVERY_MS = 2_000;
/** Letters given back in one transaction. */
const AT_ONCE = 500;

/** Gives parked letters back to the stage when nothing holds them any more, and tells how many lie here. In every process. */
@Injectable()
export class ParkingWorker implements OnApplicationBootstrap, OnApplicationShutdown {
  private worker: Worker | undefined;
  private counts: readonly ParkedCount[] = [];
  /** Labels once told are told as 0 afterwards: a series that only ends says nothing to an alarm. */
  private readonly told = new Map<string, Record<string, string>>();
  private forget = (): void => undefined;

  constructor(@Inject(RUNTIME) private readonly runtime: Runtime) {}

  onApplicationBootstrap(): void {
    this.observe();
    this.worker = startWorker('parking', EVERY_MS, () => this.turn(), this.runtime.log);
  }

  async onApplicationShutdown(): Promise<void> {
    await this.worker?.stop();
    this.forget();
  }

  private async turn(): Promise<boolean> {
    const { database, log } = this.runtime;
    const released = await this.release();
    if (released > 0) log.info({ letters: released }, 'parked letters go on');
    this.counts = await countParked(database);
    return released === AT_ONCE;
  }

  /** Published before the rows are gone: a crash in between gives a letter back twice, and the stage decides it once. */
  private async release(): Promise<number> {
    return this.runtime.database.transaction(async (manager) => {
      const letters = await takeReleasable(manager, AT_ONCE);
      if (letters.length > 0) await this.runtime.publisher.resume(letters.map(resumed));
      return letters.length;
    });
  }

  private observe(): void {
    const { metrics, service } = this.runtime;
    const gauge = metrics.meter.createObservableGauge('letters_parked', {
      description: 'Letters of one sender that wait for a person or for an authorisation',
    });
    const tell = (result: { observe(value: number, labels: Record<string, string>): void }): void => {
      const now = new Map(this.counts.map(({ sender, why, letters }) => [`${sender} ${why}`, letters]));
      for (const { sender, why } of this.counts) this.told.set(`${sender} ${why}`, { service, sender, why });
      for (const [key, labels] of this.told) result.observe(now.get(key) ?? 0, labels);
    };
    gauge.addCallback(tell);
    this.forget = () => gauge.removeCallback(tell);
  }
}

const resumed = ({ letterId, event, eventId, attempt, traceparent }: ParkedLetter) => ({
  draft: {
    ...storedDraft('letter.accepted.v1', letterId, event, traceparent === undefined ? {} : { traceparent }),
    id: eventId,
  },
  attempts: attempt,
});
