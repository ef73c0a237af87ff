import 'reflect-metadata';
import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { freshDatabase } from '@postgang/testing';
import { Command } from 'commander';
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { effectCommands } from '../src/effect-commands.js';

const AGENCY = '310000027';
const environment = { ...process.env };
let database: Awaited<ReturnType<typeof freshDatabase>>;
let client: pg.Client;

beforeAll(async () => {
  database = await freshDatabase();
  process.env['POSTGRES_URL'] = database.url;
});
afterAll(async () => {
  process.env = environment;
  await client.end();
  await database.drop();
});

async function postgang(...args: string[]): Promise<string> {
  const program = new Command('postgang').exitOverride();
  effectCommands(program);
  let out = '';
  const write = jest.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += String(text);
    return true;
  });
  try {
    await program.parseAsync(['effects', ...args], { from: 'user' });
    return out;
  } finally {
    write.mockRestore();
  }
}

async function effect(state: string, more: { suppressed?: number; settledHow?: string } = {}): Promise<string> {
  const id = randomUUID();
  await client.query(
    `INSERT INTO provider_dispatch.effect (id, letter_id, leg, provider, lane, payload, state, attempts, reason, suppressed, settled_how)
     VALUES ($1, $1, 1, 'digipost', $2, '', $3, 1, 'no-answer', $4, $5)`,
    [id, AGENCY, state, more.suppressed ?? 0, more.settledHow ?? null],
  );
  return id;
}

describe('postgang effects', () => {
  it('has nothing to tell before the services were ever started', async () => {
    expect(await postgang('list')).toBe('');
    expect(JSON.parse(await postgang('counts', '--json'))).toEqual({ handOvers: [], messages: [] });
    client = new pg.Client({ connectionString: database.url });
    await client.connect();
  });

  describe('with some in the ledger', () => {
    let parked: string;
    let uncertain: string;
    let done: string;

    beforeEach(async () => {
      await client.query('TRUNCATE provider_dispatch.effect, notification.message');
      parked = await effect('PARKED');
      uncertain = await effect('UNCERTAIN');
      done = await effect('HANDED_OVER', { suppressed: 2, settledHow: 'provider-has-it' });
      await effect('QUEUED');
      await client.query(
        "INSERT INTO notification.message (letter_id, leg, state, suppressed) VALUES ($1, 1, 'SENT', 3)",
        [randomUUID()],
      );
    });

    it('lists those of which nobody knows whether they were done', async () => {
      const lines = (await postgang('list')).trimEnd().split('\n');
      expect(lines).toHaveLength(2);
      expect(lines[0]).toMatch(
        new RegExp(`^${parked}  PARKED  digipost  letter \\S+ leg 1  no-answer  sent 1×, asked 0×`),
      );
      expect(JSON.parse(await postgang('list', '--json'))).toMatchObject([{ sender: AGENCY }, { id: uncertain }]);
    });

    it('counts what was done, what is unsettled, and the doubles that were not', async () => {
      const { handOvers, messages } = JSON.parse(await postgang('counts', '--json')) as {
        handOvers: unknown[];
        messages: unknown[];
      };
      expect(handOvers).toMatchObject([
        {
          ...{ provider: 'digipost', effects: 4, intents: 4, handedOver: 1, parked: 1, uncertain: 1, queued: 1 },
          ...{ recordsSuppressed: 2, doublesPrevented: 3, settled: { 'provider-has-it': 1, 'never-arrived': 0 } },
        },
      ]);
      expect(messages).toEqual([{ state: 'SENT', count: 1, suppressed: 3 }]);
      expect(await postgang('counts')).toContain('digipost  settled: provider-has-it  1\n');
    });

    it.each([
      ['--handed-over', 'HANDED_OVER', 'operator-handed-over'],
      ['--not-done', 'QUEUED', 'operator-not-done'],
    ])('settles a parked one by an operator’s word, once: %s', async (how, state, settledHow) => {
      await postgang('settle', parked, how, '--reason', 'seen in their log');
      const { rows } = await client.query(
        'SELECT state, settled_how, operator_note, published_at FROM provider_dispatch.effect WHERE id = $1',
        [parked],
      );
      expect(rows).toEqual([
        { state, settled_how: settledHow, operator_note: 'seen in their log', published_at: null },
      ]);
      await expect(postgang('settle', parked, how, '--reason', 'again')).rejects.toThrow('no unsettled effect');
    });

    it.each<[string, (ids: { done: string; parked: string }) => string[], string]>([
      ['what is known already', ({ done: id }) => [id, '--not-done', '--reason', 'x'], 'no unsettled effect'],
      ['both at once', ({ parked: id }) => [id, '--not-done', '--handed-over', '--reason', 'x'], 'either'],
      ['neither', ({ parked: id }) => [id, '--reason', 'x'], 'either'],
      ['no id', () => ["x'; DROP TABLE effect", '--not-done', '--reason', 'x'], 'not one of an effect'],
      ['without saying how one knows', ({ parked: id }) => [id, '--not-done', '--reason', ' '], '1 to 200'],
      [
        'with a person in the reason',
        ({ parked: id }) => [id, '--not-done', '--reason', 'asked 01810050019 herself'],
        'looks like a national id',
      ],
    ])('does not settle %s', async (_what, args, message) => {
      await expect(postgang('settle', ...args({ done, parked }))).rejects.toThrow(message);
      const { rows } = await client.query('SELECT 1 FROM provider_dispatch.effect WHERE operator_note IS NOT NULL');
      expect(rows).toEqual([]);
    });
  });

  it('says which server it was when there is none', async () => {
    process.env['POSTGRES_URL'] = 'postgres://nobody:secret@127.0.0.1:1/none';
    await expect(postgang('list')).rejects.toThrow(
      /^PostgreSQL at 127\.0\.0\.1:1 \(POSTGRES_URL\) cannot be reached: nobody listens there \(ECONNREFUSED\)$/,
    );
  });
});
