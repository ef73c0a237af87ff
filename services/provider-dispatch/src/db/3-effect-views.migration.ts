import { grantToOperations, OPERATIONS_READER_ROLE } from '@postgang/runtime';
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The effect ledger for operators: without what is handed over. A view's columns never change; a new shape is a new version beside it. */
const UP = `
  ${OPERATIONS_READER_ROLE};
  CREATE SCHEMA effect_api_v1;
  CREATE VIEW effect_api_v1.effect AS
    SELECT id, letter_id, leg, provider, lane AS sender, state, attempts, settled, reason,
           created_at, not_before, done_at, published_at, answered_at
    FROM effect;
  CREATE VIEW effect_api_v1.consumed_offset AS SELECT topic, partition, next_offset FROM consumed_offset;
  ${grantToOperations('effect_api_v1')}`;

export class EffectViews1765000000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(UP);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP SCHEMA effect_api_v1 CASCADE');
  }
}
