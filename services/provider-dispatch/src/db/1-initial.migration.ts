import { CONSUMED_OFFSET_TABLE, EFFECT_TABLE } from '@postgang/runtime';
import type { MigrationInterface, QueryRunner } from 'typeorm';

export class Initial1763900000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(CONSUMED_OFFSET_TABLE);
    await runner.query(EFFECT_TABLE);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE effect, consumed_offset');
  }
}
