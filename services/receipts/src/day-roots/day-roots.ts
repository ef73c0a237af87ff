import { DAY_ROOT_FORMAT, DayTree, signDayRoot, statementHash } from '@postgang/evidence';
import type { SigningIdentity } from '@postgang/document-package';
import type { Clock } from '@postgang/outside';
import type { Manager } from '@postgang/runtime';
import {
  closeDay,
  closedAt,
  firstRecorded,
  lastRoot,
  leavesOn,
  makeAlone,
  saveChunk,
  saveRoot,
} from '../db/day-roots.js';
import type { Database } from '../expectations/deadlines.js';
import { nextDue } from './due-days.js';

/**
 * Closes each day in Norway once it is over: a Merkle root over the heads of all letters that changed, signed, on top of the day before. A letter that did
 * not change is held by the day it last did, and that day by all that follow. Any number of processes may do this; a crash leaves a day closed
 * and without a root, or nothing, and the next turn goes on from there.
 */
export class DayRoots {
  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
    private readonly signer: SigningIdentity,
  ) {}

  /** How many days are over and have no root yet, before this turn. At most one is made; call again while there are more. */
  async turn(): Promise<number> {
    const due = await this.due(this.database);
    if (due === undefined) return 0;
    const now = this.clock.now();
    await this.database.transaction((manager) => closeDay(manager, due.day, now));
    await this.database.transaction((manager) => this.make(manager, due.day));
    return due.waiting;
  }

  private async due(manager: Manager): Promise<{ day: string; waiting: number } | undefined> {
    const last = await lastRoot(manager);
    const first = last === undefined ? await firstRecorded(manager) : undefined;
    return nextDue(this.clock.now(), last?.day, first);
  }

  private async make(manager: Manager, day: string): Promise<void> {
    if (!(await makeAlone(manager)) || (await this.due(manager))?.day !== day) return;
    const tree = new DayTree();
    for await (const page of leavesOn(manager, day))
      for (const leaf of page) {
        const chunk = tree.add(leaf);
        if (chunk !== undefined) await saveChunk(manager, day, chunk);
      }
    const { rest, size, root } = tree.finish();
    if (rest !== undefined) await saveChunk(manager, day, rest);
    const before = await lastRoot(manager);
    const statement = await signDayRoot(
      {
        format: DAY_ROOT_FORMAT,
        day,
        closedAt: (await closedAt(manager, day)).toISOString(),
        size,
        root: root.toString('hex'),
        previous: before === undefined ? null : statementHash(before.statement),
      },
      this.signer,
    );
    await saveRoot(manager, { day, size, root, statement });
  }
}
