import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { freshDatabase } from './servers.js';

/** A service's database, opened with its migrations done (TypeORM's DataSource). */
export interface Migrated {
  undoLastMigration(options: { transaction: 'each' }): Promise<unknown>;
  runMigrations(options: { transaction: 'each' }): Promise<unknown[]>;
  destroy(): Promise<void>;
}

export interface Publication {
  /** The service's own schema. */
  readonly schema: string;
  /** The schema of its published views. */
  readonly api: string;
  /** The role that reads them. */
  readonly role: string;
  /** Columns of every view, in order: the contract. Beside these every service publishes how far it has read. */
  readonly views: Readonly<Record<string, readonly string[]>>;
  readonly migrations: number;
  readonly open: (url: string) => Promise<Migrated>;
}

/** Of an effect ledger, whoever keeps it: readers of one read the other as well. */
export const EFFECT_COLUMNS = [
  'id',
  'letter_id',
  'leg',
  'provider',
  'sender',
  'state',
  'attempts',
  'settled',
  'reason',
  'created_at',
  'not_before',
  'done_at',
  'published_at',
  'answered_at',
] as const;
const CONSUMED_OFFSET = { consumed_offset: ['topic', 'partition', 'next_offset'] };

const INSUFFICIENT_PRIVILEGE = '42501';

/** Whoever holds the role reads the views as they are promised, and nothing else; every migration can be undone and done again. */
export function describePublishedViews(publication: Publication): void {
  const { schema, api, role, open } = publication;
  const views: Publication['views'] = { ...publication.views, ...CONSUMED_OFFSET };
  const login = `reader_${randomUUID().slice(0, 8)}`;
  let database: Awaited<ReturnType<typeof freshDatabase>>;
  let migrated: Migrated;
  let owner: pg.Client;
  let reader: pg.Client;

  beforeAll(async () => {
    database = await freshDatabase();
    migrated = await open(database.url);
    owner = new pg.Client({ connectionString: database.url });
    await owner.connect();
    await owner.query(`CREATE ROLE ${login} LOGIN IN ROLE ${role}`);
    const url = new URL(database.url);
    url.username = login;
    reader = new pg.Client({ connectionString: url.href });
    await reader.connect();
  }, 60_000);

  afterAll(async () => {
    await reader.end();
    await owner.query(`DROP ROLE ${login}`);
    await owner.end();
    await migrated.destroy();
    await database.drop();
  });

  describe(`whoever is granted ${role}`, () => {
    it.each(Object.keys(views))(`reads ${api}.%s as it is promised, and cannot write through it`, async (view) => {
      const { fields } = await reader.query(`SELECT * FROM ${api}.${view}`);
      expect(fields.map(({ name }) => name)).toEqual(views[view]);
      await expect(reader.query(`DELETE FROM ${api}.${view}`)).rejects.toMatchObject({
        code: expect.stringMatching(/42501|55000/),
      });
    });

    it(`reads of ${api} what is promised, and nothing else`, async () => {
      expect(await namesIn(owner, api, 'v')).toEqual(Object.keys(views).sort());
    });

    it(`reads no table of ${schema}`, async () => {
      const tables = await namesIn(owner, schema, 'r');
      expect(tables).toEqual(expect.arrayContaining(Object.keys(CONSUMED_OFFSET)));
      for (const table of tables)
        await expect(reader.query(`SELECT FROM ${schema}.${table}`)).rejects.toMatchObject({
          code: INSUFFICIENT_PRIVILEGE,
        });
    });
  });

  it(`${schema}: every migration can be undone down to nothing and done again`, async () => {
    for (let undone = 0; undone < publication.migrations; undone++)
      await migrated.undoLastMigration({ transaction: 'each' });
    const { rows } = await owner.query(
      `SELECT relname FROM pg_class WHERE relkind IN ('r', 'v') AND relnamespace::regnamespace::text IN ($1, $2)`,
      [schema, api],
    );
    expect(rows).toEqual([{ relname: 'migration' }]);
    await expect(migrated.runMigrations({ transaction: 'each' })).resolves.toHaveLength(publication.migrations);
  });
}

/** Its tables (`r`) or views (`v`), in the order of their names. */
export async function namesIn(client: pg.Client, schema: string, kind: 'r' | 'v'): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    'SELECT relname::text AS name FROM pg_class WHERE relnamespace = $1::regnamespace AND relkind = $2',
    [schema, kind],
  );
  return rows.map(({ name }) => name).sort();
}
