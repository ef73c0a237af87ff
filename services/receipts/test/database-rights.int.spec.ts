import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { openDatabase } from '@postgang/runtime';
import { freshDatabase, namesIn } from '@postgang/testing';
import pg from 'pg';
import { service } from '../src/index.js';

const READER = `reader_${randomUUID().slice(0, 8)}`;
const VIEWS = [
  'letter',
  'history',
  'receipt',
  'expectation',
  'leg',
  'awaited',
  'usual_time',
  'receipt_in_doubt',
  'recording',
  'day_root',
  'day_chunk',
  'revocation_list',
];
/** What operations look at: receipts that nobody may believe, and how far all was read. */
const FOR_OPERATIONS = ['consumed_offset', 'counted_receipt', 'provider_pull', 'receipt_set_aside'];
const INSUFFICIENT_PRIVILEGE = '42501';

let close: (() => Promise<unknown>)[] = [];
let owner: pg.Client;
let reader: pg.Client;

beforeAll(async () => {
  const fresh = await freshDatabase();
  close.push(() => fresh.drop());
  const { migrations } = service.database as NonNullable<typeof service.database>;
  const onStatement = (): void => undefined;
  const source = await openDatabase({
    ...{ url: fresh.url, schema: 'receipts', pool: 2, entities: [] },
    ...{ migrations, onStatement },
  });
  close.push(() => source.destroy());
  owner = new pg.Client({ connectionString: fresh.url });
  await owner.connect();
  close.push(async () => {
    await owner.query(`DROP ROLE ${READER}`);
    await owner.end();
  });
  await owner.query(`CREATE ROLE ${READER} LOGIN IN ROLE postgang_history_reader`);
  const url = new URL(fresh.url);
  url.username = READER;
  reader = new pg.Client({ connectionString: url.href });
  await reader.connect();
  close.push(() => reader.end());
}, 60_000);

afterAll(async () => {
  for (const one of close.reverse()) await one();
  close = [];
});

describe('who may only read the views', () => {
  it.each(VIEWS)('reads history_api_v1.%s and cannot write through it', async (view) => {
    await expect(reader.query(`SELECT * FROM history_api_v1.${view}`)).resolves.toMatchObject({ rows: [] });
    await expect(reader.query(`DELETE FROM history_api_v1.${view}`)).rejects.toMatchObject({
      code: expect.stringMatching(/42501|55000/),
    });
  });

  it.each(FOR_OPERATIONS)('does not read history_api_v1.%s, which is for operations', async (view) => {
    await expect(reader.query(`SELECT * FROM history_api_v1.${view}`)).rejects.toMatchObject({
      code: INSUFFICIENT_PRIVILEGE,
    });
  });

  it('is told of every view whether it reads it', async () => {
    expect(await namesIn(owner, 'history_api_v1', 'v')).toEqual([...VIEWS, ...FOR_OPERATIONS].sort());
  });

  it('reads no table', async () => {
    const tables = await namesIn(owner, 'receipts', 'r');
    expect(tables).toContain('receipt_chain');
    for (const table of tables)
      await expect(reader.query(`SELECT FROM receipts.${table}`)).rejects.toMatchObject({
        code: INSUFFICIENT_PRIVILEGE,
      });
  });
});

describe('the history table', () => {
  const letter = randomUUID();

  it('takes entries and gives none up, not even to its owner', async () => {
    await owner.query(
      `INSERT INTO receipts.history (letter_id, seq, at, kind, event_id, data, hash) VALUES ($1, 1, now(), 'x', 'e', '', '')`,
      [letter],
    );
    for (const statement of [
      "UPDATE receipts.history SET kind = 'y'",
      'DELETE FROM receipts.history',
      'TRUNCATE receipts.history',
      "INSERT INTO receipts.history SELECT * FROM receipts.history ON CONFLICT (letter_id, seq) DO UPDATE SET kind = 'y'",
    ])
      await expect(owner.query(statement)).rejects.toThrow('history is append-only');
    const { rows } = await owner.query('SELECT kind FROM receipts.history WHERE letter_id = $1', [letter]);
    expect(rows).toEqual([{ kind: 'x' }]);
  });

  it('is kept from changes by those who hold the views as well', async () => {
    await expect(reader.query("UPDATE history_api_v1.history SET kind = 'y'")).rejects.toMatchObject({
      code: INSUFFICIENT_PRIVILEGE,
    });
  });
});

describe('the migrations, one by one', () => {
  it('can be undone down to nothing and done again', async () => {
    const { migrations } = service.database as NonNullable<typeof service.database>;
    const fresh = await freshDatabase();
    close.push(() => fresh.drop());
    const onStatement = (): void => undefined;
    const source = await openDatabase({
      ...{ url: fresh.url, schema: 'receipts', pool: 2, entities: [] },
      ...{ migrations, onStatement },
    });
    close.push(() => source.destroy());
    for (let undone = 0; undone < migrations.length; undone++) await source.undoLastMigration({ transaction: 'each' });
    const tables = await source.query<{ relname: string }[]>(
      "SELECT relname FROM pg_class WHERE relnamespace = 'receipts'::regnamespace AND relkind = 'r'",
    );
    expect(tables).toEqual([{ relname: 'migration' }]);
    await expect(source.runMigrations({ transaction: 'each' })).resolves.toHaveLength(migrations.length);
  });
});
