import { describe, expect, it } from '@jest/globals';
import { dayAfter } from '@postgang/rules';
import { periodOf } from './period.js';

const hours = ({ from, to }: { from: Date; to: Date }): number => (to.getTime() - from.getTime()) / 3_600_000;

describe('the period of closed books', () => {
  it.each([
    ['2026-03-28', 24],
    ['2026-03-29', 23],
    ['2026-03-30', 24],
    ['2026-10-24', 24],
    ['2026-10-25', 25],
    ['2026-10-26', 24],
  ])('%s has %i hours', (day, expected) => {
    expect(hours(periodOf({ day }))).toBe(expected);
  });

  it('leaves no moment of a year to no day, and none to two', () => {
    for (let day = '2026-01-01'; day < '2027-01-01'; day = dayAfter(day))
      expect(periodOf({ day }).to).toEqual(periodOf({ day: dayAfter(day) }).from);
  });

  it('of days from and to is the same as of their moments', () => {
    expect(periodOf({ from: '2026-10-25', to: '2026-10-26' })).toEqual(periodOf({ day: '2026-10-25' }));
    expect(periodOf({ from: '2026-10-25T02:30:00+02:00', to: '2026-10-25T02:30:00+01:00' })).toEqual({
      from: new Date('2026-10-25T00:30:00Z'),
      to: new Date('2026-10-25T01:30:00Z'),
    });
  });

  it.each([
    { day: '2026-02-30' },
    { day: '2026-13-01' },
    { day: 'today' },
    { day: '2026-03-29', from: '2026-03-29' },
    { from: '2026-03-29' },
    { from: '2026-03-30', to: '2026-03-29' },
    { from: '2026-03-29T02:30:00', to: '2026-03-30' },
    { from: '2026-02-30T02:30:00Z', to: '2026-03-30' },
  ])('is refused when it is none: %j', (options) => {
    expect(() => periodOf(options)).toThrow(/--/);
  });
});
