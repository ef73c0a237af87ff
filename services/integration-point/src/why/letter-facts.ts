import { conversationIdOf, messageIdOf } from '@postgang/pipeline';
import {
  LEG_STATES,
  letterStatus,
  type LegState,
  type LetterStatus,
  type Situation,
  type UsualTime,
} from '@postgang/rules';
import { classifyDatabaseError, sqlStateOf, type Manager } from '@postgang/runtime';

/** What the tables tell of a letter. */
export type LetterFacts = Omit<Situation, 'now' | 'silent' | 'retry' | 'dead' | 'services'> & {
  readonly sender: string;
  readonly reference: string;
};

/** A provider that has answered nothing for so long has no usual time now. */
const USUAL_FOR_MS = 86_400_000;
/** Sooner than this a queued letter is merely in its turn, and what others were told says nothing about it. */
const QUEUED_FOR_MS = 3_000;
/** What one sender is told, and nobody else. */
const ABOUT_SENDER = ['no-delegation', 'status-401', 'status-403'];

interface Seen {
  readonly status: LetterStatus | null;
  readonly refused_reason: string | null;
  readonly leg: number | null;
  readonly channel: 'digital' | 'print' | null;
  readonly provider: string | null;
  readonly leg_reason: string | null;
}

interface Awaited {
  readonly awaits: LegState;
  readonly owed_by: string;
  readonly since: Date;
  readonly due_at: Date;
}

interface EffectSeen {
  readonly provider: string;
  readonly state: NonNullable<Situation['effect']>['state'];
  readonly reason: string | null;
  readonly created_at: Date;
  readonly not_before: Date;
}

/**
 * Reads what is published about one letter, each fact by a key or index. Undefined when the intake has no such letter. A view that is not there
 * (its service was never started) or not granted leaves its facts out. Throws DependencyDown('postgres').
 */
export async function letterFacts(database: Manager, letterId: string, now: Date): Promise<LetterFacts | undefined> {
  const [own] = await ask<{ sender: string; reference: string; accepted_at: Date; published: boolean }>(
    database,
    'SELECT sender, reference, accepted_at, published_at IS NOT NULL AS published FROM intake_api_v1.letter WHERE id = $1',
    [letterId],
  );
  if (own === undefined) return undefined;
  const [seen, history] = await Promise.all([letterSeen(database, letterId), notices(database, letterId)]);
  const n = seen?.leg ?? 1;
  const leg = legOf(seen);
  const [awaited, [effect], parked, [route]] = await Promise.all([
    awaitedOf(database, letterId, n),
    ask<EffectSeen>(
      database,
      'SELECT provider, state, reason, created_at, not_before FROM effect_api_v1.effect WHERE id = $1',
      [messageIdOf(letterId, n)],
    ),
    ask<{ why: string; since: Date }>(
      database,
      'SELECT why, parked_at AS since FROM routing_api_v1.parked_letter WHERE letter_id = $1',
      [letterId],
    ),
    ask<object>(database, 'SELECT FROM routing_api_v1.route WHERE letter_id = $1 AND routed LIMIT 1', [letterId]),
  ]);
  const status = seen?.status ?? undefined;
  const provider = leg?.provider ?? effect?.provider;
  const aboutProvider =
    provider === undefined || awaited === undefined || awaited.owed_by === 'postgang'
      ? undefined
      : await answersOf(database, { letterId, n, provider, awaited }, now);
  return {
    sender: own.sender,
    reference: own.reference,
    acceptedAt: own.accepted_at,
    published: own.published,
    status,
    refusal: seen?.refused_reason ?? undefined,
    routed: route !== undefined,
    leg,
    awaited:
      awaited === undefined
        ? undefined
        : { awaits: awaited.awaits, from: awaited.owed_by, since: awaited.since, dueAt: awaited.due_at },
    effect:
      effect === undefined
        ? undefined
        : {
            provider: effect.provider,
            state: effect.state,
            reason: effect.reason,
            since: effect.created_at,
            notBefore: effect.not_before,
          },
    lane: await laneOf(database, own.sender, effect),
    parked: parked[0],
    notice: history,
    setAside: aboutProvider?.setAside,
    strays: aboutProvider?.strays ?? 0,
    pulledUntil: aboutProvider?.pulledUntil,
    othersAnswered: aboutProvider?.othersAnswered ?? false,
    usual: aboutProvider?.usual,
  };
}

async function letterSeen(database: Manager, letterId: string): Promise<Seen | undefined> {
  const [seen] = await ask<Seen>(
    database,
    'SELECT status, refused_reason, leg, channel, provider, leg_reason FROM history_api_v1.letter WHERE id = $1',
    [letterId],
  );
  return seen;
}

/** The status of a letter that has a leg is that leg's state. */
function legOf(seen: Seen | undefined): Situation['leg'] {
  if (seen === undefined || seen.leg === null) return undefined;
  const state = LEG_STATES.find((one) => letterStatus(one, false) === seen.status);
  if (state === undefined) return undefined;
  return { n: seen.leg, channel: seen.channel, provider: seen.provider, state, reason: seen.leg_reason };
}

async function awaitedOf(database: Manager, letterId: string, leg: number): Promise<Awaited | undefined> {
  const [awaited] = await ask<Awaited>(
    database,
    `SELECT awaits, owed_by, due_at,
       coalesce(since, (SELECT max(at) FROM history_api_v1.history h WHERE h.letter_id = $1 AND h.leg = $2), due_at) AS since
     FROM history_api_v1.awaited WHERE letter_id = $1 AND leg = $2 AND met_at IS NULL ORDER BY due_at LIMIT 1`,
    [letterId, leg],
  );
  return awaited;
}

/** Whether a service message was ordered with the delivery, and what became of it. */
async function notices(database: Manager, letterId: string): Promise<Situation['notice']> {
  const [said] = await ask<{ ordered: boolean | null; outcome: string | null }>(
    database,
    `SELECT bool_or(data -> 'notify' = 'true') AS ordered, max(data #>> '{particulars,outcome}') FILTER (WHERE kind = 'notified') AS outcome
     FROM (SELECT kind, convert_from(data, 'UTF8')::jsonb AS data FROM history_api_v1.history WHERE letter_id = $1) h`,
    [letterId],
  );
  if (said?.outcome != null) return said.outcome === 'SENT' ? 'sent' : 'not-sent';
  return said?.ordered === true ? 'awaited' : 'none';
}

/** What the provider of a leg does with others' letters, and what came of it that could not be counted. */
async function answersOf(
  database: Manager,
  { letterId, n, provider, awaited }: { letterId: string; n: number; provider: string; awaited: Awaited },
  now: Date,
): Promise<Pick<LetterFacts, 'setAside' | 'strays' | 'pulledUntil' | 'othersAnswered' | 'usual'>> {
  const conversation = conversationIdOf(letterId, n);
  const [[usual], [later], [aside], [strays], [pull]] = await Promise.all([
    ask<{ samples: number; newest: Date; p50_seconds: number; p95_seconds: number }>(
      database,
      'SELECT samples, newest, p50_seconds, p95_seconds FROM history_api_v1.usual_time WHERE provider = $1 AND awaits = $2',
      [provider, awaited.awaits],
    ),
    ask<object>(
      database,
      `SELECT FROM history_api_v1.awaited
       WHERE owed_by = $1 AND awaits = $2 AND owed_by <> 'postgang' AND met_at IS NOT NULL AND met_at >= $3 AND since > $3 LIMIT 1`,
      [provider, awaited.awaits, awaited.since],
    ),
    ask<{ problem: string }>(
      database,
      `SELECT problem FROM history_api_v1.receipt_in_doubt
       WHERE conversation_id = $1 AND problem IS NOT NULL ORDER BY received_at DESC LIMIT 1`,
      [conversation],
    ),
    ask<{ count: number }>(
      database,
      `SELECT count(*)::int AS count FROM (
         SELECT FROM history_api_v1.receipt_in_doubt
         WHERE provider = $1 AND problem IS NULL AND received_at >= $2 AND conversation_id <> $3 LIMIT 100) stray`,
      [provider, awaited.since, conversation],
    ),
    ask<{ pulled_until: Date }>(database, 'SELECT pulled_until FROM history_api_v1.provider_pull WHERE provider = $1', [
      provider,
    ]),
  ]);
  const isRecent = usual !== undefined && now.getTime() - usual.newest.getTime() < USUAL_FOR_MS;
  const usualTime: UsualTime | undefined = isRecent
    ? { samples: usual.samples, p50Ms: usual.p50_seconds * 1_000, p95Ms: usual.p95_seconds * 1_000 }
    : undefined;
  return {
    usual: usualTime,
    othersAnswered: later !== undefined,
    setAside: aside?.problem,
    strays: strays?.count ?? 0,
    pulledUntil: pull?.pulled_until,
  };
}

/** A letter that queues behind an outage has not been told anything itself. */
async function laneOf(database: Manager, sender: string, effect: EffectSeen | undefined): Promise<string | undefined> {
  if (effect === undefined || effect.state !== 'QUEUED' || effect.reason !== null) return undefined;
  const [told] = await ask<{ reason: string }>(
    database,
    `SELECT reason FROM effect_api_v1.effect
     WHERE provider = $1 AND state = 'QUEUED' AND reason IS NOT NULL AND (sender = $2 OR reason <> ALL($3))
       AND $4::timestamptz < now() - $5 * interval '1 millisecond'
     ORDER BY not_before DESC LIMIT 1`,
    [effect.provider, sender, ABOUT_SENDER, effect.created_at, QUEUED_FOR_MS],
  );
  return told?.reason;
}

/** No such table or schema, or no right to read it. */
const UNPUBLISHED = new Set(['42P01', '3F000', '42501']);

async function ask<T>(database: Manager, sql: string, parameters: unknown[]): Promise<T[]> {
  try {
    return await database.query<T[]>(sql, parameters);
  } catch (error) {
    if (UNPUBLISHED.has(sqlStateOf(error) ?? '')) return [];
    throw classifyDatabaseError(error);
  }
}
