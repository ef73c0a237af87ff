import type { Manager } from '@postgang/runtime';
import type { SealedLetter } from '../letter/seal-letter.js';

export interface LetterRow {
  readonly id: string;
  readonly contentHash: Buffer;
  readonly body: Buffer;
  readonly published: boolean;
  readonly traceparent: string | null;
}

const COLUMNS = 'id, content_hash AS "contentHash", body, published_at IS NOT NULL AS published, traceparent';

/** Writes those whose id is new, and gives the rows of all as they are stored now. */
export async function insertLetters(
  manager: Manager,
  letters: readonly SealedLetter[],
): Promise<ReadonlyMap<string, LetterRow>> {
  if (letters.length === 0) return new Map();
  // in id order: two groups that share letters would otherwise wait for each other
  const sorted = [...letters].sort((a, b) => (a.letterId < b.letterId ? -1 : a.letterId > b.letterId ? 1 : 0));
  const ids = sorted.map(({ letterId }) => letterId);
  const rows = await manager.query<LetterRow[]>(
    `WITH fresh AS (
       INSERT INTO letter (id, sender, reference, content_hash, body, accepted_at, traceparent, salt_key)
       SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bytea[], $5::bytea[], $6::timestamptz[], $7::text[], $8::bytea[])
       ON CONFLICT (id) DO NOTHING RETURNING ${COLUMNS}
     )
     SELECT * FROM fresh UNION ALL SELECT ${COLUMNS} FROM letter WHERE id = ANY($1::uuid[])`,
    [
      ids,
      sorted.map(({ sender }) => sender),
      sorted.map(({ reference }) => reference),
      sorted.map(({ contentHash }) => contentHash),
      sorted.map(({ body }) => body),
      sorted.map(({ acceptedAt }) => acceptedAt),
      sorted.map(({ traceparent }) => traceparent),
      sorted.map(({ saltKey }) => saltKey),
    ],
  );
  const found = new Map(rows.map((row) => [row.id, row]));
  // written by another process since this statement began: it cannot see them, the next one can
  const missed = [...new Set(ids)].filter((id) => !found.has(id));
  for (const row of missed.length === 0 ? [] : await findLetters(manager, missed)) found.set(row.id, row);
  return found;
}

export const findLetters = (manager: Manager, ids: readonly string[]): Promise<LetterRow[]> =>
  manager.query<LetterRow[]>(`SELECT ${COLUMNS} FROM letter WHERE id = ANY($1::uuid[])`, [ids]);

/**
 * Returns when nobody is in the middle of writing these letters, and nobody can until this transaction ends. It leaves rows without a body where there are
 * none: to be rolled back. Throws when a writer takes longer than `lock_timeout`.
 */
export async function waitForWriters(manager: Manager, ids: readonly string[]): Promise<void> {
  await manager.query(
    `INSERT INTO letter (id, sender, reference, content_hash, body) SELECT id, '', '', '', '' FROM unnest($1::uuid[]) AS id ON CONFLICT DO NOTHING`,
    [[...ids].sort()],
  );
}

export async function markPublished(manager: Manager, ids: readonly string[]): Promise<void> {
  await manager.query('UPDATE letter SET published_at = now() WHERE id = ANY($1::uuid[]) AND published_at IS NULL', [
    [...ids].sort(),
  ]);
}

/**
 * What a crash or an absent broker left between row and event; younger ones are still in somebody's hands. The row has the time of whoever accepted
 * it: one from the future does not wait until the database's clock gets there.
 */
export const findUnpublished = (manager: Manager, limit: number): Promise<LetterRow[]> =>
  manager.query<LetterRow[]>(
    `SELECT ${COLUMNS} FROM letter
     WHERE published_at IS NULL AND accepted_at NOT BETWEEN now() - interval '10 seconds' AND now() + interval '10 seconds'
     ORDER BY accepted_at LIMIT $1`,
    [limit],
  );
