import { CONSUMED_OFFSET_TABLE } from '@postgang/runtime';
import type { MigrationInterface, QueryRunner } from 'typeorm';

export class Initial1763900000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(CONSUMED_OFFSET_TABLE);
    await runner.query(`
      CREATE TABLE message (
        letter_id uuid NOT NULL,
        leg int NOT NULL,
        state text NOT NULL,
        reason text,
        intended_at timestamptz NOT NULL DEFAULT now(),
        done_at timestamptz,
        PRIMARY KEY (letter_id, leg)
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE message, consumed_offset');
  }
}
