import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Granted to the roles of those who read the views; nobody logs in with it. */
const READER = 'postgang_history_reader';

/** Roles belong to the whole cluster: another database of it may have made this one, or be making it now. */
const UP = `
  DO $$ BEGIN
    CREATE ROLE ${READER} NOLOGIN;
  EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
  END $$;
  GRANT USAGE ON SCHEMA history_api_v1 TO ${READER};
  GRANT SELECT ON ALL TABLES IN SCHEMA history_api_v1 TO ${READER};
`;

/** The role stays: other databases may use it. */
const DOWN = `
  REVOKE ALL ON ALL TABLES IN SCHEMA history_api_v1 FROM ${READER};
  REVOKE ALL ON SCHEMA history_api_v1 FROM ${READER};
`;

export class Readers1764000000002 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(UP);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(DOWN);
  }
}
