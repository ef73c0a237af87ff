import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { DependencyDown } from '@postgang/outside';
import { decode } from '@postgang/pipeline';
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
  longestParked,
  oldestParked,
  PAPER_WAITS,
  takeReleased,
  takeThese,
  takeAnswered,
  type NoAccess,
  type Parked,
  type ParkedCount,
  type ParkedLetter,
} from '../db/parked-letters.js';
import { decide } from '../decide.js';
import { REGISTERS } from '../registers.js';
import { hasAccess } from './access-probe.js';
import { PaperRegister } from './paper-register.js';

const EVERY_MS = 2_000;
/** How often a register that is away is asked, milliseconds, and about how many letters: among a few somebody is whom it can be asked about. */
const AWAY_PROBE_MS = 5_000;
const PROBED_AT_ONCE = 25;
/** Letters given back in one transaction. */
const AT_ONCE = 500;

type WithoutAccess = ParkedCount & { readonly why: NoAccess };
const isWithoutAccess = (parked: ParkedCount): parked is WithoutAccess => parked.why.startsWith('no-access-to-');
const isPaper = ({ why }: Parked): boolean => why === PAPER_WAITS;
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
    private readonly paper: PaperRegister,
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
    this.tell(await countParked(database));
    const released = this.counts.some(({ why }) => why === 'too-many-refusals')
      ? await this.giveBack((manager) => takeReleased(manager, AT_ONCE))
      : 0;
    if (released > 0) log.info({ letters: released }, 'an operator released parked letters: they go on');
    for (const parked of this.counts.filter(isWithoutAccess))
      if (this.isDue(keyOf(parked), this.config.ACCESS_PROBE_MS)) await this.probe(parked);
    const paper = this.counts.filter(isPaper);
    if (paper.length > 0 && this.isDue(PAPER_WAITS, Math.min(AWAY_PROBE_MS, this.config.ACCESS_PROBE_MS)))
      await this.probePaper(paper);
    return released === AT_ONCE;
  }

  private isDue(key: string, everyMs: number): boolean {
    const now = performance.now();
    const last = this.probed.get(key);
    if (last !== undefined && now - last < everyMs) return false;
    this.probed.set(key, now);
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
    const letters = await this.giveBackAnswered(parked, oldest.at);
    log.info({ sender: parked.sender, why: parked.why, letters }, 'an agency has access again: its letters go on');
  }

  /**
   * A few letters ask for those of all agencies. When any of them is answered, or somebody else's was since the last time, all go on. When the register
   * answers, but about none of the few, they are the trouble, and go on alone: the stage decides what becomes of them.
   */
  private async probePaper(parked: readonly ParkedCount[]): Promise<void> {
    const { database, log } = this.runtime;
    const longest = await longestParked(database, PAPER_WAITS, PROBED_AT_ONCE);
    if (longest === undefined) return;
    const heard = this.paper.answeredSinceAsked() ? 'answers' : await this.askForPaper(longest.letters);
    if (heard === 'away') return;
    let letters = 0;
    if (heard === 'nothing') letters = await this.giveBack((manager) => takeThese(manager, longest.letters));
    else for (const each of parked) letters += await this.giveBackAnswered(each, longest.at);
    log.info({ letters }, 'the register of addresses answers: letters on paper go on');
  }

  private async askForPaper(waiting: readonly ParkedLetter[]): Promise<ReturnType<PaperRegister['note']>> {
    const { keys, clock, log } = this.runtime;
    const letters = waiting.map(({ event }) => decode('letter.accepted.v1', event).letter);
    try {
      return this.paper.note(await decide(letters, this.registers, keys, clock.now()));
    } catch (error) {
      if (!(error instanceof DependencyDown)) throw error;
      log.debug({ err: error }, 'it cannot be found out whether the register of addresses is back');
      return 'away';
    }
  }

  /** All that lay there at `before`. Returns how many. */
  private async giveBackAnswered(parked: Parked, before: Date): Promise<number> {
    let letters = 0;
    for (let taken = AT_ONCE; taken === AT_ONCE; letters += taken)
      taken = await this.giveBack((manager) => takeAnswered(manager, parked, before, AT_ONCE));
    return letters;
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
    if (counts.some(isPaper) && !this.counts.some(isPaper))
      this.runtime.log.warn('the register of addresses is away: letters on paper wait, those to mailboxes go');
    this.counts = counts;
  }

  private observe(): void {
    const { metrics, service } = this.runtime;
    const gauge = metrics.meter.createObservableGauge('letters_parked', {
      description:
        'Letters of one sender that wait for a person, for access to a register, or for the register of addresses',
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
