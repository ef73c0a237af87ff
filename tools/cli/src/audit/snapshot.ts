import pg from 'pg';

/** Rows as arrays of columns, in the order of the SELECT. */
export type Row = readonly unknown[];

const STATEMENT_TIMEOUT_MS = 600_000;
const CONNECT_TIMEOUT_MS = 10_000;

const TIMESTAMPTZ = 1184;
const ZERO = 48;
/** `2026-11-24 08:00:00.123456+00` */
const PLACES = { year: 0, month: 5, day: 8, hour: 11, minute: 14, second: 17, fraction: 20 };

/** Millions of them are read: PostgreSQL's one form in UTC, by hand. Milliseconds; what is finer is cut off, as Date does. */
export function millisecondsOf(text: string): number {
  if (text.charCodeAt(PLACES.month - 1) !== 45 || !text.endsWith('+00')) return Date.parse(text);
  const two = (at: number): number => (text.charCodeAt(at) - ZERO) * 10 + text.charCodeAt(at + 1) - ZERO;
  let milliseconds = 0;
  // as many digits as there are, none where they would be nought
  for (let digit = 0, worth = 100; digit < 3; digit++, worth /= 10) {
    const value = text.charCodeAt(PLACES.fraction + digit) - ZERO;
    if (!(value >= 0 && value <= 9) || text.charCodeAt(PLACES.fraction - 1) !== 46) break;
    milliseconds += value * worth;
  }
  const seconds = Date.UTC(
    two(0) * 100 + two(2),
    two(PLACES.month) - 1,
    two(PLACES.day),
    two(PLACES.hour),
    two(PLACES.minute),
    two(PLACES.second),
  );
  return seconds + milliseconds;
}

const types = {
  getTypeParser: (oid: number): ((text: string) => unknown) =>
    oid === TIMESTAMPTZ ? millisecondsOf : (pg.types.getTypeParser(oid, 'text') as (text: string) => unknown),
};

/**
 * One moment of the database, seen over two connections so that the server can work on both while we compare. Nothing is written but temporary
 * tables, which end with it.
 */
export class Snapshot {
  private readonly reader: Reader;
  private readonly other: Reader;

  private constructor(
    private readonly first: pg.Client,
    private readonly second: pg.Client,
  ) {
    this.reader = new Reader(first);
    this.other = new Reader(second);
  }

  /** Throws what the driver throws. */
  static async open(url: string): Promise<Snapshot> {
    const [first, second] = [client(url), client(url)];
    try {
      await Promise.all([first.connect(), second.connect()]);
      for (const one of [first, second]) await one.query(`SET TimeZone = 'UTC'; SET work_mem = '64MB'; SET jit = off`);
      await first.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
      const { rows } = await first.query<{ id: string }>('SELECT pg_export_snapshot() AS id');
      await second.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
      await second.query(`SET TRANSACTION SNAPSHOT '${(rows[0] as { id: string }).id}'`);
      return new Snapshot(first, second);
    } catch (error) {
      await Promise.allSettled([first.end(), second.end()]);
      throw error;
    }
  }

  /** Sees the temporary tables, too. */
  query(text: string, values: unknown[] = []): Promise<Row[]> {
    return this.reader.query(text, values);
  }

  /** On the connection that has less to do: it may not see the temporary tables. */
  beside(text: string, values: unknown[] = []): Promise<Row[]> {
    return (this.reader.waiting < this.other.waiting ? this.reader : this.other).query(text, values);
  }

  async close(): Promise<void> {
    await Promise.allSettled([this.first.end(), this.second.end()]);
  }
}

function client(url: string): pg.Client {
  const one = new pg.Client({
    connectionString: url,
    application_name: 'postgang audit',
    statement_timeout: STATEMENT_TIMEOUT_MS,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  });
  // the query that is under way is rejected, too; without a listener the process would end
  one.on('error', () => undefined);
  return one;
}

/** One statement after the other on a connection; those who ask need not wait for each other. */
class Reader {
  /** Statements that were asked and not answered. */
  waiting = 0;
  private last: Promise<unknown> = Promise.resolve();

  constructor(private readonly from: pg.Client) {}

  query(text: string, values: unknown[]): Promise<Row[]> {
    const run = async (): Promise<Row[]> =>
      (await this.from.query<unknown[]>({ text, values, rowMode: 'array', types })).rows;
    this.waiting += 1;
    const result = this.last.then(run).finally(() => (this.waiting -= 1));
    this.last = result.catch(() => undefined);
    return result;
  }
}
