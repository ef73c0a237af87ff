import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * `history.recorded_on`: the day in Norway under whose root an entry comes. It is not when the thing happened: a late fact comes under the day that it
 * was written. Rows of before get the day of the migration (a constant default, no rewrite of the table), rows of a version that does not know the
 * column the function's. BRIN: the table only grows, so a day lies together, and an insert pays nothing.
 *
 * `closed_day`: nothing is recorded for that day any more; `day_root`: what was signed; `day_chunk`: its leaves' hashes, to give a letter its path and to
 * find the letter that was altered.
 */
const UP = `
  CREATE TABLE closed_day (
    day date PRIMARY KEY,
    closed_at timestamptz NOT NULL
  );
  CREATE TABLE day_root (
    day date PRIMARY KEY,
    size int NOT NULL,
    root bytea NOT NULL,
    statement text NOT NULL
  );
  CREATE TABLE day_chunk (
    day date NOT NULL,
    number int NOT NULL,
    first_letter uuid NOT NULL,
    root bytea NOT NULL,
    leaves bytea NOT NULL,
    PRIMARY KEY (day, number)
  );
  ALTER TABLE day_chunk ALTER COLUMN leaves SET STORAGE EXTERNAL;

  CREATE FUNCTION recording_day(today date) RETURNS date LANGUAGE sql STABLE AS $$
    SELECT greatest(today, (SELECT max(day) + 1 FROM receipts.closed_day))
  $$;
  ALTER TABLE history ADD COLUMN recorded_on date NOT NULL DEFAULT (now() AT TIME ZONE 'Europe/Oslo')::date;
  ALTER TABLE history ALTER COLUMN recorded_on SET DEFAULT receipts.recording_day((now() AT TIME ZONE 'Europe/Oslo')::date);
  CREATE INDEX history_recorded_on ON history USING brin (recorded_on) WITH (pages_per_range = 32, autosummarize = on);

  CREATE FUNCTION evidence_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';
  END $$;
  CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON closed_day
    FOR EACH STATEMENT EXECUTE FUNCTION evidence_is_append_only();
  CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON day_root
    FOR EACH STATEMENT EXECUTE FUNCTION evidence_is_append_only();
  CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON day_chunk
    FOR EACH STATEMENT EXECUTE FUNCTION evidence_is_append_only();

  CREATE VIEW history_api_v1.recording AS SELECT letter_id, seq, recorded_on FROM history;
  CREATE VIEW history_api_v1.day_root AS SELECT day, size, root, statement FROM day_root;
  CREATE VIEW history_api_v1.day_chunk AS SELECT day, number, first_letter, root, leaves FROM day_chunk;
  GRANT SELECT ON history_api_v1.recording, history_api_v1.day_root, history_api_v1.day_chunk TO postgang_history_reader;
`;

const DOWN = `
  DROP VIEW history_api_v1.recording, history_api_v1.day_root, history_api_v1.day_chunk;
  ALTER TABLE history DROP COLUMN recorded_on;
  DROP FUNCTION recording_day(date);
  DROP TABLE closed_day, day_root, day_chunk;
  DROP FUNCTION evidence_is_append_only();
`;

export class DayRoots1764100000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(UP);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(DOWN);
  }
}
