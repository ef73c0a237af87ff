import { DATABASE_IDENTITY } from '../database-identity.js';
import type { Manager } from '../database.js';
import { ConsumedOffsets } from '../positions.js';
import { countsOf, type CountRow, type EffectCounts } from './effect-counts.js';
import type { EffectState, SettledHow } from './effect-state.js';
import type { Received } from '../stage.js';

export interface NewEffect {
  readonly id: string;
  readonly letterId: string;
  readonly leg: number;
  readonly provider: string;
  /** Whose post waits when it is blocked: the sender. */
  readonly lane: string;
  readonly payload: Buffer;
  readonly traceparent: string | undefined;
  /** Its record was consumed before this database was restored: somebody may have done it. */
  readonly perhapsDone?: boolean;
  /** Whoever queues it carries it out at once: it begins as INTENDED, if it is new and was not perhaps done. */
  readonly inHand?: boolean;
}

export interface Effect extends Omit<NewEffect, 'perhapsDone' | 'inHand'> {
  readonly state: EffectState;
  readonly attempts: number;
  readonly settled: boolean;
  readonly settledHow: SettledHow | null;
  /** What the operator said who settled it. */
  readonly operatorNote: string | null;
  /** Asked so often without a clear answer. */
  readonly questions: number;
  readonly fence: number;
  readonly reason: string | null;
  readonly doneAt: Date | null;
}

export interface EffectOutcome {
  readonly id: string;
  readonly fence: number;
  readonly state: EffectState;
  readonly reason: string | null;
  /** When the row may be looked at again, in milliseconds from now; for QUEUED, UNCERTAIN and PARKED. */
  readonly waitMs: number;
  readonly settled: SettledHow | null;
  /** It was asked about, and there was no clear answer. */
  readonly asked: boolean;
  /** The call was never made: the attempt does not count. */
  readonly free: boolean;
}

/** Nobody knows yet whether it was done. */
export interface UnsettledEffect {
  readonly id: string;
  readonly letterId: string;
  readonly leg: number;
  readonly provider: string;
  readonly sender: string;
  readonly state: EffectState;
  readonly reason: string | null;
  readonly attempts: number;
  readonly questions: number;
  readonly since: Date;
}

/** What is counted as it happens, for metrics: an intention, an end, or how one was settled. */
export type CountedAs =
  | 'intended'
  | 'put-back'
  | 'handed-over'
  | 'refused'
  | 'failed'
  | 'uncertain'
  | 'parked'
  | 'record-suppressed'
  | SettledHow;
export type OnCounted = (what: CountedAs, provider: string, count: number) => void;

const COUNTED_AS: Readonly<Record<EffectState, CountedAs>> = {
  QUEUED: 'put-back',
  INTENDED: 'intended',
  HANDED_OVER: 'handed-over',
  REFUSED: 'refused',
  FAILED: 'failed',
  UNCERTAIN: 'uncertain',
  PARKED: 'parked',
};

interface Row {
  id: string;
  letter_id: string;
  leg: number;
  provider: string;
  lane: string;
  payload: Buffer;
  traceparent: string | null;
  state: EffectState;
  attempts: number;
  settled: boolean;
  settled_how: SettledHow | null;
  operator_note: string | null;
  questions: number;
  fence: number;
  reason: string | null;
  done_at: Date | null;
}

const COLUMNS =
  'id, letter_id, leg, provider, lane, payload, traceparent, state, attempts, settled, settled_how, operator_note, questions, fence, reason, done_at';
const effectOf = ({ letter_id, done_at, settled_how, operator_note, traceparent, ...row }: Row): Effect => ({
  ...row,
  letterId: letter_id,
  doneAt: done_at,
  settledHow: settled_how,
  operatorNote: operator_note,
  traceparent: traceparent ?? undefined,
});
/** What the row says of an effect whose intention was written down with it. */
const intendedFirst = ({ perhapsDone: _, inHand: __, ...effect }: NewEffect): Effect => ({
  ...effect,
  state: 'INTENDED',
  attempts: 1,
  settled: false,
  settledHow: null,
  operatorNote: null,
  questions: 0,
  fence: 1,
  reason: null,
  doneAt: null,
});
/** What is due in a provider's lane. */
const OLDEST = `SELECT id FROM effect WHERE state = 'QUEUED' AND provider = lane.provider AND not_before <= now()
                ORDER BY not_before LIMIT lane.room FOR UPDATE SKIP LOCKED`;
/**
 * The same, sender by sender: whoever's oldest is the oldest comes first. The index is asked once for each sender that has something there, and never
 * reads past rows that may not be taken, however many.
 */
const OLDEST_BY_SENDER = `
  WITH RECURSIVE head AS (
    (SELECT e.lane AS sender, e.not_before FROM effect AS e WHERE e.state = 'QUEUED' AND e.provider = lane.provider
     ORDER BY e.lane, e.not_before LIMIT 1)
    UNION ALL
    SELECT next.* FROM head CROSS JOIN LATERAL (
      SELECT e.lane, e.not_before FROM effect AS e WHERE e.state = 'QUEUED' AND e.provider = lane.provider AND e.lane > head.sender
      ORDER BY e.lane, e.not_before LIMIT 1) AS next)
  SELECT oldest.id
  FROM (SELECT head.sender, least(lane.room, coalesce(limited.most, lane.room)) AS most
        FROM head LEFT JOIN unnest($4::text[], $5::int[]) AS limited(sender, most) USING (sender)
        WHERE head.not_before <= now() AND coalesce(limited.most, 1) > 0 ORDER BY head.not_before) AS one
  CROSS JOIN LATERAL (SELECT e.id FROM effect AS e
                      WHERE e.state = 'QUEUED' AND e.provider = lane.provider AND e.lane = one.sender AND e.not_before <= now()
                      ORDER BY e.not_before LIMIT one.most FOR UPDATE SKIP LOCKED) AS oldest
  LIMIT lane.room`;
/** Milliseconds of work, not seconds. */
const DOUBTED_AT_ONCE = 10_000;
/** Each in the order of its index, in which what is doubted already is no longer found. */
const SOME_QUEUED = `SELECT id FROM effect WHERE state = 'QUEUED' ORDER BY provider, not_before LIMIT ${DOUBTED_AT_ONCE} FOR UPDATE`;
const SOME_INTENDED = `SELECT id FROM effect WHERE state = 'INTENDED' ORDER BY lease_until LIMIT ${DOUBTED_AT_ONCE} FOR UPDATE`;
const isInHand = ({ inHand, perhapsDone }: NewEffect): boolean => inHand === true && perhapsDone !== true;
/** TypeORM answers UPDATE … RETURNING with rows and their count. */
const updated = (result: unknown): Effect[] => ((result as [Row[], number])[0] ?? []).map(effectOf);

/**
 * The effect ledger: nothing irreversible is done outside without a row that says so beforehand. Life of an effect:
 *
 *   QUEUED → INTENDED ─→ HANDED_OVER | REFUSED                the provider's own word
 *      ↑        ├──────→ QUEUED with a not-before              certainly not done; tried again later
 *      │        └──────→ UNCERTAIN                             no clear answer, or the lease ran out
 *      └─── UNCERTAIN ─→ HANDED_OVER | REFUSED | QUEUED        settled by asking the provider
 *   asked so often in vain → PARKED: an operator may settle it; it is still asked about, seldom
 *   attempts exhausted → FAILED        HANDED_OVER → REFUSED when the provider gives up afterwards
 *   FAILED → QUEUED | UNCERTAIN        an operator has its record sent again | had, before a restore
 *
 * What is carried out at once begins as INTENDED. An effect that may have been done before a database was restored from a backup begins, or goes on, as
 * UNCERTAIN.
 *
 * INTENDED is committed before the call, with a lease longer than the call may take and a fencing token: a worker that wakes up late cannot
 * write over what was settled meanwhile. What came of a row is published from the row, then marked.
 */
export class EffectLedger {
  constructor(
    private readonly database: Manager,
    private readonly onCounted: OnCounted = () => undefined,
  ) {}

  /**
   * One statement with the batch's offsets, hence one transaction. An effect that is there already stays as it is, and the record is counted as
   * suppressed. One that was perhaps done is uncertain, and is settled by asking after `lagMs`. Returns those in hand whose intention is written down now.
   */
  async queue(
    effects: readonly NewEffect[],
    batch: readonly Received[],
    { lagMs, leaseMs }: { readonly lagMs: number; readonly leaseMs: number },
  ): Promise<Effect[]> {
    // in id order, each once: a statement cannot meet a row twice, and two that share rows would wait for each other
    const byId = new Map(effects.map((effect) => [effect.id, effect]));
    const distinct = [...byId.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
    const again: { id: string; provider: string }[] = await this.database.query(
      `WITH offsets AS (${ConsumedOffsets.clause(12)}),
       queued AS (
         INSERT INTO effect AS e (id, letter_id, leg, provider, lane, payload, traceparent, state, reason, not_before, attempts, fence, lease_until)
         SELECT id, letter_id, leg, provider, lane, payload, traceparent,
           CASE WHEN perhaps_done THEN 'UNCERTAIN' WHEN in_hand THEN 'INTENDED' ELSE 'QUEUED' END,
           CASE WHEN perhaps_done THEN 'restored' END,
           now() + CASE WHEN perhaps_done THEN $10::int ELSE 0 END * interval '1 millisecond',
           in_hand::int, in_hand::int, CASE WHEN in_hand THEN now() + $11::int * interval '1 millisecond' END
         FROM unnest($1::uuid[], $2::uuid[], $3::int[], $4::text[], $5::text[], $6::bytea[], $7::text[], $8::boolean[], $9::boolean[])
           AS t(id, letter_id, leg, provider, lane, payload, traceparent, perhaps_done, in_hand)
         ON CONFLICT (id) DO UPDATE SET suppressed = e.suppressed + 1
         RETURNING e.id, e.provider, xmax <> 0 AS again)
       SELECT id, provider FROM queued WHERE again`,
      [
        distinct.map((e) => e.id),
        distinct.map((e) => e.letterId),
        distinct.map((e) => e.leg),
        distinct.map((e) => e.provider),
        distinct.map((e) => e.lane),
        distinct.map((e) => e.payload),
        distinct.map((e) => e.traceparent ?? null),
        distinct.map((e) => e.perhapsDone === true),
        distinct.map((e) => isInHand(e)),
        lagMs,
        leaseMs,
        ...ConsumedOffsets.parameters(batch),
      ],
    );
    for (const { provider } of again) this.onCounted('record-suppressed', provider, 1);
    const known = new Set(again.map(({ id }) => id));
    const intended = distinct.filter((effect) => isInHand(effect) && !known.has(effect.id));
    for (const { provider } of intended) this.onCounted('intended', provider, 1);
    return intended.map(intendedFirst);
  }

  /** Whether its rows came here from another database: by a restore, or a fail-over to a standby. True also for a ledger that was never used. */
  async isMoved(): Promise<boolean> {
    const rows = await this.database.query<unknown[]>(
      `SELECT 1 FROM ledger_database WHERE identity = ${DATABASE_IDENTITY}`,
    );
    return rows.length === 0;
  }

  /**
   * After the database was restored: what waits, or was in hand when the backup was taken, may have been done since. It is settled first, after
   * `lagMs`. What is in hand may be on its way just now, from another instance: it is not asked about before its lease is over. Returns how many.
   *
   * In parts, each far within the time that a statement may take, however long the queue. The ledger knows its database when all of it is doubted: whoever
   * was interrupted begins again.
   */
  async doubtAll(lagMs: number): Promise<number> {
    let count = 0;
    // a restored database has no statistics: without them each part would read and sort the whole queue
    await this.database.query('ANALYZE (SKIP_LOCKED) effect');
    // in this order: what another instance claims meanwhile is found in hand
    for (const some of [SOME_QUEUED, SOME_INTENDED])
      for (let part = DOUBTED_AT_ONCE; part === DOUBTED_AT_ONCE; count += part) part = await this.doubt(some, lagMs);
    await this.database.query(
      `INSERT INTO ledger_database (identity) SELECT ${DATABASE_IDENTITY}
       ON CONFLICT (one) DO UPDATE SET identity = excluded.identity`,
    );
    return count;
  }

  /**
   * Operators have these sent again from the dead letters: what was given up, and only that, has all its attempts before it. FAILED is never
   * uncertain, and the id stays, by which the provider would know a second one; but where the record was handled before a restore, it was perhaps
   * done since it was given up, and is asked for after `lagMs`. Returns the ids of those that wait anew.
   */
  async reopen(
    effects: readonly Pick<NewEffect, 'id' | 'payload' | 'perhapsDone'>[],
    lagMs: number,
  ): Promise<ReadonlySet<string>> {
    const [rows] = await this.database.query<[{ id: string }[], number]>(
      `UPDATE effect AS e SET payload = x.payload, attempts = 0, settled = false, settled_how = NULL, operator_note = NULL, questions = 0,
         state = CASE WHEN x.perhaps_done THEN 'UNCERTAIN' ELSE 'QUEUED' END,
         reason = CASE WHEN x.perhaps_done THEN 'restored' END,
         not_before = now() + CASE WHEN x.perhaps_done THEN $4::int ELSE 0 END * interval '1 millisecond',
         done_at = NULL, published_at = NULL, fence = e.fence + 1
       FROM unnest($1::uuid[], $2::bytea[], $3::boolean[]) AS x(id, payload, perhaps_done)
       WHERE e.id = x.id AND e.state = 'FAILED' RETURNING e.id`,
      [
        effects.map(({ id }) => id),
        effects.map(({ payload }) => payload),
        effects.map(({ perhapsDone }) => perhapsDone === true),
        lagMs,
      ],
    );
    return new Set(rows.map(({ id }) => id));
  }

  /**
   * Takes up to so many rows of each provider and commits the intention, oldest first. Other workers skip them. `most`: of which senders no more than so many
   * for each provider, or none, may be taken; those of others never stand behind them.
   */
  async claim(
    rooms: ReadonlyMap<string, number>,
    leaseMs: number,
    most: ReadonlyMap<string, number> = new Map(),
  ): Promise<Effect[]> {
    const limited = most.size === 0 ? [] : [[...most.keys()], [...most.values()]];
    const claimed = updated(
      await this.database.query(
        `UPDATE effect SET state = 'INTENDED', attempts = attempts + 1, fence = fence + 1, lease_until = now() + $3 * interval '1 millisecond'
         WHERE id = ANY(ARRAY(SELECT due.id FROM unnest($1::text[], $2::int[]) AS lane(provider, room)
           CROSS JOIN LATERAL (${most.size === 0 ? OLDEST : OLDEST_BY_SENDER}) AS due))
         RETURNING ${COLUMNS}`,
        [[...rooms.keys()], [...rooms.values()], leaseMs, ...limited],
      ),
    );
    for (const { provider } of claimed) this.onCounted('intended', provider, 1);
    return claimed;
  }

  /** Whoever holds these has not begun yet, and holds them for so long from now on. Returns the ids of those that nobody has taken over meanwhile. */
  async renew(held: readonly Pick<Effect, 'id' | 'fence'>[], leaseMs: number): Promise<ReadonlySet<string>> {
    const [rows] = await this.database.query<[{ id: string }[], number]>(
      `UPDATE effect AS e SET lease_until = now() + $3 * interval '1 millisecond' FROM unnest($1::uuid[], $2::int[]) AS held(id, fence)
       WHERE e.id = held.id AND e.fence = held.fence AND e.state = 'INTENDED' RETURNING e.id`,
      [held.map(({ id }) => id), held.map(({ fence }) => fence), leaseMs],
    );
    return new Set(rows.map(({ id }) => id));
  }

  /** Takes rows whose outcome is unclear, parked ones too, and those whose lease ran out: whoever held them is gone. */
  async claimUncertain(most: number, leaseMs: number, lagMs: number): Promise<Effect[]> {
    return updated(
      await this.database.query(
        `WITH ran_out AS (
           UPDATE effect SET state = 'UNCERTAIN', fence = fence + 1, reason = 'lease-ran-out', not_before = now() + $3 * interval '1 millisecond'
           WHERE state = 'INTENDED' AND lease_until < now())
         UPDATE effect SET fence = fence + 1, not_before = now() + $2 * interval '1 millisecond'
         WHERE id IN (SELECT id FROM effect WHERE state IN ('UNCERTAIN', 'PARKED') AND not_before <= now() ORDER BY not_before LIMIT $1 FOR UPDATE SKIP LOCKED)
         RETURNING ${COLUMNS}`,
        [most, leaseMs, lagMs],
      ),
    );
  }

  /** One statement for many. A row that was taken over meanwhile keeps its newer truth. Returns those that have come to an end now. */
  async record(outcomes: readonly EffectOutcome[]): Promise<Effect[]> {
    if (outcomes.length === 0) return [];
    const rows = updated(
      await this.database.query(
        `UPDATE effect AS e SET state = o.state, reason = o.reason, lease_until = NULL,
         settled = e.settled OR o.settled IS NOT NULL, settled_how = coalesce(o.settled, e.settled_how),
         questions = CASE WHEN o.asked THEN e.questions + 1 ELSE 0 END,
         attempts = e.attempts - CASE WHEN o.free THEN 1 ELSE 0 END,
         not_before = now() + o.wait_ms * interval '1 millisecond',
         done_at = CASE WHEN o.state IN ('HANDED_OVER', 'REFUSED', 'FAILED') THEN now() END
       FROM unnest($1::uuid[], $2::int[], $3::text[], $4::text[], $5::int[], $6::text[], $7::boolean[], $8::boolean[])
         AS o(id, fence, state, reason, wait_ms, settled, free, asked)
       WHERE e.id = o.id AND e.fence = o.fence AND e.state IN ('INTENDED', 'UNCERTAIN', 'PARKED')
       RETURNING ${COLUMNS.replace(/\w+/g, 'e.$&')}`,
        [
          outcomes.map((o) => o.id),
          outcomes.map((o) => o.fence),
          outcomes.map((o) => o.state),
          outcomes.map((o) => o.reason),
          outcomes.map((o) => Math.round(o.waitMs)),
          outcomes.map((o) => o.settled),
          outcomes.map((o) => o.free),
          outcomes.map((o) => o.asked),
        ],
      ),
    );
    this.count(outcomes, rows);
    return rows.filter(({ doneAt }) => doneAt !== null);
  }

  /** Ends that a crash left unpublished, found by status: younger ones are in somebody's hands. */
  async unpublished(most: number, olderThanMs: number): Promise<Effect[]> {
    const rows: Row[] = await this.database.query(
      `SELECT ${COLUMNS} FROM effect
       WHERE done_at < now() - $2 * interval '1 millisecond' AND published_at IS NULL ORDER BY done_at LIMIT $1`,
      [most, olderThanMs],
    );
    return rows.map(effectOf);
  }

  async markPublished(ids: readonly string[]): Promise<void> {
    if (ids.length > 0)
      await this.database.query('UPDATE effect SET published_at = now() WHERE id = ANY($1::uuid[])', [ids]);
  }

  /** Somebody outside has said something about these: they need not be asked about. Returns the traces they belong to, by id. */
  async markAnswered(ids: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const [rows] = await this.database.query<[{ id: string; traceparent: string | null }[], number]>(
      `UPDATE effect SET answered_at = now() WHERE id = ANY($1::uuid[]) RETURNING id, traceparent`,
      [[...ids].sort()],
    );
    return new Map(rows.flatMap(({ id, traceparent }) => (traceparent === null ? [] : [[id, traceparent] as const])));
  }

  /** Handed over, and nobody has said a word about it since: taken for asking, at most once in `everyMs`. */
  async claimUnanswered(most: number, silentForMs: number, everyMs: number): Promise<Effect[]> {
    return updated(
      await this.database.query(
        `UPDATE effect SET checked_at = now()
         WHERE id IN (SELECT id FROM effect
                      WHERE state = 'HANDED_OVER' AND answered_at IS NULL AND done_at < now() - $2 * interval '1 millisecond'
                        AND (checked_at IS NULL OR checked_at < now() - $3 * interval '1 millisecond')
                      ORDER BY done_at LIMIT $1 FOR UPDATE SKIP LOCKED)
         RETURNING ${COLUMNS}`,
        [most, silentForMs, everyMs],
      ),
    );
  }

  /** The provider took it and has given it up since. Returns those that were still HANDED_OVER. */
  async takeBack(refused: readonly Pick<EffectOutcome, 'id' | 'reason'>[]): Promise<Effect[]> {
    return updated(
      await this.database.query(
        `UPDATE effect AS e SET state = 'REFUSED', reason = t.reason, settled = true, settled_how = 'provider-refused', done_at = now(), published_at = NULL
         FROM unnest($1::uuid[], $2::text[]) AS t(id, reason) WHERE e.id = t.id AND e.state = 'HANDED_OVER'
         RETURNING ${COLUMNS.replace(/\w+/g, 'e.$&')}`,
        [refused.map(({ id }) => id), refused.map(({ reason }) => reason)],
      ),
    );
  }

  /** Oldest first: whether they were done is not known. Of those in hand only what nobody can hold any more. */
  async unsettled(most: number): Promise<UnsettledEffect[]> {
    return this.database.query(
      `SELECT id, letter_id AS "letterId", leg, provider, lane AS sender, state, reason, attempts, questions, created_at AS since
       FROM effect WHERE state IN ('UNCERTAIN', 'PARKED') OR (state = 'INTENDED' AND lease_until < now())
       ORDER BY created_at LIMIT $1`,
      [most],
    );
  }

  /** How many are unsettled, by provider and state; cheap however many effects there are. */
  async unsettledCounts(): Promise<
    { readonly provider: string; readonly state: EffectState; readonly count: number }[]
  > {
    return this.database.query(
      `SELECT provider, state, count(*)::int AS count FROM effect WHERE state IN ('UNCERTAIN', 'PARKED') GROUP BY provider, state`,
    );
  }

  /**
   * An operator knows what became of an unsettled effect: done, or to be tried again. `note` (nothing personal in it) stays in the row.
   * False when it is not unsettled. What it ended as is published by the service's sweep.
   */
  async settleByHand(id: string, handedOver: boolean, note: string): Promise<boolean> {
    const rows = updated(
      await this.database.query(
        `UPDATE effect SET state = $2, settled = true, settled_how = $3, operator_note = $4, reason = NULL, questions = 0, lease_until = NULL,
           fence = fence + 1, not_before = now(), done_at = CASE WHEN $2 = 'HANDED_OVER' THEN now() END, published_at = NULL
         WHERE id = $1 AND (state IN ('UNCERTAIN', 'PARKED') OR (state = 'INTENDED' AND lease_until < now()))
         RETURNING ${COLUMNS}`,
        [id, handedOver ? 'HANDED_OVER' : 'QUEUED', handedOver ? 'operator-handed-over' : 'operator-not-done', note],
      ),
    );
    return rows.length > 0;
  }

  /** How many effects there are and what became of them, by provider: reads the whole table. */
  async counts(): Promise<EffectCounts[]> {
    const rows: CountRow[] = await this.database.query(
      `SELECT provider, state, settled_how AS "settledHow", count(*)::int AS count, sum(attempts)::int AS intents,
         sum(suppressed)::int AS suppressed
       FROM effect GROUP BY provider, state, settled_how`,
    );
    return countsOf(rows);
  }

  /** One part; returns how many. What changes hands meanwhile is locked first, so that a part is short only when it is the last. */
  private async doubt(some: string, lagMs: number): Promise<number> {
    const [, count] = await this.database.query<[unknown, number]>(
      `UPDATE effect SET state = 'UNCERTAIN', reason = 'restored', fence = fence + 1, lease_until = NULL,
       not_before = greatest(now(), lease_until) + $1 * interval '1 millisecond' WHERE id = ANY(ARRAY(${some}))`,
      [lagMs],
    );
    return count;
  }

  private count(outcomes: readonly EffectOutcome[], rows: readonly Effect[]): void {
    const settled = new Map(outcomes.map((one) => [one.id, one.settled]));
    for (const { id, provider, state } of rows) {
      this.onCounted(COUNTED_AS[state], provider, 1);
      const how = settled.get(id);
      if (how != null) this.onCounted(how, provider, 1);
    }
  }
}
