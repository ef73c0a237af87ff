import { Controller, Inject } from '@nestjs/common';
import { DependencyDown } from '@postgang/outside';
import { RegisterDenied, type Registers } from '@postgang/registers';
import {
  failed,
  FloodStopped,
  publish,
  RUNTIME,
  skip,
  Stage,
  storedDraft,
  type Outcome,
  type Received,
  type Runtime,
} from '@postgang/runtime';
import { holdSenders } from './db/held-senders.js';
import { PAPER_WAITS, parkLetters, type ParkedLetter } from './db/parked-letters.js';
import { loadKnown, storeRoutes, type Route } from './db/routes.js';
import { decide } from './decide.js';
import { PaperRegister } from './parking/paper-register.js';
import { parked } from './parking/parked-letter.js';
import { SenderFloods, talliesOf } from './parking/sender-floods.js';
import { REGISTERS } from './registers.js';

const LEG = 1;
/** As many as the contact register takes in one call. */
const MOST_PER_CALL = 1_000;

type Accepted = Received<'letter.accepted.v1'>;
const letterOf = ({ event }: Accepted): Accepted['event']['letter'] => event.letter;

@Controller()
export class RegisterLookupStage {
  private readonly floods: SenderFloods;

  constructor(
    @Inject(RUNTIME) private readonly runtime: Runtime,
    @Inject(REGISTERS) private readonly registers: Registers,
    private readonly paper: PaperRegister,
  ) {
    this.floods = new SenderFloods(runtime.flood);
  }

  /** A letter decided before keeps its decision, even if the registers would answer differently now. */
  @Stage('letter.accepted.v1', { maxBatch: MOST_PER_CALL, everyMs: 200 })
  async handle(batch: readonly Accepted[]): Promise<readonly Outcome[]> {
    const { database } = this.runtime;
    const letters = batch.map(letterOf);
    const { routes: known, holds } = await loadKnown(database, {
      letterIds: letters.map(({ letterId }) => letterId),
      leg: LEG,
      senders: [...new Set(letters.map(({ sender }) => sender))],
    });
    const fresh = batch.filter((record) => !known.has(letterOf(record).letterId));
    const isHeld = (record: Accepted): boolean => holds.get(letterOf(record).sender) === 'held';
    const asked = fresh.filter((record) => !isHeld(record));
    const results = await this.decide(asked);
    this.paper.note(results);
    // asked before anything is stored: what is stored is published, sooner or later
    const tallies = talliesOf(asked.map(letterOf), results, holds);
    const flooding = this.judge(tallies);
    const waiting = new Map<Accepted, ParkedLetter>();
    const decided: Route[] = [];
    const errors = new Map<Accepted, Error>();
    for (const record of fresh.filter(isHeld)) waiting.set(record, parked(record, 'too-many-refusals'));
    asked.forEach((record, index) => {
      const result = results[index] as Route | Error;
      if (flooding.has(letterOf(record).sender)) waiting.set(record, parked(record, 'too-many-refusals'));
      else if (result instanceof RegisterDenied) waiting.set(record, parked(record, `no-access-to-${result.register}`));
      else if (result instanceof DependencyDown) waiting.set(record, parked(record, PAPER_WAITS));
      else if (result instanceof Error) errors.set(record, result);
      else decided.push(result);
    });
    const stored = await this.store(decided, [...waiting.values()], [...flooding], batch);
    this.floods.count(tallies, flooding, performance.now());
    return batch.map((record) => {
      const { letterId } = letterOf(record);
      const route = known.get(letterId) ?? stored.get(letterId);
      if (route !== undefined)
        return publish(storedDraft(route.routed ? 'letter.routed.v1' : 'letter.refused.v1', letterId, route.event));
      return waiting.has(record) ? skip('parked') : failed(errors.get(record));
    });
  }

  private decide(records: readonly Accepted[]): Promise<(Route | Error)[]> {
    const { keys, clock } = this.runtime;
    return records.length === 0
      ? Promise.resolve([])
      : decide(records.map(letterOf), this.registers, keys, clock.now());
  }

  /** Senders whose letters must wait from now on. Throws FloodStopped when it is not about single senders. */
  private judge(tallies: ReturnType<typeof talliesOf>): ReadonlySet<string> {
    const { senders, everybody } = this.floods.judge(tallies, performance.now());
    if (everybody) throw new FloodStopped('too many refusals of too many senders, consumer stopped');
    for (const sender of senders)
      this.runtime.log.error(
        { sender, ...tallies.get(sender) },
        "too many refusals of one sender: its letters are parked, nothing is refused, until an operator says 'postgang parked release'",
      );
    return senders;
  }

  private async store(
    routes: readonly Route[],
    waiting: readonly ParkedLetter[],
    held: readonly string[],
    batch: readonly Accepted[],
  ): Promise<Map<string, Route>> {
    const { database } = this.runtime;
    if (waiting.length === 0) return storeRoutes(database, routes, batch);
    return database.transaction(async (manager) => {
      if (held.length > 0) await holdSenders(manager, held);
      await parkLetters(manager, waiting);
      return storeRoutes(manager, routes, batch);
    });
  }
}
