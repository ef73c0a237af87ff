import { beginningOf, dayAfter, osloDay } from '@postgang/rules';

/** Clocks of our hosts are apart by less; what is later all the same is recorded for the next day (db/day-roots.ts). */
export const CLOSE_AFTER_MS = 15 * 60_000;

/** The newest day that may be closed at this moment: over in Norway for a quarter of an hour. */
export function newestDue(now: Date): string {
  const yesterday = dayAfter(osloDay(now), -1);
  const over = beginningOf(dayAfter(yesterday)).getTime() + CLOSE_AFTER_MS;
  return now.getTime() >= over ? yesterday : dayAfter(yesterday, -1);
}

/** The next day to close and how many wait, in order and without a gap; undefined when none does. `first`: the day of the oldest entry. */
export function nextDue(
  now: Date,
  last: string | undefined,
  first: string | undefined,
): { day: string; waiting: number } | undefined {
  const day = last === undefined ? first : dayAfter(last);
  const newest = newestDue(now);
  if (day === undefined || day > newest) return undefined;
  return { day, waiting: daysFrom(day, newest) + 1 };
}

/** How many days are closed that are not over: 0, unless a clock was ahead. `last`: the newest that is closed. */
export function daysAhead(now: Date, last: string | undefined): number {
  return last === undefined ? 0 : Math.max(0, daysFrom(osloDay(now), last) + 1);
}

const daysFrom = (day: string, until: string): number => (Date.parse(until) - Date.parse(day)) / 86_400_000;
