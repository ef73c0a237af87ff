import type { RegisterName } from '@postgang/registers';
import type { Manager } from '@postgang/runtime';

export type NoAccess = `no-access-to-${RegisterName}`;
/** The letter must go on paper, and the register of addresses is away. */
export const PAPER_WAITS = 'folkeregisteret-away';
export type ParkedBecause = 'too-many-refusals' | NoAccess | typeof PAPER_WAITS;

/** A record of letter.accepted.v1 that waits here instead of in a retry tier: no attempt is burnt, and it lies as long as it must. */
export interface ParkedLetter {
  readonly letterId: string;
  readonly sender: string;
  readonly why: ParkedBecause;
  /** The encoded event, and the id it came with. */
  readonly event: Buffer;
  readonly eventId: string;
  readonly attempt: number;
  readonly traceparent: string | undefined;
}

interface Row {
  letter_id: string;
  sender: string;
  why: ParkedBecause;
  event: Buffer;
  event_id: string;
  attempt: number;
  traceparent: string | null;
}

const COLUMNS = 'letter_id, sender, why, event, event_id, attempt, traceparent';
const parkedOf = (row: Row): ParkedLetter => ({
  letterId: row.letter_id,
  sender: row.sender,
  why: row.why,
  event: row.event,
  eventId: row.event_id,
  attempt: row.attempt,
  traceparent: row.traceparent ?? undefined,
});

/**
 * A letter that lies here already is written over, not left: the row may be on its way out in a transaction of {@link takeParked}, and this
 * statement must wait for its end and then insert anew, or the letter would be nowhere. In id order, so that two batches do not lock each other.
 */
export async function parkLetters(manager: Manager, letters: readonly ParkedLetter[]): Promise<void> {
  await manager.query(
    `INSERT INTO parked_letter (${COLUMNS})
     SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bytea[], $5::uuid[], $6::int[], $7::text[]) ORDER BY 1
     ON CONFLICT (letter_id) DO UPDATE SET why = excluded.why, parked_at = now()`,
    [
      letters.map((one) => one.letterId),
      letters.map((one) => one.sender),
      letters.map((one) => one.why),
      letters.map((one) => one.event),
      letters.map((one) => one.eventId),
      letters.map((one) => one.attempt),
      letters.map((one) => one.traceparent ?? null),
    ],
  );
}

/** Removes up to `most` letters whose sender no operator needs to look at (any more), the oldest first. For what to do with them see {@link takeParked}. */
export const takeReleased = (manager: Manager, most: number): Promise<ParkedLetter[]> =>
  takeParked(
    manager,
    `why = 'too-many-refusals'
       AND NOT EXISTS (SELECT FROM held_sender h WHERE h.sender = p.sender AND h.released_until IS NULL)`,
    [most],
  );

/** The same of letters that waited for a register, and lay here at `before`: what was parked since was refused since. */
export const takeAnswered = (
  manager: Manager,
  { sender, why }: Parked,
  before: Date,
  most: number,
): Promise<ParkedLetter[]> =>
  takeParked(manager, 'why = $2 AND sender = $3 AND parked_at <= $4', [most, why, sender, before]);

/** The same of these alone. */
export const takeThese = (manager: Manager, letters: readonly ParkedLetter[]): Promise<ParkedLetter[]> =>
  takeParked(manager, 'letter_id = ANY($2::uuid[])', [letters.length, letters.map(({ letterId }) => letterId)]);

/** Whoever takes letters gives them back to the stage before it commits. Those that another process is taking are left to it. */
async function takeParked(manager: Manager, which: string, parameters: unknown[]): Promise<ParkedLetter[]> {
  const rows: Row[] = await manager.query(
    `WITH taken AS (
       DELETE FROM parked_letter WHERE letter_id IN (
         SELECT letter_id FROM parked_letter p WHERE ${which} ORDER BY parked_at LIMIT $1 FOR UPDATE SKIP LOCKED)
       RETURNING ${COLUMNS})
     SELECT * FROM taken`,
    parameters,
  );
  return rows.map(parkedOf);
}

/** The letter that has waited longest, and the database's time. */
export async function oldestParked(
  manager: Manager,
  { sender, why }: Parked,
): Promise<{ letter: ParkedLetter; at: Date } | undefined> {
  const [row]: (Row & { at: Date })[] = await manager.query(
    `SELECT ${COLUMNS}, now() AS at FROM parked_letter WHERE why = $1 AND sender = $2 ORDER BY parked_at LIMIT 1`,
    [why, sender],
  );
  return row === undefined ? undefined : { letter: parkedOf(row), at: row.at };
}

/** Up to `most` that have waited longest for one reason, whoever sent them, and the database's time. */
export async function longestParked(
  manager: Manager,
  why: ParkedBecause,
  most: number,
): Promise<{ letters: ParkedLetter[]; at: Date } | undefined> {
  const rows: (Row & { at: Date })[] = await manager.query(
    `SELECT ${COLUMNS}, now() AS at FROM parked_letter WHERE why = $1 ORDER BY parked_at LIMIT $2`,
    [why, most],
  );
  return rows[0] === undefined ? undefined : { letters: rows.map(parkedOf), at: rows[0].at };
}

export interface Parked {
  readonly sender: string;
  readonly why: ParkedBecause;
}

export interface ParkedCount extends Parked {
  readonly letters: number;
  readonly since: Date;
}

export async function countParked(manager: Manager): Promise<ParkedCount[]> {
  const rows: { sender: string; why: ParkedBecause; letters: number; since: Date }[] = await manager.query(
    `SELECT sender, why, count(*)::int AS letters, min(parked_at) AS since FROM parked_letter
     GROUP BY why, sender ORDER BY sender, why`,
  );
  return rows;
}
