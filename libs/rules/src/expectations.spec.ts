import { describe, expect, it } from '@jest/globals';
import { dueAt, expectedAfter, type Expected } from './expectations.js';
import { LEG_STATES, NEXT } from './letter-status.js';

const CHANNELS = ['digital', 'print'] as const;

describe('what is expected of a leg', () => {
  it('is always something the table of transitions allows', () => {
    for (const channel of CHANNELS)
      for (const state of LEG_STATES) {
        const expected = expectedAfter(channel, state);
        if (expected !== undefined) expect(NEXT[state]).toContain(expected.awaits);
      }
  });

  it.each([
    ['digital', ['Sealed', 'HandedOver', 'Delivered']],
    ['print', ['Sealed', 'HandedOver', 'ReceivedForPrint', 'Posted']],
  ] as const)('leads a %s leg from Routed to where nobody owes anything', (channel, way) => {
    const seen: string[] = [];
    for (let next = expectedAfter(channel, 'Routed'); next !== undefined; next = expectedAfter(channel, next.awaits))
      seen.push(next.awaits);
    expect(seen).toEqual(way);
  });

  it('ends with an end: nothing is owed after a refusal, a failure, an opening or a return', () => {
    for (const channel of CHANNELS)
      for (const state of ['Delivered', 'Opened', 'Posted', 'Returned', 'Refused', 'Failed'] as const)
        expect(expectedAfter(channel, state)).toBeUndefined();
  });

  it('is due after hours for machines, and after working days for paper', () => {
    const friday = new Date('2026-11-20T12:00:00Z');
    const digital = expectedAfter('digital', 'HandedOver') as Expected;
    const posted = expectedAfter('print', 'ReceivedForPrint') as Expected;
    expect(dueAt(digital, friday).toISOString()).toBe('2026-11-21T12:00:00.000Z');
    expect(dueAt(posted, friday).toISOString()).toBe('2026-11-27T23:00:00.000Z');
  });
});
