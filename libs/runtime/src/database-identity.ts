import type { PoolClient } from 'pg';

/**
 * SQL expression (text): which database this is. Another one after a restore from a backup, a recovery to a point in time, or a fail-over to a
 * standby, which may be behind: PostgreSQL's cluster, its timeline, and the database in it. Null on a standby.
 */
export const DATABASE_IDENTITY = `(SELECT CASE WHEN NOT pg_is_in_recovery() THEN concat_ws('/', system_identifier,
  left(pg_walfile_name(pg_current_wal_insert_lsn()), 8), (SELECT oid FROM pg_database WHERE datname = current_database())) END
  FROM pg_control_system())`;

/** As a pool's `verify`: looks at every new connection before it is used. */
export type Verify = (client: PoolClient, done: (error?: Error) => void) => void;

/**
 * Holds pools to the database of the first connection of any of them. One that was restored or replaced under a running service knows nothing of what was done
 * since: `onReplaced` hears of it before any statement goes there, and no connection to it is given out.
 */
export function holdToOneDatabase(onReplaced: (error: Error) => void): Verify {
  let known: string | undefined;
  return (client, done) => {
    client.query<{ identity: string | null }>(`SELECT ${DATABASE_IDENTITY} AS identity`).then(({ rows }) => {
      const identity = rows[0]?.identity ?? undefined;
      known ??= identity;
      if (identity !== undefined && identity === known) return done();
      if (identity === undefined) return done(Object.assign(new Error('the database is a standby'), { code: STANDBY }));
      const replaced = new Error(
        'the database is another one than at the start: restored, or a standby that took over',
      );
      onReplaced(replaced);
      done(Object.assign(replaced, { code: AWAY }));
    }, done);
  };
}

/** SQLSTATE read_only_sql_transaction: what a statement would come to. */
const STANDBY = '25006';
/** SQLSTATE connection_does_not_exist. */
const AWAY = '08003';
