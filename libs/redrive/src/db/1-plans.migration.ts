import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * `redrive_record`: what the plan said of each dead letter (frozen: decision, why, late) and what became of it (state, at, outcome). `redriven`: which
 * dead letters have been claimed for sending, by whatever plan, each once. `redrive_step`: who did what with a plan, append-only. `redrive_event`:
 * events for the letters' histories, written with what they tell, published and marked afterwards.
 */
const UP = `
  CREATE TABLE redrive_plan (
    id uuid PRIMARY KEY,
    service text NOT NULL,
    filter jsonb NOT NULL,
    ends jsonb NOT NULL,
    state text NOT NULL CHECK (state IN ('PLANNED', 'RELEASED', 'RUNNING', 'PAUSED', 'DONE', 'CANCELLED')),
    planned_by text NOT NULL,
    planned_at timestamptz NOT NULL,
    release_above int NOT NULL,
    to_send int NOT NULL,
    hash text NOT NULL,
    released_by text,
    CHECK (released_by <> planned_by)
  );
  CREATE INDEX redrive_plan_newest ON redrive_plan (planned_at);

  CREATE TABLE redrive_record (
    plan_id uuid NOT NULL REFERENCES redrive_plan,
    partition int NOT NULL,
    dead_offset bigint NOT NULL,
    digest text NOT NULL,
    record_id uuid NOT NULL,
    redrives int NOT NULL,
    dead_at timestamptz NOT NULL,
    origin_topic text NOT NULL,
    failure text NOT NULL,
    letter_id uuid,
    leg int,
    decision text NOT NULL CHECK (decision IN ('send', 'suppress')),
    why text,
    sealed boolean NOT NULL,
    late boolean NOT NULL,
    state text NOT NULL CHECK (state IN ('PLANNED', 'SENDING', 'SENT', 'SUPPRESSED', 'CANCELLED')),
    outcome text,
    at timestamptz,
    PRIMARY KEY (plan_id, partition, dead_offset)
  );
  CREATE INDEX redrive_record_open ON redrive_record (plan_id, partition, dead_offset) WHERE state IN ('PLANNED', 'SENDING');

  CREATE TABLE redriven (
    service text NOT NULL,
    partition int NOT NULL,
    dead_offset bigint NOT NULL,
    digest text NOT NULL,
    record_id uuid NOT NULL,
    redrives int NOT NULL,
    plan_id uuid NOT NULL REFERENCES redrive_plan,
    claimed_at timestamptz NOT NULL DEFAULT now(),
    sent_at timestamptz,
    PRIMARY KEY (service, partition, dead_offset, digest)
  );
  CREATE INDEX redriven_record ON redriven (service, record_id);

  CREATE TABLE redrive_step (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    plan_id uuid NOT NULL REFERENCES redrive_plan,
    at timestamptz NOT NULL DEFAULT now(),
    by text NOT NULL,
    action text NOT NULL,
    particulars jsonb NOT NULL DEFAULT '{}'
  );
  CREATE INDEX redrive_step_plan ON redrive_step (plan_id, id);
  CREATE FUNCTION redrive_step_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'the audit trail is append-only'; END $$;
  CREATE TRIGGER redrive_step_append_only BEFORE UPDATE OR DELETE ON redrive_step
    FOR EACH ROW EXECUTE FUNCTION redrive_step_is_append_only();
  CREATE TRIGGER redrive_step_not_emptied BEFORE TRUNCATE ON redrive_step
    FOR EACH STATEMENT EXECUTE FUNCTION redrive_step_is_append_only();

  CREATE TABLE redrive_event (
    id uuid PRIMARY KEY,
    letter_id uuid NOT NULL,
    value bytea NOT NULL,
    written_at timestamptz NOT NULL DEFAULT now(),
    published_at timestamptz
  );
  CREATE INDEX redrive_event_unpublished ON redrive_event (written_at) WHERE published_at IS NULL;
`;

export class Plans1765000000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(UP);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE redrive_event, redrive_step, redriven, redrive_record, redrive_plan');
    await runner.query('DROP FUNCTION redrive_step_is_append_only');
  }
}
