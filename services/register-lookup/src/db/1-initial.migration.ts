import { CONSUMED_OFFSET_TABLE } from '@postgang/runtime';
import type { MigrationInterface, QueryRunner } from 'typeorm';

export class Initial1763900000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(CONSUMED_OFFSET_TABLE);
    // `event` is the encoded letter.routed or letter.refused: what was decided once is what is published, however often
    await runner.query(`
      CREATE TABLE route (
        letter_id uuid NOT NULL,
        leg int NOT NULL,
        routed boolean NOT NULL,
        rule text NOT NULL,
        event bytea NOT NULL,
        decided_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (letter_id, leg)
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE route, consumed_offset');
  }
}
