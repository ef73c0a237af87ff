import type { LetterStatus } from '@postgang/rules';
import pg from 'pg';
import type { Booked, HistoryLine } from './books.js';

interface LetterRow {
  readonly id: string;
  readonly status: LetterStatus;
  readonly seq: string;
  readonly head_hash: Buffer;
  readonly reason: string | null;
}

interface HistoryRow extends Omit<HistoryLine, 'eventId'> {
  readonly letter_id: string;
  readonly event_id: string;
}

interface ExpectationRow {
  readonly letter_id: string;
  readonly awaits: string;
  readonly owed_by: string;
  readonly due_at: Date;
}

/** How many letters are looked at together. */
export const PAGE = 2_000;

/** The published views, as operations read them. */
export class Views {
  private constructor(private readonly client: pg.Client) {}

  static async open(url: string): Promise<Views> {
    const client = new pg.Client({ connectionString: url, statement_timeout: 120_000 });
    client.on('error', () => undefined);
    await client.connect();
    return new Views(client);
  }

  async countByStatus(): Promise<Readonly<Record<string, number>>> {
    const { rows } = await this.client.query<{ status: string; letters: string }>(
      'SELECT status, count(*) AS letters FROM history_api_v1.letter GROUP BY status ORDER BY status',
    );
    return Object.fromEntries(rows.map(({ status, letters }) => [status, Number(letters)]));
  }

  async letters(ids: readonly string[]): Promise<ReadonlyMap<string, Booked>> {
    const letters = await this.client.query<LetterRow>(
      `SELECT id, status, seq, head_hash, coalesce(refused_reason, leg_reason) AS reason
       FROM history_api_v1.letter WHERE id = ANY($1::uuid[])`,
      [ids],
    );
    const history = await this.client.query<HistoryRow>(
      `SELECT letter_id, seq::int AS seq, at, kind, leg::int AS leg, event_id, data, hash
       FROM history_api_v1.history WHERE letter_id = ANY($1::uuid[]) ORDER BY letter_id, seq`,
      [ids],
    );
    const open = await this.client.query<ExpectationRow>(
      `SELECT letter_id, awaits, owed_by, due_at FROM history_api_v1.expectation
       WHERE letter_id = ANY($1::uuid[]) AND met_at IS NULL`,
      [ids],
    );
    const linesOf = Map.groupBy(history.rows, ({ letter_id }) => letter_id);
    const awaited = new Map(open.rows.map((row) => [row.letter_id, row]));
    return new Map(
      letters.rows.map(({ id, status, seq, head_hash, reason }) => {
        const expectation = awaited.get(id);
        const booked: Booked = {
          status,
          seq: Number(seq),
          reason,
          headHash: head_hash,
          history: (linesOf.get(id) ?? []).map(({ event_id, ...line }) => ({ ...line, eventId: event_id })),
          waitsFor:
            expectation === undefined
              ? undefined
              : { awaits: expectation.awaits, owedBy: expectation.owed_by, dueAt: expectation.due_at },
        };
        return [id, booked];
      }),
    );
  }

  close(): Promise<void> {
    return this.client.end();
  }
}
