import type { RefusalReason } from './words.js';

/**
 * The states of a leg:
 *
 *   Routed → Sealed → HandedOver ─┬─ digital ─→ Delivered → Opened
 *                                 └─ print ───→ ReceivedForPrint → Posted → Returned
 *   from any state before an end: Refused, Failed
 *   Refused, when we had given it up ({@link GIVEN_UP}) → HandedOver, sent again by an operator
 *
 * Facts arrive late, twice and out of order: a receipt may overtake the event that says the leg was handed over. So a leg's state is not
 * moved step by step, it is the join of the facts known, whatever their order.
 */
export const LEG_STATES = [
  'Routed',
  'Sealed',
  'HandedOver',
  'Delivered',
  'Opened',
  'ReceivedForPrint',
  'Posted',
  'Returned',
  'Refused',
  'Failed',
] as const;
export type LegState = (typeof LEG_STATES)[number];

/** What each state may be followed by; the only table of transitions. */
export const NEXT: Record<LegState, readonly LegState[]> = {
  Routed: ['Sealed', 'Refused', 'Failed'],
  Sealed: ['HandedOver', 'Refused', 'Failed'],
  HandedOver: ['Delivered', 'ReceivedForPrint', 'Refused', 'Failed'],
  Delivered: ['Opened'],
  Opened: [],
  ReceivedForPrint: ['Posted', 'Failed'],
  Posted: ['Returned'],
  Returned: [],
  Refused: [],
  Failed: [],
};

/**
 * The reason of a refusal that is our own word: nobody took it, after all attempts. A provider's no comes to what it has taken, too, and stands; this
 * one never does, so whoever takes the leg afterwards has it.
 */
export const GIVEN_UP = 'provider-unreachable' satisfies RefusalReason;

/** What is said of a leg, by a fact or by all facts so far. */
export interface LegWord {
  readonly state: LegState;
  readonly reason?: string | null;
}

/** Further is larger. A delivery that has happened outranks a failure that was reported: the letter is there. */
const RANK: Record<LegState | 'given-up', number> = {
  Routed: 0,
  Sealed: 1,
  'given-up': 2,
  HandedOver: 3,
  ReceivedForPrint: 4,
  Refused: 5,
  Failed: 6,
  Delivered: 7,
  Posted: 7,
  Opened: 8,
  Returned: 8,
};

export const isGivenUp = ({ state, reason }: LegWord): boolean => state === 'Refused' && reason === GIVEN_UP;
const rankOf = (word: LegWord): number => RANK[isGivenUp(word) ? 'given-up' : word.state];

/** Least upper bound: commutative, associative and idempotent, so order and repetition do not matter to the state. */
export function join(a: LegWord, b: LegWord): LegWord {
  const [one, other] = [rankOf(a), rankOf(b)];
  if (one === other) return a.state <= b.state ? a : b;
  return one > other ? a : b;
}

export type Advance = 'moved' | 'stale';

/** Repeats and facts that were overtaken are stale: recorded in the history, without effect on the state. */
export function advance(from: LegWord | undefined, fact: LegWord): { state: LegState; how: Advance } {
  if (from === undefined) return { state: fact.state, how: 'moved' };
  const word = join(from, fact);
  return { state: word.state, how: word === from ? 'stale' : 'moved' };
}

export const LETTER_STATUSES = [
  'ACCEPTED',
  'ROUTED',
  'SEALED',
  'HANDED_OVER',
  'DELIVERED',
  'OPENED',
  'RECEIVED_FOR_PRINT',
  'POSTED',
  'RETURNED',
  'REFUSED',
  'FAILED',
] as const;
export type LetterStatus = (typeof LETTER_STATUSES)[number];

const STATUS_OF: Record<LegState, LetterStatus> = {
  Routed: 'ROUTED',
  Sealed: 'SEALED',
  HandedOver: 'HANDED_OVER',
  Delivered: 'DELIVERED',
  Opened: 'OPENED',
  ReceivedForPrint: 'RECEIVED_FOR_PRINT',
  Posted: 'POSTED',
  Returned: 'RETURNED',
  Refused: 'REFUSED',
  Failed: 'FAILED',
};

/** A letter's status follows from its newest leg, or from its refusal before any leg was opened. */
export function letterStatus(newestLeg: LegState | undefined, refused: boolean): LetterStatus {
  if (newestLeg !== undefined) return STATUS_OF[newestLeg];
  return refused ? 'REFUSED' : 'ACCEPTED';
}

/** No further status is expected, except that a delivered letter may be opened and a posted one returned. */
export const isEnd = (status: LetterStatus): boolean =>
  ['DELIVERED', 'OPENED', 'POSTED', 'RETURNED', 'REFUSED', 'FAILED'].includes(status);

/** The words Norwegian integrators know (eFormidling's ReceiptStatus). */
export const INTEGRATOR_WORD: Record<LetterStatus, 'OPPRETTET' | 'SENDT' | 'MOTTATT' | 'LEVERT' | 'LEST' | 'FEIL'> = {
  ACCEPTED: 'OPPRETTET',
  ROUTED: 'OPPRETTET',
  SEALED: 'OPPRETTET',
  HANDED_OVER: 'SENDT',
  DELIVERED: 'LEVERT',
  OPENED: 'LEST',
  RECEIVED_FOR_PRINT: 'MOTTATT',
  POSTED: 'LEVERT',
  RETURNED: 'FEIL',
  REFUSED: 'FEIL',
  FAILED: 'FEIL',
};
