import 'reflect-metadata';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { freshDatabase } from '@postgang/testing';
import { Command } from 'commander';
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { parkedCommands } from '../src/parked-commands.js';

const STOPPED = '310000108';
const NOT_STOPPED = '310000027';
const environment = { ...process.env };
let database: Awaited<ReturnType<typeof freshDatabase>>;

beforeAll(async () => {
  database = await freshDatabase();
  process.env['POSTGRES_URL'] = database.url;
});
afterAll(async () => {
  process.env = environment;
  await database.drop();
});

async function postgang(...args: string[]): Promise<string> {
  const program = new Command('postgang').exitOverride();
  parkedCommands(program);
  let out = '';
  const write = jest.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += String(text);
    return true;
  });
  try {
    await program.parseAsync(['parked', ...args], { from: 'user' });
    return out;
  } finally {
    write.mockRestore();
  }
}

describe('postgang parked', () => {
  it('lists nothing where nothing waits, also before the service was ever started', async () => {
    expect(await postgang('list')).toBe('');
  });

  it('lists whose letters wait and why, and releases a stopped agency once', async () => {
    const client = new pg.Client({ connectionString: database.url, options: '-c search_path=register_lookup' });
    await client.connect();
    await client.query('INSERT INTO held_sender (sender) VALUES ($1)', [STOPPED]);
    for (const why of ['too-many-refusals', 'too-many-refusals', 'no-access-to-krr'])
      await client.query(
        "INSERT INTO parked_letter (letter_id, sender, why, event, event_id, attempt) VALUES ($1, $2, $3, '', $1, 0)",
        [randomUUID(), STOPPED, why],
      );
    expect(await postgang('list')).toMatch(
      /^310000108 {2}no-access-to-krr {2}1 letters since \S+Z\n310000108 {2}too-many-refusals {2}2 letters since \S+Z\n$/,
    );
    expect(JSON.parse(await postgang('list', '--json'))).toHaveLength(2);
    await expect(postgang('release', NOT_STOPPED)).rejects.toThrow('is not stopped');
    await postgang('release', STOPPED);
    await expect(postgang('release', STOPPED)).rejects.toThrow('is not stopped');
    const { rows } = await client.query('SELECT sender FROM held_sender WHERE released_until > now()');
    await client.end();
    expect(rows).toEqual([{ sender: STOPPED }]);
  });

  it('says which server it was when there is none', async () => {
    process.env['POSTGRES_URL'] = 'postgres://nobody:secret@127.0.0.1:1/none';
    await expect(postgang('list')).rejects.toThrow(
      /^PostgreSQL at 127\.0\.0\.1:1 \(POSTGRES_URL\) cannot be reached: nobody listens there \(ECONNREFUSED\)$/,
    );
  });
});
