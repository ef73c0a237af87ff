import { beginningOf, dayAfter } from '@postgang/rules';
import { UsageError } from '../package-input.js';

export interface PeriodOptions {
  readonly from?: string;
  readonly to?: string;
  readonly day?: string;
}

/** From the first moment to the one after the last. A day is one in Norway, of 23 or 25 hours when clocks change. Throws UsageError. */
export function periodOf({ from, to, day }: PeriodOptions): { from: Date; to: Date } {
  if (day !== undefined) {
    if (from !== undefined || to !== undefined) throw new UsageError('--day stands instead of --from and --to');
    if (!isDay(day)) throw new UsageError('--day takes a day: 2026-11-24');
    return { from: beginningOf(day), to: beginningOf(dayAfter(day)) };
  }
  if (from === undefined || to === undefined) throw new UsageError('--from and --to are needed, or --day');
  const period = { from: momentOf(from, '--from'), to: momentOf(to, '--to') };
  if (period.from >= period.to) throw new UsageError('--from must be before --to');
  return period;
}

/** 30 February is none, though Date makes 2 March of it. */
const isDay = (text: string): boolean =>
  /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(`${text}T00:00:00Z`)) && dayAfter(text, 0) === text;

/** A moment without its offset would mean another one elsewhere. */
export function momentOf(text: string, option: string): Date {
  if (isDay(text)) return beginningOf(text);
  const at = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/.test(text)
    ? new Date(text)
    : new Date(Number.NaN);
  if (Number.isNaN(at.getTime()))
    throw new UsageError(`${option} takes a day (2026-11-24) or a moment (2026-11-24T08:00:00+01:00)`);
  return at;
}
