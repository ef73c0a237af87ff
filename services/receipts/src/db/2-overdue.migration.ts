import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * `expectation.owed_by` becomes the provider's name, so that what a provider owes is found without looking at what others owe. `overdue_at`: when
 * the deadline fired, once; `published_at`: when that was told to others.
 */
const UP = `
  CREATE TABLE provider_pull (
    provider text PRIMARY KEY,
    pulled_until timestamptz NOT NULL
  );
  ALTER TABLE expectation ADD COLUMN overdue_at timestamptz, ADD COLUMN published_at timestamptz;
  UPDATE expectation SET owed_by = leg.provider FROM leg
    WHERE owed_by = 'provider' AND leg.letter_id = expectation.letter_id AND leg.n = expectation.leg AND leg.provider IS NOT NULL;
  DROP INDEX expectation_due;
  CREATE INDEX expectation_due ON expectation (owed_by, due_at) WHERE met_at IS NULL AND overdue_at IS NULL;
  CREATE INDEX expectation_overdue ON expectation (awaits, owed_by) WHERE met_at IS NULL AND overdue_at IS NOT NULL;
  CREATE INDEX expectation_unpublished ON expectation (overdue_at) WHERE overdue_at IS NOT NULL AND published_at IS NULL;
`;

const DOWN = `
  DROP INDEX expectation_overdue, expectation_unpublished, expectation_due;
  CREATE INDEX expectation_due ON expectation (due_at) WHERE met_at IS NULL;
  ALTER TABLE expectation DROP COLUMN overdue_at, DROP COLUMN published_at;
  UPDATE expectation SET owed_by = 'provider' WHERE owed_by <> 'postgang';
  DROP TABLE provider_pull;
`;

export class Overdue1764000000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(UP);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(DOWN);
  }
}
