import { DAY_ROOT_FORMAT, DayTree, signDayRoot, statementHash, type DayRoot } from '@postgang/evidence';
import type { Clock } from '@postgang/outside';
import type { Manager, Runtime } from '@postgang/runtime';
import {
  closeDay,
  closedAt,
  databaseNow,
  firstRecorded,
  lastClosed,
  lastRoot,
  leavesOn,
  makeAlone,
  rootsBeside,
  rootsBesideOthers,
  saveChunk,
  saveRoot,
} from '../db/day-roots.js';
import type { Database } from '../expectations/deadlines.js';
import { daysAhead, nextDue } from './due-days.js';
import { against, givenOut, type GivenOut, type Whose } from './given-out.js';
import type { PublishedRoot, PublishedRoots } from './published-roots.js';

/** A clock further ahead is not believed: the signer's certificate is judged at the time at which the day was closed, and may have ended by then. */
const APART_AT_MOST_MS = 24 * 3_600_000;

export interface DayRootsParts extends Whose {
  readonly database: Database;
  /** For the making of a root, which may take minutes. */
  readonly transactPatiently: (work: (manager: Manager) => Promise<Made | undefined>) => Promise<Made | undefined>;
  readonly clock: Clock;
  readonly published: Pick<PublishedRoots, 'read' | 'publish'>;
  readonly log: Pick<Runtime['log'], 'info' | 'warn' | 'error'>;
}

export interface Made {
  readonly statement: string;
  /** What had been given out about the day before; `statement` is the same or replaces it. */
  readonly before: GivenOut | undefined;
}

/**
 * Closes each day in Norway once it is over: a Merkle root over the heads of all letters that changed, signed, on top of the day before. A letter that did
 * not change is held by the day it last did, and that day by all that follow. Any number of processes may do this; a crash leaves a day closed
 * and without a root, or a root that was not given out, or nothing, and the next turn goes on from there.
 *
 * A root that was given out is known outside the database, which may be restored from a backup of before: none is signed without looking what
 * was said of the day, and it is said again or openly replaced. While the database holds another one than stands outside, nothing more is said.
 */
export class DayRoots {
  /** Days that were over and had no root after the last turn, or when it failed. */
  waiting = 0;
  /** Roots that were signed in the place of one that had been given out, since the start. */
  replaced = 0;
  /** Days that are closed and not over, as the last turn found it: a clock was ahead. */
  ahead = 0;
  /** Days whose stored root is not the one that stands outside, as it was last found. */
  disputed = 0;
  /** The newest root of which this process knows that it was given out, with all before it. */
  private told: string | undefined;
  private readonly doubted = new Set<string>();
  private toldAhead: string | undefined;
  private readonly toldDisputed = new Set<string>();

  constructor(private readonly parts: DayRootsParts) {}

  /**
   * How many days are over and have no root yet, before this turn. At most one is made, and none while a stored one is disputed; call again while there
   * are more and fewer than before. Rejects, and makes none, while it cannot be found out what was given out.
   */
  async turn(): Promise<number> {
    const { database, published } = this.parts;
    const { now, latest } = await this.times(database);
    await this.lookAhead(now);
    const due = await this.due(database, now);
    this.waiting = due?.waiting ?? 0;
    if (due === undefined) {
      if ((await lastRoot(database))?.statement === this.told) return 0;
      const lying = await published.read();
      if (await this.agrees(lying)) await this.tell(lying);
      return 0;
    }
    await database.transaction((manager) => closeDay(manager, due.day, latest));
    const lying = await published.read();
    if (!(await this.agrees(lying))) return due.waiting;
    const made = await this.parts.transactPatiently((manager) => this.make(manager, due.day, now, lying));
    // another process is at it, and tells
    if (made === undefined) return due.waiting;
    this.waiting -= 1;
    this.say(due.day, made);
    await this.tell(lying);
    return due.waiting;
  }

  /**
   * By a host's clock alone, one that is ahead for a moment would close the days to come, for good: the database's must have got there as well.
   * The day is over `now`, by both, and closed at `latest`, by either: where one is behind, receipts signed after `now` were recorded for the day.
   */
  private async times(manager: Manager): Promise<{ now: Date; latest: Date }> {
    const { clock } = this.parts;
    const own = clock.now();
    if (clock.real !== true) return { now: own, latest: own };
    const shared = await databaseNow(manager);
    const [now, later] = shared < own ? [shared, own] : [own, shared];
    return { now, latest: new Date(Math.min(later.getTime(), now.getTime() + APART_AT_MOST_MS)) };
  }

  private async lookAhead(now: Date): Promise<void> {
    const last = await lastClosed(this.parts.database);
    this.ahead = daysAhead(now, last);
    if (this.ahead === 0 || last === this.toldAhead) return;
    this.toldAhead = last;
    this.parts.log.error(
      { day: last, now: now.toISOString() },
      'a day is closed that is not over: a clock was ahead; until it is, everything is recorded for the day after it',
    );
  }

  /**
   * False when the operator gave out another root about a day after the stored one, or instead of it: the database was restored to a time before an older
   * backup's root replaced its own. To build on what is stored would contradict what stands, and only a person knows which history is the right one.
   */
  private async agrees(lying: readonly PublishedRoot[]): Promise<boolean> {
    let disputed = 0;
    for (const stored of await rootsBesideOthers(this.parts.database, lying)) {
      const { later, replaces } = against(stored, lying);
      const standing = this.newestGivenOut(stored.day, later)?.hash;
      if (standing === undefined || standing === replaces) continue;
      disputed += 1;
      const statement = statementHash(stored.statement);
      if (this.toldDisputed.has(statement + standing)) continue;
      this.toldDisputed.add(statement + standing);
      this.parts.log.error(
        { day: stored.day, statement, standing },
        'the database holds another root than the one that stands outside; no further one is signed until a person has put that right',
      );
    }
    this.disputed = disputed;
    return disputed === 0;
  }

  private async due(manager: Manager, now: Date): Promise<{ day: string; waiting: number } | undefined> {
    const last = await lastRoot(manager);
    const first = last === undefined ? await firstRecorded(manager) : undefined;
    return nextDue(now, last?.day, first);
  }

  private async make(
    manager: Manager,
    day: string,
    now: Date,
    lying: readonly PublishedRoot[],
  ): Promise<Made | undefined> {
    if (!(await makeAlone(manager)) || (await this.due(manager, now))?.day !== day) return undefined;
    const tree = new DayTree();
    for await (const page of leavesOn(manager, day))
      for (const leaf of page) {
        const chunk = tree.add(leaf);
        if (chunk !== undefined) await saveChunk(manager, day, chunk);
      }
    const { rest, size, root } = tree.finish();
    if (rest !== undefined) await saveChunk(manager, day, rest);
    const previous = await lastRoot(manager);
    const says: DayRoot = {
      format: DAY_ROOT_FORMAT,
      day,
      closedAt: (await closedAt(manager, day)).toISOString(),
      size,
      root: root.toString('hex'),
      previous: previous === undefined ? null : statementHash(previous.statement),
    };
    const before = this.newestGivenOut(day, lying);
    const statement =
      before !== undefined && saysTheSame(before.says, says)
        ? before.statement
        : await signDayRoot(before === undefined ? says : { ...says, replaces: before.hash }, this.parts.signer);
    await saveRoot(manager, { day, size, root, statement });
    return { statement, before };
  }

  private newestGivenOut(day: string, lying: readonly PublishedRoot[]): GivenOut | undefined {
    const { ours, doubtful } = givenOut(day, lying, this.parts);
    for (const { hash } of doubtful) {
      if (this.doubted.has(hash)) continue;
      this.doubted.add(hash);
      this.parts.log.warn(
        { day, statement: hash },
        'a root was published that the operator did not sign; it counts for nothing',
      );
    }
    return ours.at(-1);
  }

  private say(day: string, { statement, before }: Made): void {
    const { log } = this.parts;
    const hash = statementHash(statement);
    if (before === undefined) return log.info({ day, statement: hash }, 'the day has its root');
    if (statement === before.statement)
      return log.info({ day, statement: hash }, 'the day has its root again, as it was given out before');
    this.replaced += 1;
    log.error({ day, statement: hash, replaces: before.hash }, 'a root replaces another one that was given out before');
  }

  /** Publishes every root that does not lie outside. */
  private async tell(lying: readonly PublishedRoot[]): Promise<void> {
    const { database, published } = this.parts;
    const last = await lastRoot(database);
    const missing = await rootsBeside(database, lying);
    if (missing.length > 0) await published.publish(missing);
    this.told = last?.statement;
  }
}

/** Closed anew the day has another moment, which proves nothing. */
const saysTheSame = (one: DayRoot, other: DayRoot): boolean =>
  one.root === other.root && one.size === other.size && one.previous === other.previous;
