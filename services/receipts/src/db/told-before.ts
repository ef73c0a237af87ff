import type { Manager } from '@postgang/runtime';
import type { HistoryEntry } from '../history/chain.js';
import { newLetter, type LetterRow } from '../legs/letter.js';
import type { SetAside } from '../verification/claim.js';

export interface ToldBefore {
  readonly entries: readonly HistoryEntry[];
  /** Theirs, as far as what is published of an entry asks for it. */
  readonly letters: readonly LetterRow[];
}

interface Row extends Pick<HistoryEntry, 'seq' | 'at' | 'kind' | 'leg' | 'data' | 'hash'> {
  readonly letter_id: string;
  readonly event_id: string;
  readonly sender: string | null;
  readonly reference: string | null;
  readonly notify: Buffer | null;
  readonly notify_leg: number | null;
}

/**
 * What receipts that are set aside now caused when they counted: a crash may have come between commit and publication, and a revocation list, or
 * another trust, before the record was read again. After {@link save}, which has waited for whoever was storing the same receipts. Asks nothing
 * where none is set aside.
 */
export async function toldBefore(manager: Manager, asides: readonly SetAside[]): Promise<ToldBefore> {
  if (asides.length === 0) return { entries: [], letters: [] };
  const rows = await manager.query<Row[]>(
    `SELECT h.letter_id, h.seq, h.at, h.kind, h.leg, h.event_id, h.data, h.hash, l.sender, l.reference, l.notify, l.notify_leg
     FROM history h JOIN letter l ON l.id = h.letter_id WHERE h.event_id = ANY($1) AND h.cause IS NULL ORDER BY h.letter_id, h.seq`,
    [asides.map(({ eventId }) => eventId)],
  );
  return {
    entries: rows.map((row) => {
      const { letter_id: letterId, event_id: eventId, seq, at, kind, leg, data, hash } = row;
      return { letterId, seq, at, kind, leg, eventId, cause: eventId, data, hash };
    }),
    letters: rows.map((row) => {
      const { letter_id: id, sender, reference, notify, notify_leg: notifyLeg } = row;
      return { ...newLetter(id), sender, reference, notify, notifyLeg };
    }),
  };
}
