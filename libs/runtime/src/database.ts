import { DependencyDown, PermanentError, TransientError } from '@postgang/outside';
import { Socket } from 'node:net';
import type {
  DataSource,
  DataSourceOptions,
  EntityManager,
  EntityTarget,
  Logger as TypeOrmLogger,
  MigrationInterface,
  ObjectLiteral,
} from 'typeorm';
import type { Verify } from './database-identity.js';

export interface DatabaseOptions {
  readonly url: string;
  /** The service's own schema; no other service reads it. */
  readonly schema: string;
  readonly pool: number;
  readonly entities: readonly EntityTarget<ObjectLiteral>[];
  readonly migrations: readonly (new () => MigrationInterface)[];
  readonly onStatement: () => void;
  /** Looks at every new connection; one for all that is opened of a database (`HeldDatabase`). Without it nobody looks. */
  readonly verify?: Verify;
  /** A connection on which nothing comes or goes for so long is given up, milliseconds. Longer than any statement may take. */
  readonly silenceMs?: number;
}

const STATEMENT_TIMEOUT_MS = 15_000;
const SILENCE_MS = 20_000;
/** For an index on millions of rows, and for those who wait meanwhile. */
const MIGRATION_TIMEOUT_MS = 1_800_000;
/** A client that vanished without a word is noticed in a minute, and what it had locked is free: the system's own default is two hours. */
const KEEPALIVE = '-c tcp_keepalives_idle=30 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=3';

/** A server that works for minutes does not read, and would not notice that nobody waits for it any more. */
const CLIENT_CHECK_MS = 10_000;

/** Opens the schema and brings it up to date. Services starting together wait for each other at an advisory lock. */
export async function openDatabase(options: DatabaseOptions): Promise<DataSource> {
  await migrate(options);
  return connect(options, {
    max: options.pool,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    stream: () => quittingWhenSilent(options.silenceMs ?? SILENCE_MS),
    ...verifying(options),
  });
}

export interface Patience {
  /** How long a statement may take, milliseconds. */
  readonly statementMs: number;
  /** Ends it at once, whatever is being waited for. */
  readonly signal: AbortSignal;
}

/**
 * One transaction on a connection of its own, for what takes longer than a statement on a letter's way may: while the server works it says nothing, and that
 * silence is not given up. The database has been opened before. When this process dies the server notices while it works, and what was locked is free.
 */
export async function transactPatiently<T>(
  options: Omit<DatabaseOptions, 'pool' | 'silenceMs'>,
  { statementMs, signal }: Patience,
  work: (manager: Manager) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  const source = await connect(options, {
    max: 1,
    statement_timeout: statementMs,
    stream: () => quittingWhenSilent(statementMs + SILENCE_MS, signal),
    options: `${optionsOf(options)} -c client_connection_check_interval=${CLIENT_CHECK_MS}`,
    ...verifying(options),
  });
  try {
    return await source.transaction(work);
  } finally {
    await source.destroy();
  }
}

const verifying = ({ verify }: Pick<DatabaseOptions, 'verify'>): { verify?: Verify } =>
  verify === undefined ? {} : { verify };

const optionsOf = ({ schema }: Pick<DatabaseOptions, 'schema'>): string => `-c search_path=${schema} ${KEEPALIVE}`;

/** Loaded with the first database: its modules are a tenth of the memory of a process that has none. */
async function initialised(options: DataSourceOptions): Promise<DataSource> {
  const typeorm = await import('typeorm');
  return new typeorm.DataSource(options).initialize();
}

const connect = (
  options: Omit<DatabaseOptions, 'pool'>,
  extra: Readonly<Record<string, unknown>>,
): Promise<DataSource> =>
  initialised({
    type: 'postgres',
    url: options.url,
    schema: options.schema,
    entities: [...options.entities] as never[],
    migrations: [...options.migrations],
    migrationsTableName: 'migration',
    logging: true,
    logger: countingLogger(options.onStatement),
    extra: {
      connectionTimeoutMillis: 5_000,
      idle_in_transaction_session_timeout: 60_000,
      options: optionsOf(options),
      application_name: options.schema,
      ...extra,
    },
  });

/**
 * The statement timeout is kept by the server. When a network in between drops the connection without telling anybody, nobody keeps it: a
 * statement would wait for ever, and its partition with it.
 */
function quittingWhenSilent(ms: number, signal?: AbortSignal): Socket {
  const socket = new Socket(signal === undefined ? {} : { signal });
  socket.setTimeout(ms, () =>
    socket.destroy(Object.assign(new Error('the database does not answer'), { code: 'ETIMEDOUT' })),
  );
  return socket;
}

/** For operators' tools: reads the views that services publish, and changes nothing. Rejects after `patienceMs` when PostgreSQL does not answer. */
export function openReader(url: string, patienceMs: number): Promise<DataSource> {
  return initialised({
    type: 'postgres',
    url,
    extra: {
      max: 4,
      connectionTimeoutMillis: patienceMs,
      statement_timeout: STATEMENT_TIMEOUT_MS,
      options: '-c default_transaction_read_only=on',
      application_name: 'postgang',
    },
  });
}

/** Advisory lock shared by every service: CREATE SCHEMA and extensions collide otherwise. */
const MIGRATION_LOCK = 0x706f7374;

/** On connections of its own: the limits of the others would end a long migration, and those who wait for it. */
async function migrate(options: DatabaseOptions): Promise<void> {
  const source = await connect(options, {
    max: 2,
    statement_timeout: MIGRATION_TIMEOUT_MS,
    stream: () => quittingWhenSilent(MIGRATION_TIMEOUT_MS),
  });
  try {
    const runner = source.createQueryRunner();
    await runner.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
    await runner.query(`CREATE SCHEMA IF NOT EXISTS ${options.schema}`);
    await source.runMigrations({ transaction: 'each' });
  } finally {
    // the lock ends with its connection
    await source.destroy();
  }
}

/** TypeORM calls its logger once per statement; we only count, because parameters may be personal. */
function countingLogger(onStatement: () => void): TypeOrmLogger {
  const nothing = (): void => undefined;
  return {
    logQuery: onStatement,
    logQueryError: nothing,
    logQuerySlow: nothing,
    logSchemaBuild: nothing,
    logMigration: nothing,
    log: nothing,
  };
}

const DOWN_STATES = new Set([
  '57P01',
  '57P02',
  '57P03',
  '53300',
  '53400',
  '08000',
  '08003',
  '08006',
  '08001',
  '08004',
  '25006',
]);
const DOWN_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EHOSTUNREACH',
  'EAI_AGAIN',
]);
const TRANSIENT_STATES = new Set(['40001', '40P01', '55P03', '57014']);

/** SQLSTATE and socket errors of PostgreSQL as fates. Anything else comes back as it is, and counts as transient. */
export function classifyDatabaseError(error: unknown): unknown {
  if (error instanceof DependencyDown || error instanceof TransientError || error instanceof PermanentError)
    return error;
  const code = sqlStateOf(error) ?? '';
  if (DOWN_STATES.has(code) || DOWN_CODES.has(code)) return new DependencyDown('postgres', { cause: error });
  if (TRANSIENT_STATES.has(code)) return new TransientError('database conflict', { cause: error });
  const message = error instanceof Error ? error.message : '';
  if (
    /Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error/.test(
      message,
    )
  ) {
    return new DependencyDown('postgres', { cause: error });
  }
  return error;
}

/** SQLSTATE, or the code of a socket's error, of what pg or TypeORM rejects with. */
export const sqlStateOf = (error: unknown): string | undefined =>
  codeOf(error) ?? codeOf((error as { driverError?: unknown } | null | undefined)?.driverError);

function codeOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === 'string' ? code : undefined;
}

export type Manager = Pick<EntityManager, 'query'>;
