import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DependencyDown } from '@postgang/outside';
import { freshDatabase } from '@postgang/testing';
import { TcpProxy } from '@postgang/testing/faults';
import type { DataSource, MigrationInterface, QueryRunner } from 'typeorm';
import { classifyDatabaseError, openDatabase } from '../src/index.js';

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
  more: { url?: string; silenceMs?: number } = {},
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
});
