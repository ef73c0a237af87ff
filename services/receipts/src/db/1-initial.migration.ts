import { CONSUMED_OFFSET_TABLE } from '@postgang/runtime';
import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * No foreign keys: every row is written in the transaction that holds its letter's lock, and a check per row would cost a look-up each.
 * `fillfactor` leaves room for updates in place: a letter and its leg change five times or so.
 */
const TABLES = `
  CREATE TABLE letter (
    id uuid PRIMARY KEY,
    sender text,
    reference text,
    status text,
    seq int NOT NULL DEFAULT 0,
    head_hash bytea,
    notify bytea,
    notify_leg int,
    refused_reason text,
    refused_detail text
  ) WITH (fillfactor = 60);
  CREATE INDEX letter_reference ON letter (sender, reference);

  CREATE TABLE leg (
    letter_id uuid NOT NULL,
    n int NOT NULL,
    conversation_id uuid NOT NULL UNIQUE,
    channel text,
    provider text,
    provider_organisation text,
    state text NOT NULL,
    reason text,
    detail text,
    PRIMARY KEY (letter_id, n)
  ) WITH (fillfactor = 60);

  CREATE TABLE history (
    letter_id uuid NOT NULL,
    seq int NOT NULL,
    at timestamptz NOT NULL,
    kind text NOT NULL,
    leg int,
    event_id text NOT NULL,
    cause text,
    data bytea NOT NULL,
    hash bytea NOT NULL,
    PRIMARY KEY (letter_id, seq),
    UNIQUE (event_id, kind)
  );
  CREATE INDEX history_cause ON history (cause) WHERE cause IS NOT NULL;

  CREATE TABLE expectation (
    letter_id uuid NOT NULL,
    leg int NOT NULL,
    awaits text NOT NULL,
    owed_by text NOT NULL,
    due_at timestamptz NOT NULL,
    met_at timestamptz,
    PRIMARY KEY (letter_id, leg, awaits)
  ) WITH (fillfactor = 80);
  CREATE INDEX expectation_due ON expectation (due_at) WHERE met_at IS NULL;

  CREATE TABLE receipt (
    event_id text PRIMARY KEY,
    letter_id uuid,
    leg int,
    conversation_id uuid,
    provider text NOT NULL,
    kind text,
    raw text NOT NULL,
    certificates text,
    verified boolean NOT NULL,
    problem text,
    received_at timestamptz NOT NULL
  );
  CREATE INDEX receipt_of_letter ON receipt (letter_id) WHERE letter_id IS NOT NULL;
  CREATE INDEX receipt_waiting ON receipt (conversation_id) WHERE letter_id IS NULL AND problem IS NULL;
  ${CONSUMED_OFFSET_TABLE};
`;

/** What others may read, and nothing else. A view's columns never change; a new shape is a new version beside it. */
const VIEWS = `
  CREATE SCHEMA IF NOT EXISTS history_api_v1;
  CREATE VIEW history_api_v1.letter AS
    SELECT l.id, l.sender, l.reference, l.status, l.seq, l.head_hash, l.refused_reason, l.refused_detail,
           g.n AS leg, g.channel, g.provider, g.reason AS leg_reason, g.detail AS leg_detail
    FROM letter l
    LEFT JOIN LATERAL (SELECT * FROM leg WHERE leg.letter_id = l.id ORDER BY n DESC LIMIT 1) g ON true;
  CREATE VIEW history_api_v1.history AS
    SELECT letter_id, seq, at, kind, leg, event_id, data, hash FROM history;
  CREATE VIEW history_api_v1.receipt AS
    SELECT event_id, letter_id, leg, provider, kind, raw, certificates, received_at
    FROM receipt WHERE verified AND letter_id IS NOT NULL;
`;

export class Initial1763900000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(TABLES);
    await runner.query(VIEWS);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP SCHEMA history_api_v1 CASCADE');
    await runner.query('DROP TABLE letter, leg, history, expectation, receipt, consumed_offset');
  }
}
