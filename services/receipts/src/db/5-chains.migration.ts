import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The certificates of a receipt are larger than the receipt, and nearly all receipts of a provider have the same: kept once. Receipts stored
 * before keep theirs in `receipt.certificates`. The view stays as it is.
 */
const view = (certificates: string, join: string): string => `
  CREATE OR REPLACE VIEW history_api_v1.receipt AS
    SELECT r.event_id, r.letter_id, r.leg, r.provider, r.kind, r.raw, ${certificates} AS certificates, r.received_at
    FROM receipt r ${join} WHERE r.verified AND r.letter_id IS NOT NULL;
`;

export class Chains1764000000003 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE receipt_chain (id bytea PRIMARY KEY, pem text NOT NULL);
      ALTER TABLE receipt ADD COLUMN chain_id bytea;
      ${view('coalesce(r.certificates, c.pem)', 'LEFT JOIN receipt_chain c ON c.id = r.chain_id')}`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      UPDATE receipt SET certificates = c.pem FROM receipt_chain c WHERE c.id = receipt.chain_id;
      ${view('r.certificates', '')}
      ALTER TABLE receipt DROP COLUMN chain_id;
      DROP TABLE receipt_chain`);
  }
}
