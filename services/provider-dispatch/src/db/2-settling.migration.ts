import { EFFECT_SETTLING, EFFECT_SETTLING_UNDONE } from '@postgang/runtime';
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** How often an uncertain hand-over was asked about, how it was settled, by whom, and how many second records came to nothing. */
export class Settling1764100000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(EFFECT_SETTLING);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(EFFECT_SETTLING_UNDONE);
  }
}
