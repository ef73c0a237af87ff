import { grantToOperations, OPERATIONS_READER_ROLE } from '@postgang/runtime';
import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Service messages for operators, in the shape and the words of provider-dispatch's `effect_api_v1`. What this service does not have is null: who
 * the sender is, and whether the end was published (its record is not committed before). A view's columns never change; a new shape is a new
 * version beside it.
 */
const UP = `
  ${OPERATIONS_READER_ROLE};
  CREATE SCHEMA message_api_v1;
  CREATE VIEW message_api_v1.effect AS
    SELECT NULL::uuid AS id, letter_id, leg, 'smtp'::text AS provider, NULL::text AS sender,
           CASE state WHEN 'intended' THEN 'INTENDED' WHEN 'SENT' THEN 'HANDED_OVER' WHEN 'NO_ADDRESS' THEN 'REFUSED' ELSE state END AS state,
           1 AS attempts, false AS settled, reason,
           intended_at AS created_at, intended_at AS not_before, done_at, NULL::timestamptz AS published_at, NULL::timestamptz AS answered_at
    FROM message;
  CREATE VIEW message_api_v1.consumed_offset AS SELECT topic, partition, next_offset FROM consumed_offset;
  ${grantToOperations('message_api_v1')}`;

export class MessageViews1765000000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(UP);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP SCHEMA message_api_v1 CASCADE');
  }
}
