import { grantToOperations } from '@postgang/runtime';
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Every revocation list that receipts were checked against: whoever asks later whether a signer was revoked finds what was known. */
const UP = `
  CREATE TABLE revocation_list (
    id bytea PRIMARY KEY,
    issuer bytea NOT NULL,
    this_update timestamptz NOT NULL,
    next_update timestamptz,
    der bytea NOT NULL
  );
  CREATE INDEX revocation_list_issuer ON revocation_list (issuer, this_update);
  CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON revocation_list
    FOR EACH STATEMENT EXECUTE FUNCTION evidence_is_append_only();
  CREATE VIEW history_api_v1.revocation_list AS SELECT id, issuer, this_update, next_update, der FROM revocation_list;
  GRANT SELECT ON history_api_v1.revocation_list TO postgang_history_reader;
  ${grantToOperations('history_api_v1')}
`;

export class RevocationLists1765100000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(UP);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP VIEW history_api_v1.revocation_list; DROP TABLE revocation_list');
  }
}
