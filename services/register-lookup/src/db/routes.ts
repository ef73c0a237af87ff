import { ConsumedOffsets, type Manager, type Received } from '@postgang/runtime';

export interface Route {
  readonly letterId: string;
  readonly leg: number;
  /** False: the event is a refusal. */
  readonly routed: boolean;
  readonly rule: string;
  readonly event: Buffer;
}

interface Row {
  letter_id: string;
  leg: number;
  routed: boolean;
  rule: string;
  event: Buffer;
}

const routeOf = (row: Row): Route => ({
  letterId: row.letter_id,
  leg: row.leg,
  routed: row.routed,
  rule: row.rule,
  event: row.event,
});

export async function storedRoutes(
  manager: Manager,
  letterIds: readonly string[],
  leg: number,
): Promise<Map<string, Route>> {
  const rows: Row[] = await manager.query(
    'SELECT letter_id, leg, routed, rule, event FROM route WHERE leg = $2 AND letter_id = ANY($1::uuid[])',
    [letterIds, leg],
  );
  return new Map(rows.map((row) => [row.letter_id, routeOf(row)]));
}

/**
 * First decision wins: another instance may have decided the same letter a moment ago, and then its decision is the one published. The batch's
 * offsets go into the same statement, hence the same transaction.
 */
export async function storeRoutes(
  manager: Manager,
  routes: readonly Route[],
  batch: readonly Received[],
): Promise<Map<string, Route>> {
  const rows: Row[] = await manager.query(
    `WITH offsets AS (${ConsumedOffsets.clause(6)})
     INSERT INTO route AS r (letter_id, leg, routed, rule, event)
     SELECT * FROM unnest($1::uuid[], $2::int[], $3::boolean[], $4::text[], $5::bytea[])
     ON CONFLICT (letter_id, leg) DO UPDATE SET rule = r.rule
     RETURNING letter_id, leg, routed, rule, event`,
    [
      routes.map((r) => r.letterId),
      routes.map((r) => r.leg),
      routes.map((r) => r.routed),
      routes.map((r) => r.rule),
      routes.map((r) => r.event),
      ...ConsumedOffsets.parameters(batch),
    ],
  );
  return new Map(rows.map((row) => [row.letter_id, routeOf(row)]));
}
