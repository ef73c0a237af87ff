import { afterWorkingDays } from './calendar.js';
import type { LegState } from './letter-status.js';

/** Print shops and the post count working days; machines count hours. */
export type Within = { readonly minutes: number } | { readonly workingDays: number };

/** What must happen next to a leg, who owes it, and within how long. */
export interface Expected {
  readonly awaits: LegState;
  readonly from: 'postgang' | 'provider';
  readonly within: Within;
}

const OURS: Partial<Record<LegState, Expected>> = {
  Routed: { awaits: 'Sealed', from: 'postgang', within: { minutes: 5 } },
  Sealed: { awaits: 'HandedOver', from: 'postgang', within: { minutes: 10 } },
};

/** Delivered and Posted may still be followed by something, but nobody owes it: a citizen need not open a letter. */
const EXPECTED: Record<'digital' | 'print', Partial<Record<LegState, Expected>>> = {
  digital: {
    ...OURS,
    HandedOver: { awaits: 'Delivered', from: 'provider', within: { minutes: 24 * 60 } },
  },
  // Received the same day or the next; the receipt for posting comes in daily batches after one day of printing.
  print: {
    ...OURS,
    HandedOver: { awaits: 'ReceivedForPrint', from: 'provider', within: { workingDays: 1 } },
    ReceivedForPrint: { awaits: 'Posted', from: 'provider', within: { workingDays: 5 } },
  },
};

/** Of a letter that was accepted and has no leg yet: somebody must choose its way. */
export const BEFORE_ANY_LEG: Expected = { awaits: 'Routed', from: 'postgang', within: { minutes: 5 } };

/** Undefined when nothing must happen any more. */
export const expectedAfter = (channel: 'digital' | 'print', state: LegState): Expected | undefined =>
  EXPECTED[channel][state];

/** The reason told with a letter's unchanged status when a provider has not said in time what it owes. Silence is never taken for a failure. */
export const OVERDUE = 'overdue';
export const OVERDUE_SENTENCE = 'The provider has not confirmed in time. The letter may still have arrived.';

/** `from`: when the state before it was reached. */
export function dueAt({ within }: Expected, from: Date): Date {
  if ('workingDays' in within) return afterWorkingDays(from, within.workingDays);
  return new Date(from.getTime() + within.minutes * 60_000);
}
