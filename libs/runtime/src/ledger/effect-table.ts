/** DDL of the ledger's table; its life is described at EffectLedger. Each owning service creates it in its own schema by a migration. */
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

/** DDL of what settling needs, for tables that were made before there was any of it; and its undoing. */
export const EFFECT_SETTLING = `
  ALTER TABLE effect
    ADD COLUMN questions int NOT NULL DEFAULT 0,
    ADD COLUMN settled_how text,
    ADD COLUMN operator_note text,
    ADD COLUMN suppressed int NOT NULL DEFAULT 0;
  CREATE INDEX effect_unsettled ON effect (not_before) WHERE state IN ('UNCERTAIN', 'PARKED');
  DROP INDEX effect_uncertain`;
export const EFFECT_SETTLING_UNDONE = `
  UPDATE effect SET state = 'UNCERTAIN' WHERE state = 'PARKED';
  CREATE INDEX effect_uncertain ON effect (not_before) WHERE state = 'UNCERTAIN';
  DROP INDEX effect_unsettled;
  ALTER TABLE effect DROP COLUMN questions, DROP COLUMN settled_how, DROP COLUMN operator_note, DROP COLUMN suppressed`;

/** DDL of which database the ledger's rows were last looked through for; and its undoing. */
export const LEDGER_DATABASE = `
  CREATE TABLE ledger_database (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    identity text NOT NULL
  )`;
export const LEDGER_DATABASE_UNDONE = 'DROP TABLE ledger_database';

/** DDL of what claiming sender by sender needs; and its undoing. */
export const CLAIMS_BY_SENDER = `
  CREATE INDEX effect_queued_by_sender ON effect (provider, lane, not_before) WHERE state = 'QUEUED';
  DROP INDEX effect_lane`;
export const CLAIMS_BY_SENDER_UNDONE = `
  CREATE INDEX effect_lane ON effect (lane) WHERE state = 'QUEUED';
  DROP INDEX effect_queued_by_sender`;
