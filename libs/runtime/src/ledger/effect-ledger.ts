import type { Manager } from '../database.js';
import { ConsumedOffsets } from '../positions.js';
import type { Received } from '../stage.js';

/**
 * The effect ledger: nothing irreversible is done outside without a row that says so beforehand. Life of an effect:
 *
 *   QUEUED → INTENDED ─→ HANDED_OVER | REFUSED                the provider's own word
 *      ↑        ├──────→ QUEUED with a not-before              certainly not done; tried again later
 *      │        └──────→ UNCERTAIN                             no clear answer, or the lease ran out
 *      └─── UNCERTAIN ─→ HANDED_OVER | REFUSED | QUEUED        settled by asking the provider
 *   attempts exhausted → FAILED        HANDED_OVER → REFUSED when the provider gives up afterwards
 *
 * INTENDED is committed before the call, with a lease longer than the call may take and a fencing token: a worker that wakes up late cannot
 * write over what was settled meanwhile. What came of a row is published from the row, then marked.
 */
export const EFFECT_TABLE = `
  CREATE TABLE effect (
    id uuid PRIMARY KEY,
    letter_id uuid NOT NULL,
    leg int NOT NULL,
    provider text NOT NULL,
    lane text NOT NULL,
    payload bytea NOT NULL,
    traceparent text,
    state text NOT NULL DEFAULT 'QUEUED',
    attempts int NOT NULL DEFAULT 0,
    settled boolean NOT NULL DEFAULT false,
    not_before timestamptz NOT NULL DEFAULT now(),
    lease_until timestamptz,
    fence int NOT NULL DEFAULT 0,
    reason text,
    checked_at timestamptz,
    answered_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    done_at timestamptz,
    published_at timestamptz
  );
  CREATE INDEX effect_queued ON effect (provider, not_before) WHERE state = 'QUEUED';
  CREATE INDEX effect_lane ON effect (lane) WHERE state = 'QUEUED';
  CREATE INDEX effect_intended ON effect (lease_until) WHERE state = 'INTENDED';
  CREATE INDEX effect_uncertain ON effect (not_before) WHERE state = 'UNCERTAIN';
  CREATE INDEX effect_unanswered ON effect (done_at) WHERE state = 'HANDED_OVER' AND answered_at IS NULL;
  CREATE INDEX effect_unpublished ON effect (done_at) WHERE done_at IS NOT NULL AND published_at IS NULL`;

export type EffectState = 'QUEUED' | 'INTENDED' | 'HANDED_OVER' | 'REFUSED' | 'UNCERTAIN' | 'FAILED';

export interface NewEffect {
  readonly id: string;
  readonly letterId: string;
  readonly leg: number;
  readonly provider: string;
  /** Whose post waits when it is blocked: the sender. */
  readonly lane: string;
  readonly payload: Buffer;
  readonly traceparent: string | undefined;
}

export interface Effect extends NewEffect {
  readonly state: EffectState;
  readonly attempts: number;
  readonly settled: boolean;
  readonly fence: number;
  readonly reason: string | null;
  readonly doneAt: Date | null;
}

export interface EffectOutcome {
  readonly id: string;
  readonly fence: number;
  readonly state: EffectState;
  readonly reason: string | null;
  /** When the row may be looked at again, in milliseconds from now; for QUEUED and UNCERTAIN. */
  readonly waitMs: number;
  readonly settled: boolean;
  /** The call was never made: the attempt does not count. */
  readonly free: boolean;
}

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
  fence: number;
  reason: string | null;
  done_at: Date | null;
}

const COLUMNS =
  'id, letter_id, leg, provider, lane, payload, traceparent, state, attempts, settled, fence, reason, done_at';
const effectOf = ({ letter_id: letterId, done_at: doneAt, traceparent, ...row }: Row): Effect => ({
  ...row,
  letterId,
  doneAt,
  traceparent: traceparent ?? undefined,
});
/** TypeORM answers UPDATE … RETURNING with rows and their count. */
const updated = (result: unknown): Effect[] => ((result as [Row[], number])[0] ?? []).map(effectOf);

export class EffectLedger {
  constructor(private readonly database: Manager) {}

  /** One statement with the batch's offsets, hence one transaction. An effect that is there already stays as it is. */
  async queue(effects: readonly NewEffect[], batch: readonly Received[]): Promise<void> {
    await this.database.query(
      `WITH offsets AS (${ConsumedOffsets.clause(8)})
       INSERT INTO effect (id, letter_id, leg, provider, lane, payload, traceparent)
       SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::int[], $4::text[], $5::text[], $6::bytea[], $7::text[])
       ON CONFLICT (id) DO NOTHING`,
      [
        effects.map((e) => e.id),
        effects.map((e) => e.letterId),
        effects.map((e) => e.leg),
        effects.map((e) => e.provider),
        effects.map((e) => e.lane),
        effects.map((e) => e.payload),
        effects.map((e) => e.traceparent ?? null),
        ...ConsumedOffsets.parameters(batch),
      ],
    );
  }

  /** Takes up to `most` rows of a provider and commits the intention. Other workers skip them. */
  async claim(provider: string, most: number, leaseMs: number): Promise<Effect[]> {
    return updated(
      await this.database.query(
        `UPDATE effect SET state = 'INTENDED', attempts = attempts + 1, fence = fence + 1, lease_until = now() + $3 * interval '1 millisecond'
         WHERE id IN (SELECT id FROM effect WHERE state = 'QUEUED' AND provider = $1 AND not_before <= now()
                      ORDER BY not_before LIMIT $2 FOR UPDATE SKIP LOCKED)
         RETURNING ${COLUMNS}`,
        [provider, most, leaseMs],
      ),
    );
  }

  /** Nothing of these lanes is tried for so long: one answer tells for all that wait behind it. */
  async hold(lanes: readonly string[], waitMs: number): Promise<void> {
    await this.database.query(
      `UPDATE effect SET not_before = now() + $2 * interval '1 millisecond'
       WHERE state = 'QUEUED' AND lane = ANY($1::text[]) AND not_before < now() + $2 * interval '1 millisecond'`,
      [lanes, waitMs],
    );
  }

  /** Takes rows whose outcome is unclear, and those whose lease ran out: whoever held them is gone. */
  async claimUncertain(most: number, leaseMs: number, lagMs: number): Promise<Effect[]> {
    await this.database.query(
      `UPDATE effect SET state = 'UNCERTAIN', fence = fence + 1, reason = 'lease-ran-out', not_before = now() + $1 * interval '1 millisecond'
       WHERE state = 'INTENDED' AND lease_until < now()`,
      [lagMs],
    );
    return updated(
      await this.database.query(
        `UPDATE effect SET fence = fence + 1, not_before = now() + $2 * interval '1 millisecond'
         WHERE id IN (SELECT id FROM effect WHERE state = 'UNCERTAIN' AND not_before <= now() ORDER BY not_before LIMIT $1 FOR UPDATE SKIP LOCKED)
         RETURNING ${COLUMNS}`,
        [most, leaseMs],
      ),
    );
  }

  /** One statement for many. A row that was taken over meanwhile keeps its newer truth. Returns those that have come to an end now. */
  async record(outcomes: readonly EffectOutcome[]): Promise<Effect[]> {
    if (outcomes.length === 0) return [];
    const rows = updated(
      await this.database.query(
        `UPDATE effect AS e SET state = o.state, reason = o.reason, settled = e.settled OR o.settled, lease_until = NULL,
         attempts = e.attempts - CASE WHEN o.free THEN 1 ELSE 0 END,
         not_before = now() + o.wait_ms * interval '1 millisecond',
         done_at = CASE WHEN o.state IN ('HANDED_OVER', 'REFUSED', 'FAILED') THEN now() END
       FROM unnest($1::uuid[], $2::int[], $3::text[], $4::text[], $5::int[], $6::boolean[], $7::boolean[]) AS o(id, fence, state, reason, wait_ms, settled, free)
       WHERE e.id = o.id AND e.fence = o.fence AND e.state IN ('INTENDED', 'UNCERTAIN')
       RETURNING ${COLUMNS.replace(/\w+/g, 'e.$&')}`,
        [
          outcomes.map((o) => o.id),
          outcomes.map((o) => o.fence),
          outcomes.map((o) => o.state),
          outcomes.map((o) => o.reason),
          outcomes.map((o) => Math.round(o.waitMs)),
          outcomes.map((o) => o.settled),
          outcomes.map((o) => o.free),
        ],
      ),
    );
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
  async takeBack(refused: readonly { readonly id: string; readonly reason: string }[]): Promise<Effect[]> {
    return updated(
      await this.database.query(
        `UPDATE effect AS e SET state = 'REFUSED', reason = t.reason, settled = true, done_at = now(), published_at = NULL
         FROM unnest($1::uuid[], $2::text[]) AS t(id, reason) WHERE e.id = t.id AND e.state = 'HANDED_OVER'
         RETURNING ${COLUMNS.replace(/\w+/g, 'e.$&')}`,
        [refused.map(({ id }) => id), refused.map(({ reason }) => reason)],
      ),
    );
  }

  /** How many effects stand where, for metrics and the closed books. */
  async counts(): Promise<
    readonly { readonly provider: string; readonly state: EffectState; readonly count: number }[]
  > {
    return this.database.query(
      'SELECT provider, state, count(*)::int AS count FROM effect GROUP BY provider, state ORDER BY provider, state',
    );
  }
}
