import type { Clock } from '@postgang/outside';
import { ConsumedOffsets, type Manager, type Received } from '@postgang/runtime';
import { osloDay } from '@postgang/rules';
import type { HistoryEntry } from '../history/chain.js';
import type { Folded } from '../legs/fold.js';
import type { ExpectationRow, LegRow, LetterRow } from '../legs/letter.js';
import type { StoredChain } from '../verification/stored-chain.js';

/** A row of table receipt: matched to a leg, waiting for one, or set aside with its problem. */
export interface ReceiptRow {
  readonly eventId: string;
  readonly letterId: string | null;
  readonly leg: number | null;
  readonly conversationId: string | null;
  readonly provider: string;
  readonly kind: string | null;
  readonly raw: string;
  readonly chain: StoredChain | null;
  readonly verified: boolean;
  readonly problem: string | null;
  readonly receivedAt: Date;
}

/** One statement for all tables. A receipt that was set aside or waiting may be judged anew; one that counts stays as it is. */
const SAVE = `
  WITH letters AS (
    UPDATE letter SET sender = x.sender, reference = x.reference, status = x.status, seq = x.seq,
      head_hash = decode(x.head_hash, 'hex'), notify = decode(x.notify, 'hex'), notify_leg = x.notify_leg,
      refused_reason = x.refused_reason, refused_detail = x.refused_detail
    FROM json_to_recordset($1::json) AS x(id uuid, sender text, reference text, status text, seq int, head_hash text,
      notify text, notify_leg int, refused_reason text, refused_detail text)
    WHERE letter.id = x.id
  ), legs AS (
    INSERT INTO leg (letter_id, n, conversation_id, channel, provider, provider_organisation, sealed_at, state, reason, detail)
    SELECT * FROM json_to_recordset($2::json) AS x(letter_id uuid, n int, conversation_id uuid, channel text, provider text,
      provider_organisation text, sealed_at timestamptz, state text, reason text, detail text)
    ON CONFLICT (letter_id, n) DO UPDATE SET channel = excluded.channel, provider = excluded.provider,
      provider_organisation = excluded.provider_organisation, sealed_at = excluded.sealed_at, state = excluded.state,
      reason = excluded.reason, detail = excluded.detail
  ), entries AS (
    INSERT INTO history (letter_id, seq, at, kind, leg, event_id, cause, data, hash, recorded_on)
    SELECT letter_id, seq, at, kind, leg, event_id, cause, decode(data, 'hex'), decode(hash, 'hex'),
      -- never a day that is closed nor one that has not begun, whatever the clock says: it would have no root until it is over
      greatest(least($7::date, CASE WHEN $8::boolean THEN (clock_timestamp() AT TIME ZONE 'Europe/Oslo')::date END),
        (SELECT max(day) + 1 FROM closed_day))
    FROM json_to_recordset($3::json) AS x(letter_id uuid, seq int, at timestamptz, kind text, leg int, event_id text,
      cause text, data text, hash text)
  ), expectations AS (
    INSERT INTO expectation (letter_id, leg, awaits, owed_by, since, due_at, met_at, overdue_at)
    SELECT * FROM json_to_recordset($4::json) AS x(letter_id uuid, leg int, awaits text, owed_by text, since timestamptz, due_at timestamptz,
      met_at timestamptz, overdue_at timestamptz)
    ON CONFLICT (letter_id, leg, awaits) DO UPDATE SET met_at = excluded.met_at, overdue_at = excluded.overdue_at
  ), chains AS (
    INSERT INTO receipt_chain (id, pem)
    SELECT decode(id, 'hex'), pem FROM json_to_recordset($6::json) AS x(id text, pem text) ORDER BY id
    ON CONFLICT DO NOTHING
  ), receipts AS (
    INSERT INTO receipt (event_id, letter_id, leg, conversation_id, provider, kind, raw, chain_id, verified, problem, received_at)
    SELECT event_id, letter_id, leg, conversation_id, provider, kind, raw, decode(chain_id, 'hex'), verified, problem, received_at
    FROM json_to_recordset($5::json) AS x(event_id text, letter_id uuid, leg int, conversation_id uuid, provider text,
      kind text, raw text, chain_id text, verified boolean, problem text, received_at timestamptz)
    ON CONFLICT (event_id) DO UPDATE SET letter_id = excluded.letter_id, leg = excluded.leg,
      conversation_id = excluded.conversation_id, kind = excluded.kind, chain_id = excluded.chain_id,
      verified = excluded.verified, problem = excluded.problem
    WHERE receipt.letter_id IS NULL
  )
  ${ConsumedOffsets.clause(9)}`;

/**
 * With the offsets of the batch it came from; none for what no record caused. `clock`: for the day in Norway, looked at after the letters were locked,
 * because that lock keeps the day open; a real one is held to the database's, as in closing.
 */
export async function save(
  manager: Manager,
  clock: Clock,
  folded: readonly Folded[],
  receipts: readonly ReceiptRow[],
  batch: readonly Received[] = [],
): Promise<void> {
  const chains = new Map(receipts.flatMap(({ chain }) => (chain === null ? [] : [[chain.id, chain] as const])));
  await manager.query(SAVE, [
    JSON.stringify(folded.filter(({ entries }) => entries.length > 0).map(letterRow)),
    JSON.stringify(folded.flatMap(({ legs }) => legs.map(legRow))),
    JSON.stringify(folded.flatMap(({ entries }) => entries.map(entryRow))),
    JSON.stringify(folded.flatMap(({ expectations }) => expectations.map(expectationRow))),
    JSON.stringify(receipts.map(receiptRow)),
    JSON.stringify([...chains.values()]),
    osloDay(clock.now()),
    clock.real === true,
    ...ConsumedOffsets.parameters(batch),
  ]);
}

// Written out: turning names into columns one by one took a seventh of this service's time. A column left out is null.
const letterRow = ({ letter }: { letter: LetterRow }) => ({
  id: letter.id,
  sender: letter.sender,
  reference: letter.reference,
  status: letter.status,
  seq: letter.seq,
  head_hash: letter.headHash?.toString('hex'),
  notify: letter.notify?.toString('hex'),
  notify_leg: letter.notifyLeg,
  refused_reason: letter.refusedReason,
  refused_detail: letter.refusedDetail,
});

const legRow = (leg: LegRow) => ({
  letter_id: leg.letterId,
  n: leg.n,
  conversation_id: leg.conversationId,
  channel: leg.channel,
  provider: leg.provider,
  provider_organisation: leg.providerOrganisation,
  sealed_at: leg.sealedAt,
  state: leg.state,
  reason: leg.reason,
  detail: leg.detail,
});

const entryRow = (entry: HistoryEntry) => ({
  letter_id: entry.letterId,
  seq: entry.seq,
  at: entry.at,
  kind: entry.kind,
  leg: entry.leg,
  event_id: entry.eventId,
  // null where it says nothing, to keep the index on it small
  cause: entry.cause === entry.eventId ? null : entry.cause,
  data: entry.data.toString('hex'),
  hash: entry.hash.toString('hex'),
});

const expectationRow = (expectation: ExpectationRow) => ({
  letter_id: expectation.letterId,
  leg: expectation.leg,
  awaits: expectation.awaits,
  owed_by: expectation.owedBy,
  since: expectation.since,
  due_at: expectation.dueAt,
  met_at: expectation.metAt,
  overdue_at: expectation.overdueAt,
});

const receiptRow = (receipt: ReceiptRow) => ({
  event_id: receipt.eventId,
  letter_id: receipt.letterId,
  leg: receipt.leg,
  conversation_id: receipt.conversationId,
  provider: receipt.provider,
  kind: receipt.kind,
  raw: receipt.raw,
  chain_id: receipt.chain?.id,
  verified: receipt.verified,
  problem: receipt.problem,
  received_at: receipt.receivedAt,
});
