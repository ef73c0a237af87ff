import type { MigrationInterface, QueryRunner } from 'typeorm';

/** How many second records of a message came to nothing. */
export class Restored1764100000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE message ADD COLUMN suppressed int NOT NULL DEFAULT 0');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE message DROP COLUMN suppressed');
  }
}
