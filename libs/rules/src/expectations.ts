import type { LegState } from './letter-status.js';

/** What must happen next to a leg, who owes it, and within how long. */
export interface Expected {
  readonly awaits: LegState;
  readonly from: 'postgang' | 'provider';
  readonly withinMs: number;
}

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

/** Print is slow by nature: print 1 day, delivered to the post 2–5 days. */
const EXPECTED: Record<'digital' | 'print', Partial<Record<LegState, Expected>>> = {
  digital: {
    Routed: { awaits: 'Sealed', from: 'postgang', withinMs: 5 * MINUTE },
    Sealed: { awaits: 'HandedOver', from: 'postgang', withinMs: 10 * MINUTE },
    HandedOver: { awaits: 'Delivered', from: 'provider', withinMs: DAY },
  },
  print: {
    Routed: { awaits: 'Sealed', from: 'postgang', withinMs: 5 * MINUTE },
    Sealed: { awaits: 'HandedOver', from: 'postgang', withinMs: 10 * MINUTE },
    HandedOver: { awaits: 'ReceivedForPrint', from: 'provider', withinMs: DAY },
    ReceivedForPrint: { awaits: 'Posted', from: 'provider', withinMs: 5 * DAY },
  },
};

/** Undefined when nothing must happen any more. */
export const expectedAfter = (channel: 'digital' | 'print', state: LegState): Expected | undefined =>
  EXPECTED[channel][state];
