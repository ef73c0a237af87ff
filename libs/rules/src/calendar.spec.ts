import { describe, expect, it } from '@jest/globals';
import { afterWorkingDays, beginningOf, dayAfter, easterSunday, isHoliday, isWorkingDay, osloDay } from './calendar.js';

describe('the Norwegian calendar', () => {
  it.each([
    [1818, '1818-03-22'],
    [1943, '1943-04-25'],
    [2000, '2000-04-23'],
    [2024, '2024-03-31'],
    [2025, '2025-04-20'],
    [2026, '2026-04-05'],
    [2027, '2027-03-28'],
    [2038, '2038-04-25'],
    [2049, '2049-04-18'],
    [2076, '2076-04-19'],
  ])('knows that Easter Sunday of %i is %s', (year, day) => {
    expect(easterSunday(year)).toBe(day);
  });

  it('knows the twelve holidays of 2026, and no other', () => {
    const holidays: string[] = [];
    for (let day = '2026-01-01'; day < '2027-01-01'; day = dayAfter(day))
      if (isHoliday(day)) holidays.push(day.slice(5));
    const expected = '01-01 04-02 04-03 04-05 04-06 05-01 05-14 05-17 05-24 05-25 12-25 12-26';
    expect(holidays.join(' ')).toBe(expected);
  });

  it.each([
    ['2026-11-20', true, 'a Friday'],
    ['2026-11-21', false, 'a Saturday'],
    ['2026-11-22', false, 'a Sunday'],
    ['2026-12-24', true, 'Christmas Eve is no holiday by law'],
    ['2027-05-06', false, 'Ascension Day'],
  ])('%s: working day %s (%s)', (day, working) => {
    expect(isWorkingDay(day)).toBe(working);
  });

  it('counts days in Oslo, not in UTC, in summer and in winter', () => {
    expect(osloDay(new Date('2026-06-30T21:59:59Z'))).toBe('2026-06-30');
    expect(osloDay(new Date('2026-06-30T22:00:00Z'))).toBe('2026-07-01');
    expect(osloDay(new Date('2026-12-31T22:59:59Z'))).toBe('2026-12-31');
    expect(osloDay(new Date('2026-12-31T23:00:00Z'))).toBe('2027-01-01');
  });

  it('finds the beginning of every day, also when clocks change', () => {
    for (let day = '2026-01-01'; day < '2028-01-01'; day = dayAfter(day)) {
      const begin = beginningOf(day);
      expect(osloDay(begin)).toBe(day);
      expect(osloDay(new Date(begin.getTime() - 1))).toBe(dayAfter(day, -1));
    }
    expect(beginningOf('2026-03-29').toISOString()).toBe('2026-03-28T23:00:00.000Z');
    expect(beginningOf('2026-03-30').toISOString()).toBe('2026-03-29T22:00:00.000Z');
    expect(beginningOf('2026-10-26').toISOString()).toBe('2026-10-25T23:00:00.000Z');
  });

  it.each([
    ['Monday + 1', '2026-11-23T12:00:00Z', 1, '2026-11-24T23:00:00.000Z'],
    ['Friday + 1 is the end of Monday', '2026-11-20T12:00:00Z', 1, '2026-11-23T23:00:00.000Z'],
    ['Saturday + 1 is the end of Monday', '2026-11-21T12:00:00Z', 1, '2026-11-23T23:00:00.000Z'],
    ['Wednesday before Easter + 1 is the end of Tuesday', '2026-04-01T12:00:00Z', 1, '2026-04-07T22:00:00.000Z'],
    ['23:30 UTC on Sunday is Monday in Oslo', '2026-11-22T23:30:00Z', 1, '2026-11-24T23:00:00.000Z'],
    ['over Christmas + 5', '2026-12-22T12:00:00Z', 5, '2026-12-30T23:00:00.000Z'],
  ])('%s', (_name, from, days, end) => {
    expect(afterWorkingDays(new Date(from), days).toISOString()).toBe(end);
  });

  describe('over the nights when clocks change', () => {
    const lastSunday = (month: string, year: number): string => {
      let day = `${year}-${month}-31`;
      while (new Date(`${day}T00:00:00Z`).getUTCDay() !== 0) day = dayAfter(day, -1);
      return day;
    };
    const nights = Array.from({ length: 12 }, (_, index) => 2024 + index).flatMap((year) => [
      [lastSunday('03', year), 23] as const,
      [lastSunday('10', year), 25] as const,
    ]);

    it.each(nights)('%s has %i hours, and the days around it have 24', (sunday, hours) => {
      const length = (day: string): number =>
        (beginningOf(dayAfter(day)).getTime() - beginningOf(day).getTime()) / 3_600_000;
      expect([dayAfter(sunday, -1), sunday, dayAfter(sunday)].map(length)).toEqual([24, hours, 24]);
    });

    it.each(nights.map(([sunday]) => sunday))(
      'around %s every half hour belongs to one day, and deadlines never go back',
      (sunday) => {
        const from = beginningOf(dayAfter(sunday, -3)).getTime();
        const to = beginningOf(dayAfter(sunday, 4)).getTime();
        let before = { day: '', ends: [0, 0, 0] };
        for (let at = from; at < to; at += 1_800_000) {
          const day = osloDay(new Date(at));
          expect(beginningOf(day).getTime()).toBeLessThanOrEqual(at);
          expect(beginningOf(dayAfter(day)).getTime()).toBeGreaterThan(at);
          expect(day >= before.day).toBe(true);
          const ends = [1, 2, 5].map((n) => afterWorkingDays(new Date(at), n).getTime());
          ends.forEach((end, index) => {
            expect(end).toBeGreaterThanOrEqual(before.ends[index] ?? 0);
            // a deadline is midnight in Norway, after a working day
            const last = osloDay(new Date(end - 1));
            expect(beginningOf(dayAfter(last)).getTime()).toBe(end);
            expect(isWorkingDay(last)).toBe(true);
          });
          // within one day the hour does not matter
          if (day === before.day) expect(ends).toEqual(before.ends);
          before = { day, ends };
        }
      },
    );
  });
});
