import type { Chunk, Leaf } from '@postgang/evidence';
import type { Manager } from '@postgang/runtime';

/** Held shared by whoever writes history, from before the day is looked at until commit; exclusively for the moment a day is closed. */
export const RECORDING = 0x72656364;
/** Who makes a day's root. */
const MAKING = 0x64617973;
const AT_ONCE = 5_000;

/**
 * After this nothing is recorded for that day: writers at work have committed, later ones see the row (save.ts). It waits at most two seconds for them,
 * because new ones queue behind it: then it throws, and is tried again. The same moment however often it is asked.
 */
export async function closeDay(manager: Manager, day: string, at: Date): Promise<void> {
  await manager.query("SET LOCAL lock_timeout = '2s'");
  await manager.query('SELECT pg_advisory_xact_lock($1)', [RECORDING]);
  await manager.query('INSERT INTO closed_day (day, closed_at) VALUES ($1, $2) ON CONFLICT DO NOTHING', [day, at]);
}

/** False when another process is making a root at this moment. */
export async function makeAlone(manager: Manager): Promise<boolean> {
  const [row] = await manager.query<[{ alone: boolean }]>('SELECT pg_try_advisory_xact_lock($1) AS alone', [MAKING]);
  return row.alone;
}

export interface StoredRoot {
  readonly day: string;
  readonly statement: string;
}

export async function lastRoot(manager: Manager): Promise<StoredRoot | undefined> {
  const [row] = await manager.query<StoredRoot[]>(
    'SELECT day::text, statement FROM day_root ORDER BY day DESC LIMIT 1',
  );
  return row;
}

/** The newest day for which nothing is recorded any more. */
export async function lastClosed(manager: Manager): Promise<string | undefined> {
  const [row] = await manager.query<[{ day: string | null }]>('SELECT max(day)::text AS day FROM closed_day');
  return row.day ?? undefined;
}

/** The clock that all processes share. */
export async function databaseNow(manager: Manager): Promise<Date> {
  const [row] = await manager.query<[{ now: Date }]>('SELECT clock_timestamp() AS now');
  return row.now;
}

/** Roots that are not among these, in their order. */
export async function rootsBeside(
  manager: Manager,
  given: readonly { readonly day: string; readonly hash: string }[],
): Promise<StoredRoot[]> {
  return manager.query<StoredRoot[]>(
    `SELECT day::text, statement FROM day_root AS r WHERE NOT EXISTS (
       SELECT 1 FROM unnest($1::text[], $2::text[]) AS given (day, hash)
       WHERE given.day = r.day::text AND given.hash = encode(sha256(convert_to(r.statement, 'UTF8')), 'hex')
     ) ORDER BY r.day`,
    [given.map(({ day }) => day), given.map(({ hash }) => hash)],
  );
}

/** Roots about whose day something else was given out as well, by whomever, in their order. */
export async function rootsBesideOthers(
  manager: Manager,
  given: readonly { readonly day: string; readonly hash: string }[],
): Promise<StoredRoot[]> {
  return manager.query<StoredRoot[]>(
    `SELECT day::text, statement FROM day_root AS r WHERE EXISTS (
       SELECT 1 FROM unnest($1::text[], $2::text[]) AS given (day, hash)
       WHERE given.day = r.day::text AND given.hash <> encode(sha256(convert_to(r.statement, 'UTF8')), 'hex')
     ) ORDER BY r.day`,
    [given.map(({ day }) => day), given.map(({ hash }) => hash)],
  );
}

/** The day of the oldest entry: only looked for while there is no root. */
export async function firstRecorded(manager: Manager): Promise<string | undefined> {
  const [row] = await manager.query<[{ day: string | null }]>('SELECT min(recorded_on)::text AS day FROM history');
  return row.day ?? undefined;
}

export async function closedAt(manager: Manager, day: string): Promise<Date> {
  const [row] = await manager.query<{ closed_at: Date }[]>('SELECT closed_at FROM closed_day WHERE day = $1', [day]);
  if (row === undefined) throw new Error(`day ${day} is not closed`);
  return row.closed_at;
}

/** Sorting a large day takes longer than any statement on a letter's way may, milliseconds. */
export const LEAVES_WITHIN_MS = 15 * 60_000;

/**
 * Every letter with an entry of that day, in id order, page by page: a day of a million letters does not fit into memory. The first page comes when all have
 * been sorted, within {@link LEAVES_WITHIN_MS}, and nothing is heard until then: a transaction that is given up sooner never makes the root.
 */
export async function* leavesOn(manager: Manager, day: string): AsyncGenerator<readonly Leaf[]> {
  await manager.query(
    `DECLARE leaves NO SCROLL CURSOR FOR
     SELECT DISTINCT ON (letter_id) letter_id AS "letterId", seq, hash AS head FROM history
     WHERE recorded_on = $1 ORDER BY letter_id, seq DESC`,
    [day],
  );
  for (;;) {
    const page = await manager.query<Leaf[]>(`FETCH ${AT_ONCE} FROM leaves`);
    if (page.length > 0) yield page;
    if (page.length < AT_ONCE) break;
  }
  await manager.query('CLOSE leaves');
}

export async function saveChunk(manager: Manager, day: string, chunk: Chunk): Promise<void> {
  await manager.query('INSERT INTO day_chunk (day, number, first_letter, root, leaves) VALUES ($1, $2, $3, $4, $5)', [
    ...[day, chunk.number, chunk.firstLetter, chunk.root, chunk.leaves],
  ]);
}

export async function saveRoot(
  manager: Manager,
  root: { readonly day: string; readonly size: number; readonly root: Buffer; readonly statement: string },
): Promise<void> {
  await manager.query('INSERT INTO day_root (day, size, root, statement) VALUES ($1, $2, $3, $4)', [
    ...[root.day, root.size, root.root, root.statement],
  ]);
}
