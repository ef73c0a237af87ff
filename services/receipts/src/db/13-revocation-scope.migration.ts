import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * `revocation_list.scope`: which part of its issuer's certificates a list is about, as it says so itself. The newest of each part are what is known when
 * a process begins. Null in rows of before, and of a version that does not know the column: one part of its own.
 */
export class RevocationScope1765200000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE revocation_list ADD COLUMN scope text');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE revocation_list DROP COLUMN scope');
  }
}
