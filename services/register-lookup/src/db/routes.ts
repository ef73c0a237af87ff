import { ConsumedOffsets, type Manager, type Received } from '@postgang/runtime';
import type { Hold } from './held-senders.js';

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

export interface Known {
  /** Letters that are decided, by id. */
  readonly routes: ReadonlyMap<string, Route>;
  /** Of the senders asked for, those that are held or released. */
  readonly holds: ReadonlyMap<string, Hold>;
}

/** What is known before a batch is decided, in one statement. */
export async function loadKnown(
  manager: Manager,
  { letterIds, leg, senders }: { letterIds: readonly string[]; leg: number; senders: readonly string[] },
): Promise<Known> {
  const rows: (({ sender: null } & Row) | { sender: string; held: boolean })[] = await manager.query(
    `SELECT letter_id, leg, routed, rule, event, NULL AS sender, NULL::boolean AS held FROM route
     WHERE leg = $2 AND letter_id = ANY($1::uuid[])
     UNION ALL
     SELECT NULL, NULL, NULL, NULL, NULL, sender, released_until IS NULL FROM held_sender
     WHERE sender = ANY($3::text[]) AND (released_until IS NULL OR released_until > now())`,
    [letterIds, leg, senders],
  );
  const routes = new Map<string, Route>();
  const holds = new Map<string, Hold>();
  for (const row of rows) {
    if (row.sender === null) routes.set(row.letter_id, routeOf(row));
    else holds.set(row.sender, row.held ? 'held' : 'released');
  }
  return { routes, holds };
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
