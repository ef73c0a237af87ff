import type { Clock } from '@postgang/outside';
import type { Manager, Publisher } from '@postgang/runtime';
import {
  countOverdue,
  findDue,
  findUnpublished,
  markPublished,
  OVERDUE_KIND,
  overdueEventId,
  type ExpectationKey,
} from '../db/overdue.js';
import { loadPulls, type Pull } from '../db/pulls.js';
import { countStuck, type StuckCount } from '../db/stuck.js';
import { save } from '../db/save.js';
import { draftsOf } from '../history/announcement.js';
import type { Fact } from '../legs/fact.js';
import { foldLetters } from '../legs/fold-letters.js';
import type { Ends, OwnPosition } from './own-position.js';

const AT_ONCE = 500;
/** Ourselves as a debtor: what we have not done by now is late, whatever we have read. */
const OURSELVES = 'postgang';

export interface Database extends Manager {
  transaction<T>(work: (manager: Manager) => Promise<T>): Promise<T>;
}

/** What was known when somebody looked at the clock; deadlines fire on this once everything of that moment has been read. */
interface Round {
  readonly at: Date;
  /** Per debtor: deadlines before this may fire. */
  readonly limits: readonly Pull[];
  readonly ends: Ends;
}

/**
 * Tells of expectations that were not met in time. Silence is only silence if we have listened: a provider's deadline fires when everything
 * that provider had to say by then has been fetched, and everything fetched by then has been read here. It changes no leg's state: a letter
 * whose receipt is late has most often arrived.
 */
export class Deadlines {
  private round: Round | undefined;

  constructor(
    private readonly database: Database,
    private readonly publisher: Pick<Publisher, 'publish'>,
    private readonly clock: Clock,
    private readonly position: Pick<OwnPosition, 'ends' | 'reached'>,
  ) {}

  /** True when there may be more to do at once. */
  async turn(): Promise<boolean> {
    // first what a crash left
    await this.publishStored();
    this.round ??= await this.begin();
    if (this.round === undefined || !(await this.position.reached(this.round.ends))) return false;
    const fired = await this.fire(this.round);
    if (fired < AT_ONCE) this.round = undefined;
    if (fired > 0) await this.publishStored();
    return fired === AT_ONCE;
  }

  /** For the metrics: what is awaited in vain now, and for how long nobody has asked each provider (seconds). */
  async figures(): Promise<{
    overdue: readonly { awaits: string; from: string; count: number }[];
    pullAges: readonly { provider: string; seconds: number }[];
  }> {
    const now = this.clock.now().getTime();
    const pulls = await loadPulls(this.database);
    return {
      overdue: await countOverdue(this.database),
      pullAges: pulls.map(({ provider, until }) => ({ provider, seconds: (now - until.getTime()) / 1_000 })),
    };
  }

  /** The order matters: clock, then what the pollers have told, then the ends of the topics. Whatever was pulled lies before those ends. */
  private async begin(): Promise<Round | undefined> {
    const at = this.clock.now();
    const pulls = await loadPulls(this.database);
    const limits = [
      { provider: OURSELVES, until: at },
      ...pulls.map(({ provider, until }) => ({ provider, until: until < at ? until : at })),
    ];
    if ((await findDue(this.database, limits, 1)).length === 0) return undefined;
    return { at, limits, ends: await this.position.ends() };
  }

  private async fire({ at, limits }: Round): Promise<number> {
    return this.database.transaction(async (manager) => {
      const due = await findDue(manager, limits, AT_ONCE);
      const byLetter = Map.groupBy(
        due.map((key) => overdueFact(key, at)),
        ({ letterId }) => letterId,
      );
      const { folded } = await foldLetters(manager, byLetter);
      const changed = folded.filter(({ entries }) => entries.length > 0);
      if (changed.length > 0) await save(manager, this.clock, changed, []);
      return due.length;
    });
  }

  /** For the metrics: letters that wait for a provider much longer than is usual with it. */
  stuck(atLeastMs: number): Promise<StuckCount[]> {
    return countStuck(this.database, this.clock.now(), atLeastMs);
  }

  private async publishStored(): Promise<void> {
    for (;;) {
      const rows = await findUnpublished(this.database, AT_ONCE);
      if (rows.length === 0) return;
      const drafts = rows.flatMap(({ letter, entry }) => draftsOf(letter, entry));
      if (drafts.length > 0) await this.publisher.publish(drafts);
      await markPublished(this.database, rows);
      if (rows.length < AT_ONCE) return;
    }
  }
}

const overdueFact = (key: ExpectationKey, at: Date): Fact => ({
  eventId: overdueEventId(key),
  letterId: key.letterId,
  leg: key.leg,
  at,
  kind: OVERDUE_KIND,
  effect: { of: 'overdue', awaits: key.awaits },
});
