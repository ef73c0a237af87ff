import { BEFORE_ANY_LEG, dueAt } from '../expectations.js';
import type { LegState } from '../letter-status.js';
import { causeOf, isLate, type Cause } from './causes.js';
import { turnOf, type Situation, type Turn } from './situation.js';

/** Why a letter is where it is: what must happen next, who owes it, since when and by when, and the cause that its signs match best. */
export interface Explanation {
  readonly next:
    | {
        readonly event: LegState | 'Notified';
        /** `postgang`, or the provider's name. */
        readonly owedBy: string;
        readonly since: Date | null;
        readonly by: Date | null;
      }
    | undefined;
  /** Whose step it is in our house; undefined when it is the provider's, or nobody's. */
  readonly turn: Turn | undefined;
  /** Past its deadline, or stuck: more than twice as long as nearly all others at that provider. */
  readonly late: boolean;
  readonly cause: Cause;
}

export function explain(situation: Situation): Explanation {
  const turn = turnOf(situation);
  const next = nextOf(situation, turn);
  const { now } = situation;
  const late = isLate(situation) || (next !== undefined && next.by !== null && next.by < now);
  return { next, turn, late, cause: causeOf(situation) };
}

function nextOf({ awaited, acceptedAt }: Situation, turn: Turn | undefined): Explanation['next'] {
  if (awaited !== undefined) {
    const { awaits, from, since, dueAt: by } = awaited;
    return { event: awaits, owedBy: from, since, by };
  }
  if (turn === undefined) return undefined;
  if (turn === 'notification') return { event: 'Notified', owedBy: 'postgang', since: null, by: null };
  // known to the intake alone: nobody has written down yet what must come
  if (acceptedAt === undefined) return undefined;
  return { event: 'Routed', owedBy: 'postgang', since: acceptedAt, by: dueAt(BEFORE_ANY_LEG, acceptedAt) };
}
