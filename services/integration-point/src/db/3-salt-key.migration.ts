import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The salts behind a letter's commitments follow from this key, which is sealed in scope `internal`. A column, not a table of its own: a row more for every letter
 * would cost the door more than all else in this. Erased by setting it to null.
 */
export class SaltKey1765100000001 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE letter ADD COLUMN salt_key bytea');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE letter DROP COLUMN salt_key');
  }
}
