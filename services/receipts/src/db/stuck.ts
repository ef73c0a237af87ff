import { FEWEST_SAMPLES } from '@postgang/rules';
import type { Manager } from '@postgang/runtime';

/** More than so many of one provider are told as so many. */
const MOST_COUNTED = 10_000;

export interface StuckCount {
  readonly provider: string;
  readonly count: number;
}

/**
 * Letters whose provider takes more than twice as long as it took for all but one of twenty, however far their deadline is, and at least
 * `atLeastMs`. A provider with too few answers has none.
 */
export async function countStuck(manager: Manager, now: Date, atLeastMs: number): Promise<StuckCount[]> {
  return manager.query<StuckCount[]>(
    `SELECT u.provider, sum(s.count)::int AS count FROM history_api_v1.usual_time u
     CROSS JOIN LATERAL (
       SELECT count(*) FROM (
         SELECT FROM expectation e
         WHERE e.owed_by = u.provider AND e.awaits = u.awaits AND e.met_at IS NULL AND e.owed_by <> 'postgang'
           AND e.since < $1::timestamptz - greatest(2 * u.p95_seconds, $2::float8) * interval '1 second' AND u.samples >= $3
         LIMIT $4) waiting) s
     GROUP BY u.provider ORDER BY u.provider`,
    [now, atLeastMs / 1_000, FEWEST_SAMPLES, MOST_COUNTED],
  );
}
