import { randomBytes } from 'node:crypto';
import pg from 'pg';

export interface TestServers {
  readonly brokers: string[];
  readonly postgres: string;
  readonly redis: string;
}

/** The servers that the run started (global-setup.mjs). */
export function testServers(): TestServers {
  const { POSTGANG_TEST_KAFKA: kafka, POSTGANG_TEST_POSTGRES: postgres, POSTGANG_TEST_REDIS: redis } = process.env;
  if (kafka === undefined || postgres === undefined || redis === undefined)
    throw new Error('the test servers are not running: start specs with `npm test`');
  return { brokers: kafka.split(','), postgres, redis };
}

/** Unique per call: specs that run at the same time never see each other's topics, groups or databases. */
export const uniquePrefix = (): string => `t${randomBytes(4).toString('hex')}.`;

export async function freshDatabase(): Promise<{ url: string; drop(): Promise<void> }> {
  const { postgres } = testServers();
  const name = `test_${randomBytes(6).toString('hex')}`;
  const admin = async (sql: string): Promise<void> => {
    const client = new pg.Client({ connectionString: postgres });
    await client.connect();
    await client.query(sql).finally(() => client.end());
  };
  await admin(`CREATE DATABASE ${name}`);
  const url = new URL(postgres);
  url.pathname = `/${name}`;
  return { url: url.href, drop: () => admin(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`) };
}
