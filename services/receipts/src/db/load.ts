import type { Manager } from '@postgang/runtime';
import type { LegState, LetterStatus } from '@postgang/rules';
import type { HistoryEntry } from '../history/chain.js';
import { RECORDING } from './day-roots.js';
import { MEASURED_AGAIN } from '../verification/judge.js';
import type { ExpectationRow, LegChannel, LegRow, LetterRow } from '../legs/letter.js';

/** Advisory lock of "a leg becomes known" (shared) against "a receipt waits for its leg" (exclusive). */
const CONVERSATIONS = 0x72656370;

/** Which letters the conversations belong to, as far as their legs are known with their provider. */
export async function lettersOfConversations(
  manager: Manager,
  conversations: readonly string[],
): Promise<Map<string, string>> {
  if (conversations.length === 0) return new Map();
  const rows = await manager.query<{ conversation_id: string; letter_id: string }[]>(
    `SELECT conversation_id, letter_id FROM leg
     WHERE conversation_id = ANY($1::uuid[]) AND provider_organisation IS NOT NULL`,
    [conversations],
  );
  return new Map(rows.map((row) => [row.conversation_id, row.letter_id]));
}

/**
 * A receipt and its leg may arrive at the same moment in two processes; each would miss the other's uncommitted row, and the receipt would wait
 * for ever. Whoever lets a receipt wait takes this before any row lock, so that it can be in no deadlock with them.
 */
export async function lockConversations(manager: Manager): Promise<void> {
  await manager.query('SELECT pg_advisory_xact_lock($1)', [CONVERSATIONS]);
}

/**
 * The rows of the locks are needed for every row inserted: they are taken before the first. {@link RECORDING} is held until commit. A row that is
 * there already is locked, and not written (PostgreSQL, INSERT, "ON CONFLICT DO UPDATE … WHERE": all rows are locked).
 */
const INSERT = `INSERT INTO letter (id) SELECT id FROM recording CROSS JOIN unnest($1::uuid[]) AS id ORDER BY id
   ON CONFLICT (id) DO UPDATE SET seq = letter.seq WHERE false`;
const INSERT_LETTERS = {
  only: `WITH recording AS MATERIALIZED (SELECT pg_advisory_xact_lock_shared($2)) ${INSERT}`,
  // whoever waits for a leg's lock must not hold up the end of a day
  opening: `WITH opening AS MATERIALIZED (SELECT pg_advisory_xact_lock_shared($3)),
    recording AS MATERIALIZED (SELECT pg_advisory_xact_lock_shared($2) FROM opening) ${INSERT}`,
};

/**
 * Makes missing letters and locks them all, in id order, so that chains do not fork and two batches do not wait for each other in a ring.
 * `opening`: legs become known with this batch; it holds the other side of {@link lockConversations}.
 */
export async function lockLetters(manager: Manager, ids: readonly string[], opening: boolean): Promise<void> {
  if (opening) await manager.query(INSERT_LETTERS.opening, [ids, RECORDING, CONVERSATIONS]);
  else await manager.query(INSERT_LETTERS.only, [ids, RECORDING]);
}

/** Waits for its leg, or was set aside for what a further fact of the leg may take away. */
export interface WaitingReceipt {
  readonly provider: string;
  readonly kind: string;
  readonly raw: string;
  readonly conversationId: string;
  readonly receivedAt: Date;
}

export interface Loaded {
  readonly letters: readonly LetterRow[];
  readonly legs: readonly LegRow[];
  readonly expectations: readonly ExpectationRow[];
  /** Entries that the events at hand have written before. */
  readonly entries: readonly HistoryEntry[];
  readonly waiting: readonly WaitingReceipt[];
}

/** A statement of its own after the locks: one that waited for a lock itself would read the tables as they were before the wait. */
export async function loadKnown(
  manager: Manager,
  letters: readonly string[],
  events: readonly string[],
  opened: readonly string[],
): Promise<Loaded> {
  const [row] = await manager.query<[LoadedRecord]>(
    `SELECT
      (SELECT json_agg(l) FROM (
         SELECT id, sender, reference, status, seq, encode(head_hash, 'hex') AS head_hash, encode(notify, 'hex') AS notify, notify_leg,
           refused_reason, refused_detail
         FROM letter WHERE id = ANY($1::uuid[])) l) AS letters,
      (SELECT json_agg(l) FROM (
         SELECT letter_id, n, conversation_id, channel, provider, provider_organisation, state, reason, detail,
           -- a leg that was stored before the column was there
           coalesce(sealed_at, (SELECT min(at) FROM history
             WHERE history.letter_id = leg.letter_id AND history.leg = leg.n AND kind IN ('routed', 'sealed'))) AS sealed_at
         FROM leg WHERE letter_id = ANY($1::uuid[])) l) AS legs,
      (SELECT json_agg(e) FROM expectation e WHERE letter_id = ANY($1::uuid[]) AND met_at IS NULL) AS expectations,
      (SELECT json_agg(h ORDER BY seq) FROM (
         SELECT letter_id, seq, at, kind, leg, event_id, cause, encode(data, 'hex') AS data, encode(hash, 'hex') AS hash
         FROM history WHERE event_id = ANY($2) OR cause = ANY($2)) h) AS entries,
      (SELECT json_agg(r ORDER BY received_at) FROM (
         SELECT provider, kind, raw, conversation_id, received_at FROM receipt
         WHERE conversation_id = ANY($3::uuid[]) AND letter_id IS NULL AND problem IS NULL
         UNION ALL -- one index each
         SELECT provider, kind, raw, conversation_id, received_at FROM receipt
         WHERE conversation_id = ANY($3::uuid[]) AND letter_id IS NULL AND problem = $4) r) AS waiting`,
    [letters, events, opened, MEASURED_AGAIN],
  );
  return {
    letters: (row.letters ?? []).map((letter) => ({
      id: letter.id,
      sender: letter.sender,
      reference: letter.reference,
      status: letter.status,
      seq: letter.seq,
      headHash: bytesOf(letter.head_hash),
      notify: bytesOf(letter.notify),
      notifyLeg: letter.notify_leg,
      refusedReason: letter.refused_reason,
      refusedDetail: letter.refused_detail,
    })),
    legs: (row.legs ?? []).map((leg) => ({
      letterId: leg.letter_id,
      n: leg.n,
      conversationId: leg.conversation_id,
      channel: leg.channel,
      provider: leg.provider,
      providerOrganisation: leg.provider_organisation,
      sealedAt: leg.sealed_at === null ? null : new Date(leg.sealed_at),
      state: leg.state,
      reason: leg.reason,
      detail: leg.detail,
    })),
    expectations: (row.expectations ?? []).map((one) => ({
      letterId: one.letter_id,
      leg: one.leg,
      awaits: one.awaits,
      owedBy: one.owed_by,
      since: one.since === null ? null : new Date(one.since),
      dueAt: new Date(one.due_at),
      metAt: null,
      overdueAt: one.overdue_at === null ? null : new Date(one.overdue_at),
    })),
    entries: (row.entries ?? []).map((entry) => ({
      letterId: entry.letter_id,
      seq: entry.seq,
      at: new Date(entry.at),
      kind: entry.kind,
      leg: entry.leg,
      eventId: entry.event_id,
      cause: entry.cause ?? entry.event_id,
      data: Buffer.from(entry.data, 'hex'),
      hash: Buffer.from(entry.hash, 'hex'),
    })),
    waiting: (row.waiting ?? []).map((receipt) => ({
      provider: receipt.provider,
      kind: receipt.kind,
      raw: receipt.raw,
      conversationId: receipt.conversation_id,
      receivedAt: new Date(receipt.received_at),
    })),
  };
}

const bytesOf = (hex: string | null): Buffer | null => (hex === null ? null : Buffer.from(hex, 'hex'));

interface LoadedRecord {
  letters:
    | {
        id: string;
        sender: string | null;
        reference: string | null;
        status: LetterStatus | null;
        seq: number;
        head_hash: string | null;
        notify: string | null;
        notify_leg: number | null;
        refused_reason: string | null;
        refused_detail: string | null;
      }[]
    | null;
  legs:
    | {
        letter_id: string;
        n: number;
        conversation_id: string;
        channel: LegChannel | null;
        provider: string | null;
        provider_organisation: string | null;
        sealed_at: string | null;
        state: LegState;
        reason: string | null;
        detail: string | null;
      }[]
    | null;
  expectations:
    | {
        letter_id: string;
        leg: number;
        awaits: LegState;
        owed_by: string;
        since: string | null;
        due_at: string;
        overdue_at: string | null;
      }[]
    | null;
  entries:
    | {
        letter_id: string;
        seq: number;
        at: string;
        kind: string;
        leg: number | null;
        event_id: string;
        cause: string | null;
        data: string;
        hash: string;
      }[]
    | null;
  waiting: { provider: string; kind: string; raw: string; conversation_id: string; received_at: string }[] | null;
}
