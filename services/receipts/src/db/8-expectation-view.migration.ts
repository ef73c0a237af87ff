import type { MigrationInterface, QueryRunner } from 'typeorm';

const READER = 'postgang_history_reader';

/**
 * What is still awaited, and which letter a conversation belongs to: for whoever must say what a letter waits for or whether it is late. `owed_by` is
 * `postgang` or the provider; `met_at` null: still awaited; `overdue_at`: when the deadline fired.
 */
const UP = `
  CREATE VIEW history_api_v1.expectation AS
    SELECT letter_id, leg, awaits, owed_by, due_at, met_at, overdue_at FROM expectation;
  CREATE VIEW history_api_v1.leg AS
    SELECT letter_id, n AS leg, conversation_id, channel, provider, state, reason FROM leg;
  GRANT SELECT ON history_api_v1.expectation, history_api_v1.leg TO ${READER};
`;

export class ExpectationView1764000000007 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(UP);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP VIEW history_api_v1.expectation, history_api_v1.leg');
  }
}
