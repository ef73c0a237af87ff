import { classifyDatabaseError, sqlStateOf, type Manager } from '@postgang/runtime';

interface StatusRow {
  readonly id: string;
  readonly reference: string;
  readonly accepted_at: Date;
  readonly status: string | null;
  readonly seq: number | null;
  readonly leg: number | null;
  readonly channel: string | null;
  readonly provider: string | null;
  readonly reason: string | null;
  readonly detail: string | null;
}

const OWN = 'SELECT id, reference, accepted_at FROM letter WHERE id = $1 AND sender = $2';
/** The views of receipts: the one place where another service's data are read. */
const SEEN = `
  SELECT status, seq, leg, channel, provider, coalesce(refused_reason, leg_reason) AS reason,
         coalesce(refused_detail, leg_detail) AS detail
  FROM history_api_v1.letter WHERE id = $1`;

/** The letter as receipts knows it; ACCEPTED until it does. Undefined when this agency has no such letter. */
export async function statusOf(
  database: Manager,
  sender: string,
  letterId: string,
): Promise<({ letterId: string } & Record<string, unknown>) | undefined> {
  const [own] = await rowsOf<StatusRow>(database, OWN, [letterId, sender]);
  if (own === undefined) return undefined;
  const [seen] = await view<StatusRow>(database, SEEN, [letterId]);
  return {
    letterId: own.id,
    reference: own.reference,
    status: seen?.status ?? 'ACCEPTED',
    seq: seen?.seq ?? 0,
    leg: seen?.leg ?? null,
    channel: seen?.channel ?? null,
    provider: seen?.provider ?? null,
    reason: seen?.reason ?? null,
    detail: seen?.detail ?? null,
    acceptedAt: own.accepted_at.toISOString(),
    href: `/v1/letters/${own.id}`,
  };
}

/** The hash chain can be followed (libs/evidence): `data` is the JSON text that was hashed, as in evidence files. */
export async function historyOf(database: Manager, letterId: string): Promise<object[]> {
  const rows = await view<{
    seq: number;
    at: Date;
    kind: string;
    leg: number | null;
    event_id: string;
    data: Buffer;
    hash: Buffer;
  }>(
    database,
    'SELECT seq, at, kind, leg, event_id, data, hash FROM history_api_v1.history WHERE letter_id = $1 ORDER BY seq',
    [letterId],
  );
  return rows.map(({ seq, at, kind, leg, event_id, data, hash }) => ({
    seq,
    at: at.toISOString(),
    kind,
    leg,
    eventId: event_id,
    data: data.toString('utf8'),
    hash: hash.toString('hex'),
  }));
}

/** The signed originals with the certificates they were verified with, for the agency's archive. */
export async function receiptsOf(database: Manager, letterId: string): Promise<object[]> {
  const rows = await view<{
    leg: number;
    provider: string;
    kind: string;
    raw: string;
    certificates: string;
    received_at: Date;
  }>(
    database,
    `SELECT leg, provider, kind, raw, certificates, received_at
     FROM history_api_v1.receipt WHERE letter_id = $1 ORDER BY received_at`,
    [letterId],
  );
  return rows.map(({ received_at, ...receipt }) => ({ ...receipt, receivedAt: received_at.toISOString() }));
}

const NO_SUCH_VIEW = new Set(['42P01', '3F000']);

/** Before receipts has been started for the first time there are no views, and nothing has happened to any letter. */
async function view<T>(database: Manager, sql: string, parameters: unknown[]): Promise<T[]> {
  try {
    return await database.query<T[]>(sql, parameters);
  } catch (error) {
    if (NO_SUCH_VIEW.has(sqlStateOf(error) ?? '')) return [];
    throw classifyDatabaseError(error);
  }
}

async function rowsOf<T>(database: Manager, sql: string, parameters: unknown[]): Promise<T[]> {
  try {
    return await database.query<T[]>(sql, parameters);
  } catch (error) {
    throw classifyDatabaseError(error);
  }
}
