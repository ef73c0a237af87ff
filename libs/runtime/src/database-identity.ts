import type { PoolClient } from 'pg';
import { sqlStateOf, type Manager } from './database.js';

/**
 * SQL expression (text): which database this is. Another one after a restore from a backup, a recovery to a point in time, or a fail-over to a
 * standby, which may be behind: PostgreSQL's cluster, its timeline, and the database in it. Null on a standby.
 */
export const DATABASE_IDENTITY = `(SELECT CASE WHEN NOT pg_is_in_recovery() THEN concat_ws('/', system_identifier,
  left(pg_walfile_name(pg_current_wal_insert_lsn()), 8), (SELECT oid FROM pg_database WHERE datname = current_database())) END
  FROM pg_control_system())`;

/** As a pool's `verify`: looks at every new connection before it is used. */
export type Verify = (client: PoolClient, done: (error?: Error) => void) => void;

/** The places that a service has reached in its topics: they never go back, and no row of them ever goes. */
const PLACES = 'SELECT topic, partition, next_offset FROM consumed_offset';

/** Answers with the rows; of a pool's new connection, or of any. */
type Ask = (sql: string) => Promise<unknown[]>;

/**
 * Holds pools to the database of the first connection of any of them. One that was restored or replaced under a running service knows nothing of what was done
 * since: it is another one by its identity, or, restored in place, stands behind what it once said. `onReplaced` hears of it, and no connection to it is given out.
 */
export class HeldDatabase {
  private identity: string | undefined;
  private places: ReadonlyMap<string, bigint> = new Map();

  constructor(private readonly onReplaced: (error: Error) => void) {}

  readonly verify: Verify = (client, done) => {
    // the pool has let go of it, and nobody else has it yet: what breaks it now would break the process
    const broken = (): void => undefined;
    client.on('error', broken);
    const end = (error?: Error): void => {
      done(error);
      client.removeListener('error', broken);
    };
    this.check(async (sql) => (await client.query<object>(sql)).rows).then(() => end(), end);
  };

  /** Also of connections that outlive a restore; often, for what was never seen is not missed. Where they lead to is known. */
  async look(database: Manager): Promise<void> {
    if (await this.isBehind((sql) => database.query(sql))) throw this.replaced();
  }

  private async check(ask: Ask): Promise<void> {
    const [row] = (await ask(`SELECT ${DATABASE_IDENTITY} AS identity`)) as { identity: string | null }[];
    const identity = row?.identity ?? undefined;
    this.identity ??= identity;
    if (identity === undefined) throw Object.assign(new Error('the database is a standby'), { code: STANDBY });
    if (identity !== this.identity || (await this.isBehind(ask))) throw this.replaced();
  }

  private replaced(): Error {
    const replaced = new Error('the database is another one than at the start: restored, or a standby that took over');
    this.onReplaced(replaced);
    return Object.assign(replaced, { code: AWAY });
  }

  private async isBehind(ask: Ask): Promise<boolean> {
    // what others learn meanwhile says nothing of an answer that was given before
    const known = this.places;
    const said = new Map(
      (await placesIn(ask)).map((row) => [`${row.topic}/${row.partition}`, BigInt(row.next_offset)]),
    );
    for (const [place, next] of known) if ((said.get(place) ?? -1n) < next) return true;
    for (const [place, next] of this.places) if ((said.get(place) ?? -1n) < next) said.set(place, next);
    this.places = said;
    return false;
  }
}

interface PlaceRow {
  readonly topic: string;
  readonly partition: number;
  readonly next_offset: string;
}

async function placesIn(ask: Ask): Promise<readonly PlaceRow[]> {
  try {
    return (await ask(PLACES)) as PlaceRow[];
  } catch (error) {
    if (sqlStateOf(error) === NO_SUCH_TABLE) return [];
    throw error;
  }
}

/** SQLSTATE undefined_table: a service that keeps no places, or not yet. */
const NO_SUCH_TABLE = '42P01';
/** SQLSTATE read_only_sql_transaction: what a statement would come to. */
const STANDBY = '25006';
/** SQLSTATE connection_does_not_exist. */
const AWAY = '08003';
