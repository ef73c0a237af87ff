import type { MigrationInterface, QueryRunner } from 'typeorm';

/** A letter's id follows from sender and reference: nobody looks it up by them, and the index kept the first update of every letter from staying in place. */
export class NoReferenceIndex1764000000004 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX letter_reference');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('CREATE INDEX letter_reference ON letter (sender, reference)');
  }
}
