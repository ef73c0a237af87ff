import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  advance,
  GIVEN_UP,
  join,
  LEG_STATES,
  letterStatus,
  NEXT,
  type LegState,
  type LegWord,
} from './letter-status.js';

const givenUp: LegWord = { state: 'Refused', reason: GIVEN_UP };
const word = (state: LegState): LegWord => ({ state });

describe('the states of a leg', () => {
  it('can all be reached from Routed by the table', () => {
    const reached = new Set<LegState>(['Routed']);
    for (const state of reached) for (const next of NEXT[state]) reached.add(next);
    expect([...reached].sort()).toEqual([...LEG_STATES].sort());
  });

  it('every transition of the table moves forward', () => {
    for (const [from, targets] of Object.entries(NEXT))
      for (const to of targets) expect(advance(word(from as LegState), word(to))).toEqual({ state: to, how: 'moved' });
  });

  it('come out the same whatever the order and repetition of the facts', () => {
    const facts = fc.array(fc.constantFrom(givenUp, ...LEG_STATES.map(word)), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(facts, fc.func(fc.nat()), (list, key) => {
        const shuffled = [...list, ...list].sort((a, b) => key(a) - key(b));
        expect(shuffled.reduce(join)).toEqual(list.reduce(join));
      }),
    );
  });

  it.each([
    ['digital', ['Delivered', 'Opened']],
    ['print', ['ReceivedForPrint', 'Posted', 'Returned']],
  ] as const)(
    'of a %s leg never leave an end, but for the news that the letter is there after all',
    (_channel, own) => {
      const states: LegState[] = ['Routed', 'Sealed', 'HandedOver', 'Refused', 'Failed', ...own];
      for (const end of states.filter((state) => NEXT[state].length === 0))
        for (const fact of states) {
          if (advance(word(end), word(fact)).how === 'stale') continue;
          expect(['Refused', 'Failed']).toContain(end);
          expect(['Failed', 'Delivered', 'Opened', 'Posted', 'Returned']).toContain(fact);
        }
    },
  );

  it('take a receipt that overtakes the hand-over', () => {
    expect(advance(word('Sealed'), word('Delivered'))).toEqual({ state: 'Delivered', how: 'moved' });
    expect(advance(word('Delivered'), word('HandedOver'))).toEqual({ state: 'Delivered', how: 'stale' });
  });

  it('let a leg that we had given up go on when it is handed over after all, and none that a provider refused', () => {
    expect(advance(word('Sealed'), givenUp)).toEqual({ state: 'Refused', how: 'moved' });
    expect(advance(givenUp, word('Sealed'))).toEqual({ state: 'Refused', how: 'stale' });
    expect(advance(givenUp, word('HandedOver'))).toEqual({ state: 'HandedOver', how: 'moved' });
    expect(advance(word('HandedOver'), givenUp)).toEqual({ state: 'HandedOver', how: 'stale' });
    expect(advance(givenUp, { state: 'Refused', reason: 'provider-refused' })).toEqual({
      state: 'Refused',
      how: 'moved',
    });
    expect(advance({ state: 'Refused', reason: 'provider-refused' }, word('HandedOver')).how).toBe('stale');
  });

  it('give the letter its status', () => {
    expect(letterStatus(undefined, false)).toBe('ACCEPTED');
    expect(letterStatus(undefined, true)).toBe('REFUSED');
    expect(letterStatus('Posted', false)).toBe('POSTED');
  });
});
