import { FEWEST_SAMPLES } from '@postgang/rules';
import type { Manager } from '@postgang/runtime';

export interface StuckLetter {
  readonly letterId: string;
  readonly sender: string | null;
  readonly reference: string | null;
  readonly awaits: string;
  /** `postgang`, or the provider. */
  readonly owedBy: string;
  readonly waitedSeconds: number;
  /** Null for our own steps, which have no usual time of their own. */
  readonly p95Seconds: number | null;
}

/**
 * Letters that wait for a provider more than twice its p95 of late, or for us at least `atLeastMs`; the longest waiting first. Whatever their
 * deadline says.
 */
export async function stuckLetters(
  database: Manager,
  { now, atLeastMs, sender, most }: { now: Date; atLeastMs: number; sender: string | undefined; most: number },
): Promise<StuckLetter[]> {
  const rows = await database.query<(Omit<StuckLetter, 'waitedSeconds'> & { since: Date })[]>(
    `SELECT a.letter_id AS "letterId", l.sender, l.reference, a.awaits, a.owed_by AS "owedBy", a.since,
            a.p95_seconds AS "p95Seconds"
     FROM (
       SELECT w.letter_id, w.awaits, w.owed_by, w.since, u.p95_seconds
       FROM history_api_v1.usual_time u JOIN history_api_v1.awaited w ON w.owed_by = u.provider AND w.awaits = u.awaits
       WHERE w.met_at IS NULL AND w.owed_by <> 'postgang' AND u.samples >= $3
         AND w.since < $1::timestamptz - greatest(2 * u.p95_seconds, $2::float8) * interval '1 second'
       UNION ALL
       SELECT letter_id, awaits, owed_by, since, NULL FROM history_api_v1.awaited
       WHERE met_at IS NULL AND owed_by = 'postgang' AND since < $1::timestamptz - $2::float8 * interval '1 second'
     ) a JOIN history_api_v1.letter l ON l.id = a.letter_id
     WHERE $4::text IS NULL OR l.sender = $4
     ORDER BY a.since LIMIT $5`,
    [now, atLeastMs / 1_000, FEWEST_SAMPLES, sender ?? null, most],
  );
  return rows.map(({ since, ...letter }) => ({ ...letter, waitedSeconds: (now.getTime() - since.getTime()) / 1_000 }));
}
