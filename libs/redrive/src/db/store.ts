import type { ServiceName } from '@postgang/pipeline';
import type { Manager, Stretch } from '@postgang/runtime';
import type { Filter } from '../filter.js';
import type { Asked, Why } from '../judge.js';
import { summaryOf, type Plan, type PlanHead, type PlannedRecord } from '../plan.js';

export type PlanState = 'PLANNED' | 'RELEASED' | 'RUNNING' | 'PAUSED' | 'DONE' | 'CANCELLED';
export type RecordState = 'PLANNED' | 'SENDING' | 'SENT' | 'SUPPRESSED' | 'CANCELLED';

export interface StoredPlan extends PlanHead {
  readonly state: PlanState;
  readonly toSend: number;
  readonly hash: string;
  readonly releasedBy: string | null;
}

export interface StoredRecord extends PlannedRecord {
  readonly state: RecordState;
  /** Why it was left out when the plan was carried out. */
  readonly outcome: Why | null;
  readonly at: Date | null;
}

export interface Step {
  readonly at: Date;
  readonly by: string;
  readonly action: string;
  readonly particulars: Readonly<Record<string, unknown>>;
}

export interface PlanEvent {
  readonly id: string;
  readonly letterId: string;
  readonly value: Buffer;
}

const AT_ONCE = 5_000;

export async function insertPlan(manager: Manager, plan: Plan, hash: string): Promise<void> {
  const { records } = plan;
  await manager.query(
    `INSERT INTO redrive_plan (id, service, filter, ends, state, planned_by, planned_at, release_above, to_send, hash)
     VALUES ($1, $2, $3, $4, 'PLANNED', $5, $6, $7, $8, $9)`,
    [
      ...[plan.id, plan.service, JSON.stringify({ ...plan.filter, asked: plan.asked })],
      JSON.stringify(plan.ends.map(({ partition, from, to }) => [partition, from.toString(), to.toString()])),
      ...[plan.plannedBy, plan.plannedAt, plan.releaseAbove, summaryOf(records).toSend, hash],
    ],
  );
  for (let from = 0; from < records.length; from += AT_ONCE)
    await insertRecords(manager, plan.id, records.slice(from, from + AT_ONCE));
}

const insertRecords = (manager: Manager, id: string, records: readonly PlannedRecord[]): Promise<unknown> =>
  manager.query(
    `INSERT INTO redrive_record (plan_id, partition, dead_offset, digest, record_id, redrives, dead_at, origin_topic,
       failure, letter_id, leg, sealed, decision, why, late, state)
     SELECT $1, x.*, CASE x.decision WHEN 'send' THEN 'PLANNED' ELSE 'SUPPRESSED' END
     FROM unnest($2::int[], $3::bigint[], $4::text[], $5::uuid[], $6::int[], $7::timestamptz[], $8::text[], $9::text[],
       $10::uuid[], $11::int[], $12::boolean[], $13::text[], $14::text[], $15::boolean[])
       AS x(partition, dead_offset, digest, record_id, redrives, dead_at, origin_topic, failure, letter_id, leg, sealed,
         decision, why, late)`,
    [
      id,
      records.map((one) => one.partition),
      records.map((one) => one.offset),
      records.map((one) => one.digest),
      records.map((one) => one.recordId),
      records.map((one) => one.redrives),
      records.map((one) => one.deadAt),
      records.map((one) => one.originTopic),
      records.map((one) => one.failure),
      records.map((one) => one.letterId),
      records.map((one) => one.leg),
      records.map((one) => one.sealed),
      records.map((one) => one.decision),
      records.map((one) => one.why),
      records.map((one) => one.late),
    ],
  );

interface PlanRow {
  id: string;
  service: ServiceName;
  filter: { since?: string; until?: string; reason?: string; letter?: string; origin?: string; asked: Asked };
  ends: [number, string, string][];
  state: PlanState;
  planned_by: string;
  planned_at: Date;
  release_above: number;
  to_send: number;
  hash: string;
  released_by: string | null;
}

function planOf(row: PlanRow): StoredPlan {
  const { asked, since, until, ...words } = row.filter;
  const filter: Filter = {
    ...words,
    ...(since === undefined ? {} : { since: new Date(since) }),
    ...(until === undefined ? {} : { until: new Date(until) }),
  };
  const ends: Stretch[] = row.ends.map(([partition, from, to]) => ({ partition, from: BigInt(from), to: BigInt(to) }));
  return {
    ...{ id: row.id, service: row.service, filter, asked, ends, state: row.state, hash: row.hash },
    ...{ plannedBy: row.planned_by, plannedAt: row.planned_at, releasedBy: row.released_by },
    ...{ releaseAbove: row.release_above, toSend: row.to_send },
  };
}

export async function listPlans(manager: Manager, most: number): Promise<StoredPlan[]> {
  const rows = await manager.query<PlanRow[]>('SELECT * FROM redrive_plan ORDER BY planned_at DESC LIMIT $1', [most]);
  return rows.map(planOf);
}

/** Locked against other commands when `manager` is a transaction's. */
export async function findPlan(manager: Manager, id: string, lock = false): Promise<StoredPlan | undefined> {
  const [row] = await manager.query<PlanRow[]>(`SELECT * FROM redrive_plan WHERE id = $1 ${lock ? 'FOR UPDATE' : ''}`, [
    id,
  ]);
  return row === undefined ? undefined : planOf(row);
}

export async function setState(manager: Manager, id: string, state: PlanState, releasedBy?: string): Promise<void> {
  await manager.query('UPDATE redrive_plan SET state = $2, released_by = coalesce($3, released_by) WHERE id = $1', [
    ...[id, state, releasedBy ?? null],
  ]);
}

/** Records of the planner's other plans for the service that were run without release since then; of a cancelled one those that were sent. */
export async function sentUnreleased(
  manager: Manager,
  { id, service, plannedBy }: StoredPlan,
  hours: number,
): Promise<number> {
  const [row] = await manager.query<{ records: number }[]>(
    `SELECT coalesce(sum(CASE WHEN p.state = 'CANCELLED' THEN r.claimed ELSE p.to_send END), 0)::int AS records
     FROM redrive_plan p
     CROSS JOIN LATERAL (SELECT count(*) AS claimed FROM redrive_record WHERE plan_id = p.id AND state IN ('SENDING', 'SENT')) r
     WHERE p.service = $1 AND p.planned_by = $2 AND p.id <> $3 AND p.released_by IS NULL AND p.state <> 'PLANNED'
       AND EXISTS (SELECT FROM redrive_step s
                   WHERE s.plan_id = p.id AND s.action IN ('run', 'resume') AND s.at > now() - make_interval(hours => $4))`,
    [service, plannedBy, id, hours],
  );
  return row?.records ?? 0;
}

interface RecordRow {
  partition: number;
  dead_offset: string;
  digest: string;
  record_id: string;
  redrives: number;
  dead_at: Date;
  origin_topic: string;
  failure: string;
  letter_id: string | null;
  leg: number | null;
  sealed: boolean;
  decision: 'send' | 'suppress';
  why: Why | null;
  late: boolean;
  state: RecordState;
  outcome: Why | null;
  at: Date | null;
}

const recordOf = (row: RecordRow): StoredRecord => ({
  ...{ partition: row.partition, offset: row.dead_offset, digest: row.digest, recordId: row.record_id },
  ...{ redrives: row.redrives, deadAt: row.dead_at, originTopic: row.origin_topic, failure: row.failure },
  ...{ letterId: row.letter_id, leg: row.leg, sealed: row.sealed, decision: row.decision, why: row.why },
  ...{ late: row.late, state: row.state, outcome: row.outcome, at: row.at },
});

export async function recordsOf(manager: Manager, id: string): Promise<StoredRecord[]> {
  const rows = await manager.query<RecordRow[]>(
    'SELECT * FROM redrive_record WHERE plan_id = $1 ORDER BY partition, dead_offset',
    [id],
  );
  return rows.map(recordOf);
}

/** Those in this state, the first of the topic first. */
export async function nextRecords(
  manager: Manager,
  id: string,
  state: 'PLANNED' | 'SENDING',
  most: number,
): Promise<StoredRecord[]> {
  const rows = await manager.query<RecordRow[]>(
    `SELECT * FROM redrive_record WHERE plan_id = $1 AND state = $2 AND state IN ('PLANNED', 'SENDING')
     ORDER BY partition, dead_offset LIMIT $3`,
    [id, state, most],
  );
  return rows.map(recordOf);
}

type Place = Pick<PlannedRecord, 'partition' | 'offset'>;

export async function moveRecords(
  manager: Manager,
  id: string,
  moves: readonly (Place & { readonly state: RecordState; readonly outcome?: Why | undefined })[],
): Promise<void> {
  if (moves.length === 0) return;
  await manager.query(
    `UPDATE redrive_record r SET state = x.state, outcome = x.outcome, at = now()
     FROM unnest($2::int[], $3::bigint[], $4::text[], $5::text[]) AS x(partition, dead_offset, state, outcome)
     WHERE r.plan_id = $1 AND r.partition = x.partition AND r.dead_offset = x.dead_offset`,
    [
      id,
      moves.map(({ partition }) => partition),
      moves.map(({ offset }) => offset),
      moves.map(({ state }) => state),
      moves.map(({ outcome }) => outcome ?? null),
    ],
  );
}

/** Of the open ones. Returns those that were given up now. */
export async function cancelRecords(manager: Manager, id: string): Promise<StoredRecord[]> {
  const [rows] = await manager.query<[RecordRow[], number]>(
    "UPDATE redrive_record SET state = 'CANCELLED', at = now() WHERE plan_id = $1 AND state = 'PLANNED' RETURNING *",
    [id],
  );
  return rows.map(recordOf);
}

/** Takes them for this plan, for good. Returns the places of those that no plan has taken before. */
export async function claim(
  manager: Manager,
  { id, service }: Pick<StoredPlan, 'id' | 'service'>,
  records: readonly PlannedRecord[],
): Promise<ReadonlySet<string>> {
  const rows = await manager.query<{ partition: number; dead_offset: string }[]>(
    `WITH claimed AS (
       INSERT INTO redriven (service, plan_id, partition, dead_offset, digest, record_id, redrives)
       SELECT $1, $2, x.* FROM unnest($3::int[], $4::bigint[], $5::text[], $6::uuid[], $7::int[]) AS x
       ON CONFLICT DO NOTHING RETURNING partition, dead_offset)
     SELECT * FROM claimed`,
    [
      service,
      id,
      records.map(({ partition }) => partition),
      records.map(({ offset }) => offset),
      records.map(({ digest }) => digest),
      records.map(({ recordId }) => recordId),
      records.map(({ redrives }) => redrives),
    ],
  );
  return new Set(rows.map((row) => `${row.partition}/${row.dead_offset}`));
}

export async function markClaimsSent(manager: Manager, id: string, places: readonly Place[]): Promise<void> {
  await manager.query(
    `UPDATE redriven r SET sent_at = now() FROM unnest($2::int[], $3::bigint[]) AS x(partition, dead_offset)
     WHERE r.plan_id = $1 AND r.partition = x.partition AND r.dead_offset = x.dead_offset`,
    [id, places.map(({ partition }) => partition), places.map(({ offset }) => offset)],
  );
}

/** It was never sent: another plan may. */
export async function releaseClaims(manager: Manager, id: string, places: readonly Place[]): Promise<void> {
  await manager.query(
    `DELETE FROM redriven r USING unnest($2::int[], $3::bigint[]) AS x(partition, dead_offset)
     WHERE r.plan_id = $1 AND r.partition = x.partition AND r.dead_offset = x.dead_offset AND r.sent_at IS NULL`,
    [id, places.map(({ partition }) => partition), places.map(({ offset }) => offset)],
  );
}

export async function oldestClaim(manager: Manager, id: string): Promise<Date | undefined> {
  const [row] = await manager.query<{ at: Date | null }[]>(
    'SELECT min(claimed_at) AS at FROM redriven WHERE plan_id = $1 AND sent_at IS NULL',
    [id],
  );
  return row?.at ?? undefined;
}

export async function addStep(
  manager: Manager,
  id: string,
  by: string,
  action: string,
  particulars: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  await manager.query('INSERT INTO redrive_step (plan_id, by, action, particulars) VALUES ($1, $2, $3, $4)', [
    ...[id, by, action, JSON.stringify(particulars)],
  ]);
}

export const stepsOf = (manager: Manager, id: string): Promise<Step[]> =>
  manager.query<Step[]>('SELECT at, by, action, particulars FROM redrive_step WHERE plan_id = $1 ORDER BY id', [id]);

export async function addEvents(manager: Manager, events: readonly PlanEvent[]): Promise<void> {
  for (let from = 0; from < events.length; from += AT_ONCE) {
    const some = events.slice(from, from + AT_ONCE);
    await manager.query(
      `INSERT INTO redrive_event (id, letter_id, value) SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bytea[])
       ON CONFLICT DO NOTHING`,
      [some.map(({ id }) => id), some.map(({ letterId }) => letterId), some.map(({ value }) => value)],
    );
  }
}

export async function unpublishedEvents(manager: Manager, most: number): Promise<PlanEvent[]> {
  return manager.query<PlanEvent[]>(
    `SELECT id, letter_id AS "letterId", value FROM redrive_event WHERE published_at IS NULL ORDER BY written_at LIMIT $1`,
    [most],
  );
}

export async function markEventsPublished(manager: Manager, ids: readonly string[]): Promise<void> {
  await manager.query('UPDATE redrive_event SET published_at = now() WHERE id = ANY($1::uuid[])', [ids]);
}
