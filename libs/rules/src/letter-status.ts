/**
 * The states of a leg:
 *
 *   Routed → Sealed → HandedOver ─┬─ digital ─→ Delivered → Opened
 *                                 └─ print ───→ ReceivedForPrint → Posted → Returned
 *   from any state before an end: Refused, Failed
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

/** Further is larger. A delivery that has happened outranks a failure that was reported: the letter is there. */
const RANK: Record<LegState, number> = {
  Routed: 0,
  Sealed: 1,
  HandedOver: 2,
  ReceivedForPrint: 3,
  Refused: 4,
  Failed: 5,
  Delivered: 6,
  Posted: 6,
  Opened: 7,
  Returned: 7,
};

/** Least upper bound: commutative, associative and idempotent, so order and repetition do not matter. */
export function join(a: LegState, b: LegState): LegState {
  if (RANK[a] === RANK[b]) return a < b ? a : b;
  return RANK[a] > RANK[b] ? a : b;
}

export type Advance = 'moved' | 'stale';

/** Repeats and facts that were overtaken are stale: recorded in the history, without effect on the state. */
export function advance(from: LegState | undefined, fact: LegState): { state: LegState; how: Advance } {
  if (from === undefined) return { state: fact, how: 'moved' };
  const state = join(from, fact);
  return { state, how: state === from ? 'stale' : 'moved' };
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
