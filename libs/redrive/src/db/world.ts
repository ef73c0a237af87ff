import { messageIdOf } from '@postgang/pipeline';
import type { EffectState, Manager } from '@postgang/runtime';
import type { ServiceName } from '@postgang/pipeline';
import { conversationOf, legOf } from '../describe.js';
import { RedriveError } from '../errors.js';
import type { Described } from '../filter.js';
import type { Known } from '../judge.js';

/** A relation or schema that is not there. */
const NOT_THERE = ['42P01', '3F000'];
const AT_ONCE = 5_000;

type LegRow<T> = T & { readonly letter_id: string; readonly leg: number };

/** Fills in the letters of those that only their conversation tells. One that is unknown stays without. */
export async function withLetters(manager: Manager, dead: readonly Described[]): Promise<Described[]> {
  const asked = [...new Set(dead.flatMap((one) => conversationOf(one) ?? []))];
  const rows = await ask<{ conversation_id: string; letter_id: string; leg: number }>(
    manager,
    'SELECT conversation_id, letter_id, leg FROM history_api_v1.leg WHERE conversation_id = ANY($1::uuid[])',
    asked,
  );
  const found = new Map(rows.map((row) => [row.conversation_id, row]));
  return dead.map((one) => {
    const row = found.get(conversationOf(one) ?? '');
    return row === undefined ? one : { ...one, letterId: row.letter_id, leg: row.leg };
  });
}

/** What is known of these now. Throws RedriveError where a service's views are missing: it is never guessed that nothing was done. */
export async function loadWorld(
  manager: Manager,
  service: ServiceName,
  dead: readonly Pick<
    Described,
    'letterId' | 'leg' | 'recordId' | 'redrives' | 'at' | 'partition' | 'offset' | 'digest'
  >[],
): Promise<(dead: Pick<Described, 'letterId' | 'leg' | 'partition' | 'offset'>) => Known> {
  const letters = [...new Set(dead.flatMap(({ letterId }) => letterId ?? []))];
  const legs = dead.flatMap((one) => (one.letterId === null ? [] : [messageIdOf(one.letterId, legOf(one))]));
  const ledgered = service === 'receipts' || service === 'integration-point' ? [] : [...new Set(legs)];
  // one after the other: they may share the connection of a run
  const effects = await ask<{ id: string; state: EffectState }>(
    manager,
    'SELECT id, state FROM effect_api_v1.effect WHERE id = ANY($1::uuid[])',
    ledgered,
  );
  const messages = await ask<LegRow<{ state: EffectState }>>(
    manager,
    'SELECT letter_id, leg, state FROM message_api_v1.effect WHERE letter_id = ANY($1::uuid[])',
    service === 'notification' ? letters : [],
  );
  const states = await ask<LegRow<{ state: string }>>(
    manager,
    'SELECT letter_id, leg, state FROM history_api_v1.leg WHERE letter_id = ANY($1::uuid[])',
    letters,
  );
  const expectations = await ask<LegRow<{ due_at: Date }>>(
    manager,
    `SELECT letter_id, leg, min(due_at) AS due_at FROM history_api_v1.expectation
     WHERE letter_id = ANY($1::uuid[]) AND met_at IS NULL GROUP BY letter_id, leg`,
    letters,
  );
  const redriven = await redrivenOf(manager, service, dead);
  const effectOf = new Map(effects.map(({ id, state }) => [id, state]));
  const messageOf = new Map(messages.map((row) => [legKey(row.letter_id, row.leg), row.state]));
  const stateOf = new Map(states.map((row) => [legKey(row.letter_id, row.leg), row.state]));
  const dueOf = new Map(expectations.map((row) => [legKey(row.letter_id, row.leg), row.due_at]));
  return (one) => {
    const { letterId } = one;
    const key = legKey(letterId ?? '', legOf(one));
    return {
      effect: letterId === null ? undefined : effectOf.get(messageIdOf(letterId, legOf(one))),
      message: messageOf.get(key),
      legState: stateOf.get(key),
      dueAt: dueOf.get(key),
      redrivenBy: redriven.get(placeKey(one)),
    };
  };
}

const legKey = (letterId: string, leg: number): string => `${letterId}/${leg}`;
const placeKey = ({ partition, offset }: Pick<Described, 'partition' | 'offset'>): string => `${partition}/${offset}`;

/**
 * The plans that have sent these again: that very dead letter; or the same record after it had died, for it may lie here twice. One that came back
 * has been sent again more often than the one that was sent, or died later.
 */
async function redrivenOf(
  manager: Manager,
  service: ServiceName,
  dead: readonly Pick<Described, 'recordId' | 'redrives' | 'at' | 'partition' | 'offset' | 'digest'>[],
): Promise<Map<string, string>> {
  if (dead.length === 0) return new Map();
  const rows = await manager.query<{ partition: number; dead_offset: string; plan_id: string }[]>(
    `SELECT DISTINCT d.partition, d.dead_offset, r.plan_id
     FROM unnest($2::int[], $3::bigint[], $4::text[], $5::uuid[], $6::int[], $7::timestamptz[])
       AS d(partition, dead_offset, digest, record_id, redrives, dead_at)
     JOIN redriven r ON r.service = $1 AND (
       (r.partition = d.partition AND r.dead_offset = d.dead_offset AND r.digest = d.digest)
       OR (r.record_id = d.record_id AND r.redrives >= d.redrives AND r.claimed_at >= d.dead_at))`,
    [
      service,
      dead.map(({ partition }) => partition),
      dead.map(({ offset }) => offset),
      dead.map(({ digest }) => digest),
      dead.map(({ recordId }) => recordId),
      dead.map(({ redrives }) => redrives),
      dead.map(({ at }) => at),
    ],
  );
  return new Map(rows.map((row) => [`${row.partition}/${row.dead_offset}`, row.plan_id]));
}

async function ask<R>(manager: Manager, sql: string, ids: readonly string[]): Promise<R[]> {
  const rows: R[] = [];
  try {
    for (let from = 0; from < ids.length; from += AT_ONCE)
      rows.push(...(await manager.query<R[]>(sql, [ids.slice(from, from + AT_ONCE)])));
  } catch (error) {
    const view = /FROM (\w+)\./.exec(sql)?.[1];
    if (NOT_THERE.includes(String((error as { code?: unknown }).code)))
      throw new RedriveError(`the views ${view} are missing: start the service that owns them in this version first`, {
        cause: error,
      });
    throw error;
  }
  return rows;
}
