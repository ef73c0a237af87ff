import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { DependencyDown } from '@postgang/outside';
import type { Registers } from '@postgang/registers';
import {
  CONFIG,
  RUNTIME,
  startWorker,
  storedDraft,
  type Manager,
  type Resumed,
  type Runtime,
  type Worker,
} from '@postgang/runtime';
import type { RegisterLookupConfig } from '../config.js';
import {
  countParked,
  oldestParked,
  takeReleased,
  takeWithAccess,
  type NoAccess,
  type Parked,
  type ParkedCount,
  type ParkedLetter,
} from '../db/parked-letters.js';
import { REGISTERS } from '../registers.js';
import { hasAccess } from './access-probe.js';

const EVERY_MS = 2_000;
/** Letters given back in one transaction. */
const AT_ONCE = 500;

type WithoutAccess = ParkedCount & { readonly why: NoAccess };
const isWithoutAccess = (parked: ParkedCount): parked is WithoutAccess => parked.why !== 'too-many-refusals';
const keyOf = ({ sender, why }: Parked): string => `${sender} ${why}`;

/** Gives parked letters back to the stage when nothing holds them any more, and tells how many lie here. In every process. */
@Injectable()
export class ParkingWorker implements OnApplicationBootstrap, OnApplicationShutdown {
  private worker: Worker | undefined;
  private counts: readonly ParkedCount[] = [];
  private readonly probed = new Map<string, number>();
  /** Labels once told are told as 0 afterwards: a series that only ends says nothing to an alarm. */
  private readonly told = new Map<string, Record<string, string>>();
  private forget = (): void => undefined;

  constructor(
    @Inject(RUNTIME) private readonly runtime: Runtime,
    @Inject(CONFIG) private readonly config: RegisterLookupConfig,
    @Inject(REGISTERS) private readonly registers: Registers,
  ) {}

  onApplicationBootstrap(): void {
    this.observe();
    this.worker = startWorker(
      'parking',
      Math.min(EVERY_MS, this.config.ACCESS_PROBE_MS),
      () => this.turn(),
      this.runtime.log,
    );
  }

  async onApplicationShutdown(): Promise<void> {
    await this.worker?.stop();
    this.forget();
  }

  private async turn(): Promise<boolean> {
    const { database, log } = this.runtime;
    const released = await this.giveBack((manager) => takeReleased(manager, AT_ONCE));
    if (released > 0) log.info({ letters: released }, 'an operator released parked letters: they go on');
    this.tell(await countParked(database));
    for (const parked of this.counts.filter(isWithoutAccess)) if (this.isDue(parked)) await this.probe(parked);
    return released === AT_ONCE;
  }

  private isDue(parked: Parked): boolean {
    const now = performance.now();
    const last = this.probed.get(keyOf(parked));
    if (last !== undefined && now - last < this.config.ACCESS_PROBE_MS) return false;
    this.probed.set(keyOf(parked), now);
    return true;
  }

  private async probe(parked: WithoutAccess): Promise<void> {
    const { database, keys, clock, log } = this.runtime;
    const oldest = await oldestParked(database, parked);
    if (oldest === undefined) return;
    try {
      if (!(await hasAccess({ ...oldest.letter, why: parked.why }, this.registers, keys, clock.now())))
        return log.warn({ ...parked }, 'an agency still has no access to a register: its letters wait');
    } catch (error) {
      if (!(error instanceof DependencyDown)) throw error;
      return log.debug({ err: error, sender: parked.sender }, 'it cannot be found out whether an agency has access');
    }
    let letters = 0;
    for (let taken = AT_ONCE; taken === AT_ONCE; letters += taken)
      taken = await this.giveBack((manager) => takeWithAccess(manager, parked, oldest.at, AT_ONCE));
    log.info({ sender: parked.sender, why: parked.why, letters }, 'an agency has access again: its letters go on');
  }

  /** Published before the rows are gone: a crash in between gives a letter back twice, and the stage decides it once. */
  private async giveBack(take: (manager: Manager) => Promise<ParkedLetter[]>): Promise<number> {
    return this.runtime.database.transaction(async (manager) => {
      const letters = await take(manager);
      if (letters.length > 0) await this.runtime.publisher.resume(letters.map(resumed));
      return letters.length;
    });
  }

  private tell(counts: readonly ParkedCount[]): void {
    const before = new Set(this.counts.map(keyOf));
    for (const parked of counts.filter(isWithoutAccess))
      if (!before.has(keyOf(parked)))
        this.runtime.log.error(
          { ...parked },
          'an agency has no access to a register: its letters wait, nothing is lost',
        );
    this.counts = counts;
  }

  private observe(): void {
    const { metrics, service } = this.runtime;
    const gauge = metrics.meter.createObservableGauge('letters_parked', {
      description: 'Letters of one sender that wait for a person or for access to a register',
    });
    const tell = (result: { observe(value: number, labels: Record<string, string>): void }): void => {
      const now = new Map(this.counts.map((parked) => [keyOf(parked), parked.letters]));
      for (const { sender, why } of this.counts) this.told.set(keyOf({ sender, why }), { service, sender, why });
      for (const [key, labels] of this.told) result.observe(now.get(key) ?? 0, labels);
    };
    gauge.addCallback(tell);
    this.forget = () => gauge.removeCallback(tell);
  }
}

const resumed = ({ letterId, event, eventId, attempt, traceparent }: ParkedLetter): Resumed => ({
  draft: {
    ...storedDraft('letter.accepted.v1', letterId, event, traceparent === undefined ? {} : { traceparent }),
    id: eventId,
  },
  attempts: attempt,
});
