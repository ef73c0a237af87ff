import type { Manager } from '@postgang/runtime';
import type { Folded } from '../legs/fold.js';

/** A row of table receipt: matched to a leg, waiting for one, or set aside with its problem. */
export interface ReceiptRow {
  readonly eventId: string;
  readonly letterId: string | null;
  readonly leg: number | null;
  readonly conversationId: string | null;
  readonly provider: string;
  readonly kind: string | null;
  readonly raw: string;
  readonly certificates: string | null;
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
    INSERT INTO leg (letter_id, n, conversation_id, channel, provider, provider_organisation, state, reason, detail)
    SELECT * FROM json_to_recordset($2::json) AS x(letter_id uuid, n int, conversation_id uuid, channel text, provider text,
      provider_organisation text, state text, reason text, detail text)
    ON CONFLICT (letter_id, n) DO UPDATE SET channel = excluded.channel, provider = excluded.provider,
      provider_organisation = excluded.provider_organisation, state = excluded.state, reason = excluded.reason,
      detail = excluded.detail
  ), entries AS (
    INSERT INTO history (letter_id, seq, at, kind, leg, event_id, cause, data, hash)
    SELECT letter_id, seq, at, kind, leg, event_id, cause, decode(data, 'hex'), decode(hash, 'hex')
    FROM json_to_recordset($3::json) AS x(letter_id uuid, seq int, at timestamptz, kind text, leg int, event_id text,
      cause text, data text, hash text)
  ), expectations AS (
    INSERT INTO expectation (letter_id, leg, awaits, owed_by, due_at, met_at, overdue_at)
    SELECT * FROM json_to_recordset($4::json) AS x(letter_id uuid, leg int, awaits text, owed_by text, due_at timestamptz,
      met_at timestamptz, overdue_at timestamptz)
    ON CONFLICT (letter_id, leg, awaits) DO UPDATE SET met_at = excluded.met_at, overdue_at = excluded.overdue_at
  )
  INSERT INTO receipt (event_id, letter_id, leg, conversation_id, provider, kind, raw, certificates, verified, problem, received_at)
  SELECT * FROM json_to_recordset($5::json) AS x(event_id text, letter_id uuid, leg int, conversation_id uuid, provider text,
    kind text, raw text, certificates text, verified boolean, problem text, received_at timestamptz)
  ON CONFLICT (event_id) DO UPDATE SET letter_id = excluded.letter_id, leg = excluded.leg,
    conversation_id = excluded.conversation_id, kind = excluded.kind, certificates = excluded.certificates,
    verified = excluded.verified, problem = excluded.problem
  WHERE receipt.letter_id IS NULL`;

export async function save(
  manager: Manager,
  folded: readonly Folded[],
  receipts: readonly ReceiptRow[],
): Promise<void> {
  await manager.query(SAVE, [
    rows(folded.filter(({ entries }) => entries.length > 0).map(letterRow)),
    rows(folded.flatMap(({ legs }) => legs).map(snake)),
    rows(
      folded
        .flatMap(({ entries }) => entries)
        .map(({ cause, ...entry }) => ({
          ...snake(entry),
          // null where it says nothing, to keep the index on it small
          cause: cause === entry.eventId ? null : cause,
        })),
    ),
    rows(folded.flatMap(({ expectations }) => expectations).map(snake)),
    rows(receipts.map(snake)),
  ]);
}

const letterRow = ({ letter }: Folded): Record<string, unknown> => snake(letter);
const rows = (list: readonly unknown[]): string => JSON.stringify(list);

function snake(row: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]: [string, unknown]) => [
      name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      Buffer.isBuffer(value) ? value.toString('hex') : value,
    ]),
  );
}
