import type { Manager } from '../database.js';

/**
 * The effect ledger: nothing irreversible is done outside without a row that says so beforehand. Life of an effect:
 *
 *   QUEUED → INTENDED ─→ HANDED_OVER | REFUSED                the provider's own word
 *      ↑        ├──────→ QUEUED with a not-before              certainly not done; tried again later
 *      │        └──────→ UNCERTAIN                             no clear answer, or the lease ran out
 *      └─── UNCERTAIN ─→ HANDED_OVER | REFUSED | QUEUED        settled by asking the provider
 *   attempts exhausted → FAILED
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
    state text NOT NULL DEFAULT 'QUEUED',
    attempts int NOT NULL DEFAULT 0,
    settled boolean NOT NULL DEFAULT false,
    not_before timestamptz NOT NULL DEFAULT now(),
    lease_until timestamptz,
    fence int NOT NULL DEFAULT 0,
    reason text,
    created_at timestamptz NOT NULL DEFAULT now(),
    done_at timestamptz,
    published_at timestamptz
  );
  CREATE INDEX effect_queued ON effect (not_before) WHERE state = 'QUEUED';
  CREATE INDEX effect_intended ON effect (lease_until) WHERE state = 'INTENDED';
  CREATE INDEX effect_uncertain ON effect (not_before) WHERE state = 'UNCERTAIN';
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
  state: EffectState;
  attempts: number;
  settled: boolean;
  fence: number;
  reason: string | null;
  done_at: Date | null;
}

const COLUMNS = 'id, letter_id, leg, provider, lane, payload, state, attempts, settled, fence, reason, done_at';
const effectOf = ({ letter_id: letterId, done_at: doneAt, ...row }: Row): Effect => ({ ...row, letterId, doneAt });
/** TypeORM answers UPDATE … RETURNING with rows and their count. */
const updated = (result: unknown): Effect[] => ((result as [Row[], number])[0] ?? []).map(effectOf);

export class EffectLedger {
  constructor(private readonly database: Manager) {}

  /** In the transaction of the stage. An effect that is there already stays as it is. */
  static async queue(manager: Manager, effects: readonly NewEffect[]): Promise<void> {
    if (effects.length === 0) return;
    await manager.query(
      `INSERT INTO effect (id, letter_id, leg, provider, lane, payload)
       SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::int[], $4::text[], $5::text[], $6::bytea[])
       ON CONFLICT (id) DO NOTHING`,
      [
        effects.map((e) => e.id),
        effects.map((e) => e.letterId),
        effects.map((e) => e.leg),
        effects.map((e) => e.provider),
        effects.map((e) => e.lane),
        effects.map((e) => e.payload),
      ],
    );
  }

  /** Takes up to `most` rows and commits the intention. Other workers skip them. */
  async claim(most: number, leaseMs: number): Promise<Effect[]> {
    return updated(
      await this.database.query(
        `UPDATE effect SET state = 'INTENDED', attempts = attempts + 1, fence = fence + 1, lease_until = now() + $2 * interval '1 millisecond'
         WHERE id IN (SELECT id FROM effect WHERE state = 'QUEUED' AND not_before <= now() ORDER BY not_before LIMIT $1 FOR UPDATE SKIP LOCKED)
         RETURNING ${COLUMNS}`,
        [most, leaseMs],
      ),
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

  /** One statement for many. A row that was taken over meanwhile keeps its newer truth. */
  async record(outcomes: readonly EffectOutcome[]): Promise<void> {
    if (outcomes.length === 0) return;
    await this.database.query(
      `UPDATE effect AS e SET state = o.state, reason = o.reason, settled = e.settled OR o.settled, lease_until = NULL,
         attempts = e.attempts - CASE WHEN o.free THEN 1 ELSE 0 END,
         not_before = now() + o.wait_ms * interval '1 millisecond',
         done_at = CASE WHEN o.state IN ('HANDED_OVER', 'REFUSED', 'FAILED') THEN now() END
       FROM unnest($1::uuid[], $2::int[], $3::text[], $4::text[], $5::int[], $6::boolean[], $7::boolean[]) AS o(id, fence, state, reason, wait_ms, settled, free)
       WHERE e.id = o.id AND e.fence = o.fence AND e.state IN ('INTENDED', 'UNCERTAIN')`,
      [
        outcomes.map((o) => o.id),
        outcomes.map((o) => o.fence),
        outcomes.map((o) => o.state),
        outcomes.map((o) => o.reason),
        outcomes.map((o) => Math.round(o.waitMs)),
        outcomes.map((o) => o.settled),
        outcomes.map((o) => o.free),
      ],
    );
  }

  /** Ends that are not published yet, found by status: what a crash left is found with the rest. */
  async unpublished(most: number): Promise<Effect[]> {
    const rows: Row[] = await this.database.query(
      `SELECT ${COLUMNS} FROM effect WHERE done_at IS NOT NULL AND published_at IS NULL ORDER BY done_at LIMIT $1`,
      [most],
    );
    return rows.map(effectOf);
  }

  async markPublished(ids: readonly string[]): Promise<void> {
    if (ids.length > 0)
      await this.database.query('UPDATE effect SET published_at = now() WHERE id = ANY($1::uuid[])', [ids]);
  }
}
