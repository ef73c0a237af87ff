import { grantToOperations } from '@postgang/runtime';
import type { MigrationInterface, QueryRunner } from 'typeorm';

const ASIDE = 'SELECT event_id, conversation_id, provider, kind, problem, received_at FROM receipt';

/**
 * What counts is matched to a letter. An outside adapter's report is no signed receipt and counts all the same: it stands in no list of what was set
 * aside, and who closes the books finds it with the receipts that count.
 */
const UP = `
  CREATE OR REPLACE VIEW history_api_v1.receipt_set_aside AS ${ASIDE} WHERE letter_id IS NULL;
  CREATE VIEW history_api_v1.counted_receipt AS SELECT event_id, letter_id FROM receipt WHERE letter_id IS NOT NULL;
  ${grantToOperations('history_api_v1')}`;

const DOWN = `
  DROP VIEW history_api_v1.counted_receipt;
  CREATE OR REPLACE VIEW history_api_v1.receipt_set_aside AS ${ASIDE} WHERE NOT (verified AND letter_id IS NOT NULL)`;

export class CountedReceipts1765300000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(UP);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(DOWN);
  }
}
