import { grantToOperations } from '@postgang/runtime';
import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * How long each provider takes, from what it has answered of late: `expectation.since` is when the state before was reached (null in rows of an
 * older version). The indexes hold what providers owe only, one entry per answer; the last answers of one are read from their ends.
 * Receipts that belong to no leg, believed or not, are few: their indexes hold nothing else.
 */
const UP = `
  ALTER TABLE expectation ADD COLUMN since timestamptz;
  CREATE INDEX expectation_answered ON expectation (owed_by, awaits, met_at) WHERE met_at IS NOT NULL AND owed_by <> 'postgang';
  CREATE INDEX expectation_awaited ON expectation (owed_by, awaits, since) WHERE met_at IS NULL AND owed_by <> 'postgang';
  CREATE INDEX receipt_in_doubt ON receipt (conversation_id) WHERE letter_id IS NULL AND problem IS NOT NULL;
  CREATE INDEX receipt_stray ON receipt (provider, received_at) WHERE letter_id IS NULL AND problem IS NULL;

  CREATE VIEW history_api_v1.awaited AS
    SELECT letter_id, leg, awaits, owed_by, since, due_at, met_at, overdue_at FROM expectation;
  CREATE VIEW history_api_v1.usual_time AS
    WITH RECURSIVE debtor AS (
      (SELECT owed_by, awaits FROM expectation WHERE met_at IS NOT NULL AND owed_by <> 'postgang' ORDER BY owed_by, awaits LIMIT 1)
      UNION ALL
      SELECT next.owed_by, next.awaits FROM debtor CROSS JOIN LATERAL (
        SELECT owed_by, awaits FROM expectation
        WHERE met_at IS NOT NULL AND owed_by <> 'postgang' AND (owed_by, awaits) > (debtor.owed_by, debtor.awaits)
        ORDER BY owed_by, awaits LIMIT 1) next
    )
    SELECT debtor.owed_by AS provider, debtor.awaits, count(*)::int AS samples, max(met_at) AS newest,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds) AS p50_seconds,
           percentile_cont(0.95) WITHIN GROUP (ORDER BY seconds) AS p95_seconds
    FROM debtor CROSS JOIN LATERAL (
      SELECT met_at, greatest(extract(epoch FROM met_at - since), 0)::float8 AS seconds FROM expectation e
      WHERE e.owed_by = debtor.owed_by AND e.awaits = debtor.awaits AND met_at IS NOT NULL AND e.owed_by <> 'postgang' AND since IS NOT NULL
      ORDER BY met_at DESC LIMIT 200) last
    GROUP BY debtor.owed_by, debtor.awaits;
  CREATE VIEW history_api_v1.receipt_in_doubt AS
    SELECT conversation_id, provider, problem, received_at FROM receipt WHERE letter_id IS NULL;
  GRANT SELECT ON history_api_v1.awaited, history_api_v1.usual_time, history_api_v1.receipt_in_doubt TO postgang_history_reader;
  ${grantToOperations('history_api_v1')}`;

const DOWN = `
  DROP VIEW history_api_v1.awaited, history_api_v1.usual_time, history_api_v1.receipt_in_doubt;
  DROP INDEX expectation_answered, expectation_awaited, receipt_in_doubt, receipt_stray;
  ALTER TABLE expectation DROP COLUMN since`;

export class UsualTimes1765000000003 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(UP);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(DOWN);
  }
}
