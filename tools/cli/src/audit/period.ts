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

/** ISO 8601 with its offset: without one it would mean another moment elsewhere. Undefined when it is none. */
export function instantOf(text: string): Date | undefined {
  const [, day] = /^(\d{4}-\d\d-\d\d)T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d)$/.exec(text) ?? [];
  if (day === undefined || !isDay(day)) return undefined;
  const at = new Date(text);
  return Number.isNaN(at.getTime()) ? undefined : at;
}

export function momentOf(text: string, option: string): Date {
  if (isDay(text)) return beginningOf(text);
  const at = instantOf(text);
  if (at === undefined)
    throw new UsageError(`${option} takes a day (2026-11-24) or a moment (2026-11-24T08:00:00+01:00)`);
  return at;
}
