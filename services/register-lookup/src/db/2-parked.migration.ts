import type { MigrationInterface, QueryRunner } from 'typeorm';

export class Parked1764000000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    // `event` is the encoded letter.accepted: its personal fields are sealed there
    await runner.query(`
      CREATE TABLE parked_letter (
        letter_id uuid PRIMARY KEY,
        sender text NOT NULL,
        why text NOT NULL CHECK (why IN ('too-many-refusals', 'no-access-to-krr', 'no-access-to-folkeregisteret')),
        event bytea NOT NULL,
        event_id uuid NOT NULL,
        attempt int NOT NULL,
        traceparent text,
        parked_at timestamptz NOT NULL DEFAULT now()
      )`);
    await runner.query('CREATE INDEX parked_letter_by_sender ON parked_letter (why, sender, parked_at)');
    // held while `released_until` is null; until then no share of refusals holds the sender again; after that the row says nothing
    await runner.query(`
      CREATE TABLE held_sender (
        sender text PRIMARY KEY,
        held_at timestamptz NOT NULL DEFAULT now(),
        released_until timestamptz
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE parked_letter, held_sender');
  }
}
