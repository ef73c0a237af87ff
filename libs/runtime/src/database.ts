import { DependencyDown, PermanentError, TransientError } from '@postgang/outside';
import {
  DataSource,
  type EntityManager,
  type EntityTarget,
  type Logger as TypeOrmLogger,
  type MigrationInterface,
  type ObjectLiteral,
} from 'typeorm';

export interface DatabaseOptions {
  readonly url: string;
  /** The service's own schema; no other service reads it. */
  readonly schema: string;
  readonly pool: number;
  readonly entities: readonly EntityTarget<ObjectLiteral>[];
  readonly migrations: readonly (new () => MigrationInterface)[];
  readonly onStatement: () => void;
}

const STATEMENT_TIMEOUT_MS = 15_000;

/** Opens the schema and brings it up to date. Services starting together wait for each other at an advisory lock. */
export async function openDatabase(options: DatabaseOptions): Promise<DataSource> {
  const source = new DataSource({
    type: 'postgres',
    url: options.url,
    schema: options.schema,
    entities: [...options.entities] as never[],
    migrations: [...options.migrations],
    migrationsTableName: 'migration',
    logging: true,
    logger: countingLogger(options.onStatement),
    extra: {
      max: options.pool,
      connectionTimeoutMillis: 5_000,
      statement_timeout: STATEMENT_TIMEOUT_MS,
      idle_in_transaction_session_timeout: 60_000,
      options: `-c search_path=${options.schema}`,
      application_name: options.schema,
    },
  });
  try {
    await source.initialize();
    await migrate(source, options.schema);
    return source;
  } catch (error) {
    if (source.isInitialized) await source.destroy();
    throw error;
  }
}

/** Advisory lock shared by every service: CREATE SCHEMA and extensions collide otherwise. */
const MIGRATION_LOCK = 0x706f7374;

async function migrate(source: DataSource, schema: string): Promise<void> {
  const runner = source.createQueryRunner();
  try {
    await runner.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
    await runner.query(`CREATE SCHEMA IF NOT EXISTS ${schema}`);
    await source.runMigrations({ transaction: 'each' });
  } finally {
    await runner.query('SELECT pg_advisory_unlock($1)', [MIGRATION_LOCK]);
    await runner.release();
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
  const code = codeOf(error) ?? codeOf((error as { driverError?: unknown } | null)?.driverError) ?? '';
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

function codeOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === 'string' ? code : undefined;
}

export type Manager = Pick<EntityManager, 'query'>;
