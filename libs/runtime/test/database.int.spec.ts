import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DependencyDown } from '@postgang/outside';
import { eventually, freshDatabase, testServers } from '@postgang/testing';
import { TcpProxy } from '@postgang/testing/faults';
import pg from 'pg';
import type { DataSource, MigrationInterface, QueryRunner } from 'typeorm';
import {
  classifyDatabaseError,
  CONSUMED_OFFSET_TABLE,
  HeldDatabase,
  openDatabase,
  transactPatiently,
  type Manager,
} from '../src/index.js';

/** Longer than a statement of a service may take. */
const LONG_SECONDS = 16;

class Long1764000000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SELECT pg_sleep(${LONG_SECONDS})`);
    await runner.query('CREATE TABLE made (n int)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE made');
  }
}

let url: string;
let drop: () => Promise<void>;

beforeAll(async () => {
  const fresh = await freshDatabase();
  url = fresh.url;
  drop = () => fresh.drop();
});
afterAll(() => drop());

const open = (
  schema: string,
  migrations: readonly (new () => MigrationInterface)[] = [],
  more: { url?: string; silenceMs?: number; verify?: HeldDatabase['verify'] } = {},
): Promise<DataSource> =>
  openDatabase({ url, schema, pool: 2, entities: [], migrations, onStatement: () => undefined, ...more });

describe('the database of a service', () => {
  it('is opened by services that start together, also when one of them has to change much first', async () => {
    const sources = await Promise.all([
      open('one', [Long1764000000000]),
      open('one', [Long1764000000000]),
      open('two'),
    ]);
    try {
      expect(await sources[1]?.query('SELECT count(*)::int AS rows FROM made')).toEqual([{ rows: 0 }]);
    } finally {
      await Promise.all(sources.map((source) => source.destroy()));
    }
  }, 90_000);

  it('counts as away when a connection stays and nobody answers on it, and the next statements go on', async () => {
    const proxy = await TcpProxy.start(Number(new URL(url).port));
    const through = new URL(url);
    through.port = String(proxy.port);
    const source = await open('three', [], { url: through.href, silenceMs: 1_000 });
    try {
      await source.query('SELECT 1');
      proxy.halfOpen();
      const failed = await source.query('SELECT 2').catch((error: unknown) => error);
      expect(classifyDatabaseError(failed)).toBeInstanceOf(DependencyDown);
      proxy.heal();
      // whatever the pool still holds of the dead ones must not be given out again
      for (let turn = 0; turn < 4; turn++) expect(await source.query('SELECT 3 AS three')).toEqual([{ three: 3 }]);
    } finally {
      await source.destroy();
      await proxy.stop();
    }
  }, 60_000);

  it('leaves a statement that takes its time alone, as long as it may take it', async () => {
    const source = await open('four', [], { silenceMs: 3_000 });
    try {
      expect(await source.query("SELECT 'done' AS state FROM pg_sleep(1)")).toEqual([{ state: 'done' }]);
    } finally {
      await source.destroy();
    }
  }, 60_000);

  it('is the same one after its server ended every connection', async () => {
    const replaced: Error[] = [];
    const source = await open('five', [], new HeldDatabase((error) => replaced.push(error)));
    try {
      await source.query('CREATE TABLE kept AS SELECT 1 AS n');
      await endConnections(url);
      await eventually('it', () => source.query('SELECT n FROM five.kept').catch(() => undefined));
      expect(replaced).toEqual([]);
    } finally {
      await source.destroy();
    }
  }, 60_000);

  it('gets no statement any more when it was restored from a backup under a running service, which hears of it', async () => {
    const replaced: Error[] = [];
    const original = await freshDatabase();
    const name = new URL(original.url).pathname.slice(1);
    const { verify } = new HeldDatabase((error) => replaced.push(error));
    const source = await open('six', [], { url: original.url, verify });
    try {
      await source.query('CREATE TABLE written (n int)');
      await endConnections(original.url);
      await inServer(
        `CREATE DATABASE ${name}_backup TEMPLATE ${name}`,
        `DROP DATABASE ${name} WITH (FORCE)`,
        `ALTER DATABASE ${name}_backup RENAME TO ${name}`,
      );
      const write = (): Promise<unknown> =>
        source.query('INSERT INTO written VALUES (1)').catch((error: unknown) => error);
      await eventually('it noticed', async () => (await write(), replaced.length > 0) || undefined);
      expect(replaced[0]?.message).toContain('another one than at the start');
      expect(classifyDatabaseError(await write())).toBeInstanceOf(DependencyDown);
      // nor does a connection that is opened beside it
      const beside = transactPatiently(
        { ...{ schema: 'six', entities: [], migrations: [], onStatement: () => undefined }, url: original.url, verify },
        { statementMs: 5_000, signal: new AbortController().signal },
        (manager) => manager.query('INSERT INTO written VALUES (2)'),
      );
      await expect(beside).rejects.toThrow('another one than at the start');
      expect(await inDatabase(original.url, 'SELECT n FROM six.written')).toEqual([]);
    } finally {
      await source.destroy();
      await original.drop();
    }
  }, 60_000);
});

it('a connection that breaks while it is asked which database it leads to breaks nothing else', async () => {
  const held = new HeldDatabase(() => undefined);
  const proxy = await TcpProxy.start(Number(new URL(url).port));
  const through = new URL(url);
  through.port = String(proxy.port);
  const source = await open('nine', [], { url: through.href, verify: held.verify });
  const locker = new pg.Client({ connectionString: url });
  try {
    await source.query(CONSUMED_OFFSET_TABLE);
    await endConnections(url);
    await locker.connect();
    await locker.query('BEGIN; LOCK TABLE nine.consumed_offset');
    const asked = source.query('SELECT 1').catch((error: unknown) => error);
    const asking = "SELECT 1 FROM pg_stat_activity WHERE application_name = 'nine' AND wait_event_type = 'Lock'";
    await eventually('it asks', async () => (await inServer(asking)).length > 0 || undefined);
    proxy.cut();
    expect(classifyDatabaseError(await asked)).toBeInstanceOf(DependencyDown);
    await locker.query('ROLLBACK');
    proxy.heal();
    expect(await source.query('SELECT 1 AS n')).toEqual([{ n: 1 }]);
  } finally {
    await locker.end();
    await source.destroy();
    await proxy.stop();
  }
}, 60_000);

describe('a database that was restored in place', () => {
  it.each(['with its connections cut', 'under connections that go on'])('is found out, %s', async (how) => {
    const replaced: Error[] = [];
    const held = new HeldDatabase((error) => replaced.push(error));
    const schema = how.startsWith('with') ? 'seven' : 'eight';
    const source = await open(schema, [], held);
    try {
      await source.query(CONSUMED_OFFSET_TABLE);
      await source.query("INSERT INTO consumed_offset VALUES ('letter.routed.v1', 0, 500), ('letter.routed.v1', 1, 7)");
      await held.look(source);
      await inDatabase(url, `UPDATE ${schema}.consumed_offset SET next_offset = 499 WHERE partition = 0`);
      if (how.startsWith('with')) {
        await endConnections(url);
        const write = (): Promise<unknown> => source.query('SELECT 1').catch((error: unknown) => error);
        await eventually('it noticed', async () => (await write(), replaced.length > 0) || undefined);
        expect(classifyDatabaseError(await write())).toBeInstanceOf(DependencyDown);
      } else await expect(held.look(source)).rejects.toThrow('another one than at the start');
      expect(replaced[0]?.message).toContain('another one than at the start');
    } finally {
      await source.destroy();
    }
  });
});

describe('a transaction beside the way of letters', () => {
  const transact = <T>(
    statementMs: number,
    work: (manager: Manager) => Promise<T>,
    signal = new AbortController().signal,
  ): Promise<T> =>
    transactPatiently(
      { url, schema: 'beside', entities: [], migrations: [], onStatement: () => undefined },
      { statementMs, signal },
      work,
    );
  const backends = (): Promise<unknown[]> =>
    inDatabase(url, "SELECT 1 FROM pg_stat_activity WHERE application_name = 'beside'");

  it('may be silent for as long as its statements may take, which the server ends', async () => {
    const limits = (manager: Manager): Promise<unknown> =>
      manager.query("SELECT current_setting('statement_timeout') AS limit FROM pg_sleep(1)");
    expect(await transact(1_800_000, limits)).toEqual([{ limit: '30min' }]);
    const failed = await transact(500, limits).catch((error: unknown) => error);
    expect(failed).toMatchObject({ code: '57014' });
    expect(await backends()).toEqual([]);
  });

  it('is given up at once when the service stops, and the server soon works no more', async () => {
    const stop = new AbortController();
    const long = transact(600_000, (manager) => manager.query('SELECT pg_sleep(500)'), stop.signal);
    void long.catch(() => undefined);
    await eventually('it', async () => (await backends()).length > 0 || undefined);
    stop.abort(new Error('the service stops'));
    await expect(long).rejects.toThrow();
    await eventually('its end', async () => (await backends()).length === 0 || undefined, 30_000);
    await expect(transact(1_000, () => Promise.resolve(), stop.signal)).rejects.toThrow('the service stops');
  }, 60_000);
});

async function inDatabase(at: string, ...statements: readonly string[]): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: at });
  await client.connect();
  try {
    let rows: unknown[] = [];
    for (const statement of statements) ({ rows } = await client.query<Record<string, unknown>>(statement));
    return rows;
  } finally {
    await client.end();
  }
}

const inServer = (...statements: readonly string[]): Promise<unknown[]> =>
  inDatabase(testServers().postgres, ...statements);

/** As a server does that is started again. */
const endConnections = (at: string): Promise<unknown[]> =>
  inServer(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${new URL(at).pathname.slice(1)}' AND pid <> pg_backend_pid()`,
  );
