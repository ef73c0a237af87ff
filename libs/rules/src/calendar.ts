/**
 * Days as the law and the post count them: in Europe/Oslo, with the Norwegian public holidays (lov om helligdager og helligdagsfred §2, lov om
 * 1. og 17. mai). A day is written `YYYY-MM-DD`.
 */
const OSLO = new Intl.DateTimeFormat('en-CA', {
  timeZone: 'Europe/Oslo',
  year: 'numeric',
  month: '2-digit',
  day: '2-digit',
});
const DAY_MS = 86_400_000;

/** The day it is in Norway at this moment. */
export const osloDay = (at: Date): string => OSLO.format(at);

/** The moment a day begins in Norway. Clocks change at night after this, so the offset is one of two and can be tried. */
export function beginningOf(day: string): Date {
  const summer = new Date(`${day}T00:00:00+02:00`);
  return osloDay(summer) === day ? summer : new Date(`${day}T00:00:00+01:00`);
}

export const dayAfter = (day: string, days = 1): string => asDay(atUtc(day).getTime() + days * DAY_MS);

export function isWorkingDay(day: string): boolean {
  const weekday = atUtc(day).getUTCDay();
  return weekday !== 0 && weekday !== 6 && !isHoliday(day);
}

/** The end of the n-th working day after the day of `from`. */
export function afterWorkingDays(from: Date, n: number): Date {
  let day = osloDay(from);
  for (let left = n; left > 0;) {
    day = dayAfter(day);
    if (isWorkingDay(day)) left -= 1;
  }
  return beginningOf(dayAfter(day));
}

const FIXED = new Set(['01-01', '05-01', '05-17', '12-25', '12-26']);
/** skjærtorsdag, langfredag, 1. and 2. påskedag, Kristi himmelfartsdag, 1. and 2. pinsedag, in days from Easter Sunday */
const AROUND_EASTER = new Set([-3, -2, 0, 1, 39, 49, 50]);

export function isHoliday(day: string): boolean {
  const distance = (atUtc(day).getTime() - atUtc(easterSunday(Number(day.slice(0, 4)))).getTime()) / DAY_MS;
  return FIXED.has(day.slice(5)) || AROUND_EASTER.has(distance);
}

/** The Gregorian computus (Meeus/Jones/Butcher), valid for every Gregorian year. */
export function easterSunday(year: number): string {
  const golden = year % 19;
  const century = Math.floor(year / 100);
  const inCentury = year % 100;
  const correction = century - Math.floor(century / 4) - Math.floor((century - Math.floor((century + 8) / 25) + 1) / 3);
  const epact = (19 * golden + correction + 15) % 30;
  const weekday = (32 + 2 * (century % 4) + 2 * Math.floor(inCentury / 4) - epact - (inCentury % 4)) % 7;
  const late = Math.floor((golden + 11 * epact + 22 * weekday) / 451);
  const sum = epact + weekday - 7 * late + 114;
  return asDay(Date.UTC(year, Math.floor(sum / 31) - 1, (sum % 31) + 1));
}

const atUtc = (day: string): Date => new Date(`${day}T00:00:00Z`);
const asDay = (ms: number): string => new Date(ms).toISOString().slice(0, 10);
