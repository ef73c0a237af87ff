import { CONSUMED_OFFSET_TABLE } from '@postgang/runtime';
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** `document.letter_id`: the one letter that has taken the upload. `letter.body` is the event as it is published, its personal fields sealed. A look-up by reference needs no index: the id follows from it. */
const TABLES = `
  CREATE TABLE agency (
    orgnr text PRIMARY KEY,
    name text NOT NULL,
    kafka boolean NOT NULL DEFAULT false,
    ingress_key bytea,
    created_at timestamptz NOT NULL DEFAULT now()
  );
  CREATE TABLE delegation (
    agency text NOT NULL REFERENCES agency,
    supplier text NOT NULL,
    PRIMARY KEY (agency, supplier)
  );
  CREATE TABLE letter (
    id uuid PRIMARY KEY,
    sender text NOT NULL,
    reference text NOT NULL,
    content_hash bytea NOT NULL,
    body bytea NOT NULL,
    accepted_at timestamptz NOT NULL DEFAULT now(),
    published_at timestamptz,
    traceparent text
  ) WITH (fillfactor = 80);
  CREATE INDEX letter_unpublished ON letter (accepted_at) WHERE published_at IS NULL;
  CREATE TABLE document (
    agency text NOT NULL,
    id uuid NOT NULL,
    ref text NOT NULL,
    media_type text NOT NULL,
    size bigint NOT NULL,
    sha256 bytea NOT NULL,
    uploaded_at timestamptz NOT NULL DEFAULT now(),
    letter_id uuid,
    PRIMARY KEY (agency, id)
  );
  CREATE INDEX document_letter ON document (letter_id) WHERE letter_id IS NOT NULL;
  CREATE INDEX document_unused ON document (uploaded_at) WHERE letter_id IS NULL;
  ${CONSUMED_OFFSET_TABLE};
`;

export class Initial1763900000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(TABLES);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE delegation, agency, letter, document, consumed_offset');
  }
}
