import { grantToOperations, OPERATIONS_READER_ROLE } from '@postgang/runtime';
import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What was decided, and which letters wait for a person, for operators. The rule of a refusal stays inside: with it one could tell a protected
 * address from an unknown one. A view's columns never change; a new shape is a new version beside it.
 */
const UP = `
  ${OPERATIONS_READER_ROLE};
  CREATE SCHEMA routing_api_v1;
  CREATE VIEW routing_api_v1.route AS
    SELECT letter_id, leg, routed, CASE WHEN routed THEN rule END AS rule, decided_at FROM route;
  CREATE VIEW routing_api_v1.parked_letter AS SELECT letter_id, sender, why, parked_at FROM parked_letter;
  CREATE VIEW routing_api_v1.consumed_offset AS SELECT topic, partition, next_offset FROM consumed_offset;
  ${grantToOperations('routing_api_v1')}`;

export class RoutingViews1765000000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(UP);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP SCHEMA routing_api_v1 CASCADE');
  }
}
