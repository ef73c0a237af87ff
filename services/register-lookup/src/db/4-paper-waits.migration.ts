import type { MigrationInterface, QueryRunner } from 'typeorm';

const reasons = (...more: readonly string[]): string => `
  ALTER TABLE parked_letter DROP CONSTRAINT parked_letter_why_check,
    ADD CONSTRAINT parked_letter_why_check
      CHECK (why IN (${['too-many-refusals', 'no-access-to-krr', 'no-access-to-folkeregisteret', ...more].map((why) => `'${why}'`).join(', ')}))`;

/** Letters on paper wait for the register of addresses without those to mailboxes. */
export class PaperWaits1766000000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(reasons('folkeregisteret-away'));
  }

  async down(runner: QueryRunner): Promise<void> {
    // they wait for that register, too, and are given back when it answers
    await runner.query(
      `UPDATE parked_letter SET why = 'no-access-to-folkeregisteret' WHERE why = 'folkeregisteret-away'`,
    );
    await runner.query(reasons());
  }
}
