import { CLAIMS_BY_SENDER, CLAIMS_BY_SENDER_UNDONE } from '@postgang/runtime';
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Past the queue of an agency that waits, however long, without reading it. */
export class ClaimsBySender1767000000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(CLAIMS_BY_SENDER);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(CLAIMS_BY_SENDER_UNDONE);
  }
}
