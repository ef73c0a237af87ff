import { grantToOperations, OPERATIONS_READER_ROLE } from '@postgang/runtime';
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What operators may read of the intake: what was accepted, and how far the topics are read. A view's columns never change; a new shape is a new version beside it. */
const UP = `
  ${OPERATIONS_READER_ROLE};
  CREATE SCHEMA intake_api_v1;
  CREATE VIEW intake_api_v1.letter AS
    SELECT id, sender, reference, accepted_at, published_at FROM letter;
  CREATE VIEW intake_api_v1.consumed_offset AS SELECT topic, partition, next_offset FROM consumed_offset;
  ${grantToOperations('intake_api_v1')}`;

export class IntakeViews1765000000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(UP);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP SCHEMA intake_api_v1 CASCADE');
  }
}
