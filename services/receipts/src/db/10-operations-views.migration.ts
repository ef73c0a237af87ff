import { grantToOperations, OPERATIONS_READER, OPERATIONS_READER_ROLE } from '@postgang/runtime';
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** All that the closed books are made of, beside what the status API reads: what was set aside, who was asked, and how far all was read. */
const UP = `
  ${OPERATIONS_READER_ROLE};
  CREATE OR REPLACE VIEW history_api_v1.leg AS
    SELECT letter_id, n AS leg, conversation_id, channel, provider, state, reason, detail, sealed_at FROM leg;
  CREATE OR REPLACE VIEW history_api_v1.expectation AS
    SELECT letter_id, leg, awaits, owed_by, due_at, met_at, overdue_at, published_at FROM expectation;
  CREATE VIEW history_api_v1.receipt_set_aside AS
    SELECT event_id, conversation_id, provider, kind, problem, received_at FROM receipt WHERE NOT (verified AND letter_id IS NOT NULL);
  CREATE VIEW history_api_v1.provider_pull AS SELECT provider, pulled_until FROM provider_pull;
  CREATE VIEW history_api_v1.consumed_offset AS SELECT topic, partition, next_offset FROM consumed_offset;
  ${grantToOperations('history_api_v1')}`;

/** A view's columns can be added to in place, but not taken away. */
const DOWN = `
  DROP VIEW history_api_v1.receipt_set_aside, history_api_v1.provider_pull, history_api_v1.consumed_offset,
    history_api_v1.expectation, history_api_v1.leg;
  CREATE VIEW history_api_v1.expectation AS
    SELECT letter_id, leg, awaits, owed_by, due_at, met_at, overdue_at FROM expectation;
  CREATE VIEW history_api_v1.leg AS
    SELECT letter_id, n AS leg, conversation_id, channel, provider, state, reason FROM leg;
  GRANT SELECT ON history_api_v1.expectation, history_api_v1.leg TO postgang_history_reader;
  REVOKE ALL ON ALL TABLES IN SCHEMA history_api_v1 FROM ${OPERATIONS_READER};
  REVOKE ALL ON SCHEMA history_api_v1 FROM ${OPERATIONS_READER}`;

export class OperationsViews1765000000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(UP);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(DOWN);
  }
}
