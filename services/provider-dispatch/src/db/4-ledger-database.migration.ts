import { LEDGER_DATABASE, LEDGER_DATABASE_UNDONE } from '@postgang/runtime';
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Of a database that was restored after nothing was consumed since the backup, the offsets say nothing. */
export class LedgerDatabase1766000000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(LEDGER_DATABASE);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(LEDGER_DATABASE_UNDONE);
  }
}
