import { describe, expect, it } from '@jest/globals';
import { daysAhead, newestDue, nextDue } from './due-days.js';

describe('the newest day that may be closed', () => {
  it.each([
    ['a winter day, before a quarter past midnight', '2026-11-24T23:14:59.999Z', '2026-11-23'],
    ['a winter day, a quarter past midnight', '2026-11-24T23:15:00.000Z', '2026-11-24'],
    ['a summer day, before a quarter past midnight', '2026-07-01T22:14:59.999Z', '2026-06-30'],
    ['a summer day, a quarter past midnight', '2026-07-01T22:15:00.000Z', '2026-07-01'],
    ['the night to the day when clocks go forward', '2026-03-28T23:15:00.000Z', '2026-03-28'],
    ['the night after the day of 23 hours', '2026-03-29T22:14:00.000Z', '2026-03-28'],
    ['the night after the day of 23 hours, later', '2026-03-29T22:15:00.000Z', '2026-03-29'],
    ['the night to the day when clocks go back', '2026-10-24T22:15:00.000Z', '2026-10-24'],
    ['the hour that comes twice', '2026-10-25T01:30:00.000Z', '2026-10-24'],
    ['the night after the day of 25 hours', '2026-10-25T23:14:00.000Z', '2026-10-24'],
    ['the night after the day of 25 hours, later', '2026-10-25T23:15:00.000Z', '2026-10-25'],
    ['New Year', '2026-12-31T23:15:00.000Z', '2026-12-31'],
  ])('%s', (_what, now, day) => {
    expect(newestDue(new Date(now))).toBe(day);
  });

  it('goes forward one day at a time, whatever the hour', () => {
    const days = new Set<string>();
    for (let at = Date.parse('2026-01-01T12:00:00Z'); at < Date.parse('2027-01-01T12:00:00Z'); at += 600_000)
      days.add(newestDue(new Date(at)));
    expect([...days]).toEqual([...days].sort());
    expect(days.size).toBe(366);
  });
});

describe('the next day to close', () => {
  const now = new Date('2026-11-25T12:00:00Z');

  it.each([
    ['nothing while nothing was recorded', undefined, undefined, undefined],
    ['the day of the oldest entry', undefined, '2026-11-23', { day: '2026-11-23', waiting: 2 }],
    ['nothing while the oldest entry is of today', undefined, '2026-11-25', undefined],
    [
      'the day after the last, also when nothing happened',
      '2026-11-20',
      '2026-11-01',
      { day: '2026-11-21', waiting: 4 },
    ],
    ['nothing when yesterday is closed', '2026-11-24', '2026-11-01', undefined],
    ['nothing when a clock was ahead', '2026-11-27', '2026-11-01', undefined],
  ])('%s', (_what, last, first, due) => {
    expect(nextDue(now, last, first)).toEqual(due);
  });

  it.each([
    [undefined, 0],
    ['2026-11-24', 0],
    ['2026-11-25', 1],
    ['2026-12-08', 14],
  ])('that was closed last, %s, is so many days too far', (last, days) => {
    expect(daysAhead(now, last)).toBe(days);
  });

  it('counts a missed month with a night of 23 hours in it by days', () => {
    expect(nextDue(new Date('2026-04-15T12:00:00Z'), '2026-03-14', undefined)).toEqual({
      day: '2026-03-15',
      waiting: 31,
    });
  });
});
