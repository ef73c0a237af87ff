import { uuidv5 } from '@postgang/pipeline';
import type { Manager } from '@postgang/runtime';
import type { LegState } from '@postgang/rules';
import type { HistoryEntry } from '../history/chain.js';
import { newLetter, type LetterRow } from '../legs/letter.js';
import type { Pull } from './pulls.js';

export const OVERDUE_KIND = 'expectation-overdue';

export interface ExpectationKey {
  readonly letterId: string;
  readonly leg: number;
  readonly awaits: LegState;
}

/** A deadline fires once: whoever comes second writes the same event. */
export const overdueEventId = ({ letterId, leg, awaits }: ExpectationKey): string =>
  uuidv5(letterId, `overdue/${leg}/${awaits}`);

/** Open expectations whose deadline is before what their debtor's limit is; `limits` name the debtor as `provider`. */
export async function findDue(manager: Manager, limits: readonly Pull[], most: number): Promise<ExpectationKey[]> {
  return manager.query<ExpectationKey[]>(
    `SELECT e.letter_id AS "letterId", e.leg, e.awaits
     FROM unnest($1::text[], $2::timestamptz[]) AS debtor(name, until)
     CROSS JOIN LATERAL (
       SELECT letter_id, leg, awaits, due_at FROM expectation
       WHERE owed_by = debtor.name AND due_at < debtor.until AND met_at IS NULL AND overdue_at IS NULL
       ORDER BY due_at LIMIT $3
     ) e ORDER BY e.due_at LIMIT $3`,
    [limits.map(({ provider }) => provider), limits.map(({ until }) => until), most],
  );
}

export interface Unpublished extends ExpectationKey {
  readonly letter: LetterRow;
  readonly entry: HistoryEntry;
}

/** By status, never by "newer than": what a crash left is found however long ago it was. */
export async function findUnpublished(manager: Manager, most: number): Promise<Unpublished[]> {
  const keys = await manager.query<ExpectationKey[]>(
    `SELECT letter_id AS "letterId", leg, awaits FROM expectation
     WHERE overdue_at IS NOT NULL AND published_at IS NULL ORDER BY overdue_at LIMIT $1`,
    [most],
  );
  if (keys.length === 0) return [];
  const rows = await manager.query<
    (Pick<HistoryEntry, 'seq' | 'at' | 'data' | 'hash'> & {
      event_id: string;
      sender: string | null;
      reference: string | null;
    })[]
  >(
    `SELECT h.event_id, h.seq, h.at, h.data, h.hash, l.sender, l.reference
     FROM history h JOIN letter l ON l.id = h.letter_id WHERE h.event_id = ANY($1) AND h.kind = $2`,
    [keys.map(overdueEventId), OVERDUE_KIND],
  );
  const byEvent = new Map(rows.map((row) => [row.event_id, row]));
  return keys.flatMap((key) => {
    const eventId = overdueEventId(key);
    const row = byEvent.get(eventId);
    if (row === undefined) return [];
    const { sender, reference, seq, at, data, hash } = row;
    const { letterId, leg } = key;
    const entry = { letterId, seq, at, kind: OVERDUE_KIND, leg, eventId, cause: eventId, data, hash };
    return [{ ...key, letter: { ...newLetter(letterId), sender, reference }, entry }];
  });
}

export async function markPublished(manager: Manager, keys: readonly ExpectationKey[]): Promise<void> {
  await manager.query(
    `UPDATE expectation e SET published_at = now()
     FROM unnest($1::uuid[], $2::int[], $3::text[]) AS x(letter_id, leg, awaits)
     WHERE e.letter_id = x.letter_id AND e.leg = x.leg AND e.awaits = x.awaits`,
    [keys.map(({ letterId }) => letterId), keys.map(({ leg }) => leg), keys.map(({ awaits }) => awaits)],
  );
}

/** Still awaited although the deadline fired, by what is awaited and who owes it. */
export async function countOverdue(manager: Manager): Promise<{ awaits: string; from: string; count: number }[]> {
  return manager.query(
    `SELECT awaits, owed_by AS "from", count(*)::int AS count FROM expectation
     WHERE met_at IS NULL AND overdue_at IS NOT NULL GROUP BY awaits, owed_by`,
  );
}
