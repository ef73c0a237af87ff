import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Receipts that say they are older than the package are not believed. Of legs stored before, the history tells it (load.ts). */
export class SealedAt1764000000005 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE leg ADD COLUMN sealed_at timestamptz');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE leg DROP COLUMN sealed_at');
  }
}
