import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The chain shows that a history was changed; this keeps it from being changed by a slip, also of a superuser's. Per statement, so that it costs
 * an insert nothing. Whoever must erase a history drops the trigger first, on purpose.
 */
const UP = `
  CREATE FUNCTION history_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    RAISE EXCEPTION 'history is append-only: % refused', TG_OP USING ERRCODE = 'restrict_violation';
  END $$;
  CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON history
    FOR EACH STATEMENT EXECUTE FUNCTION history_is_append_only();
`;

export class AppendOnly1764000000001 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(UP);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TRIGGER append_only ON history; DROP FUNCTION history_is_append_only()');
  }
}
