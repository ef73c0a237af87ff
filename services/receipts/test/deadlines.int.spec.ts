import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { decode } from '@postgang/pipeline';
import { openDatabase, type Draft } from '@postgang/runtime';
import { eventually, freshDatabase } from '@postgang/testing';
import { savePulls } from '../src/db/pulls.js';
import { save } from '../src/db/save.js';
import { Deadlines } from '../src/expectations/deadlines.js';
import type { Ends } from '../src/expectations/own-position.js';
import { service, verifyHistory, type HistoryEntry } from '../src/index.js';
import type { Fact } from '../src/legs/fact.js';
import { foldLetters } from '../src/legs/fold-letters.js';
import { LetterFacts } from './letter-facts.js';

const HOUR = 3_600_000;
const HANDED_OVER = new Date('2026-11-16T12:00:00Z');
const DUE = new Date('2026-11-17T12:00:00Z');
const after = (date: Date, ms: number): Date => new Date(date.getTime() + ms);

let database: Awaited<ReturnType<typeof openDatabase>>;
let close: (() => Promise<void>)[] = [];
let published: Draft[];
let now: Date;
let reached: boolean;

beforeAll(async () => {
  const fresh = await freshDatabase();
  close.push(() => fresh.drop());
  const { migrations } = service.database as NonNullable<typeof service.database>;
  const statement = (): void => undefined;
  database = await openDatabase({
    ...{ url: fresh.url, schema: 'receipts', pool: 6, entities: [] },
    ...{ migrations, onStatement: statement },
  });
  close.push(() => database.destroy());
}, 60_000);

afterAll(async () => {
  for (const one of close.reverse()) await one();
  close = [];
});

beforeEach(async () => {
  published = [];
  now = after(DUE, HOUR);
  reached = true;
  await database.query('TRUNCATE expectation, provider_pull');
});

const publishing = (drafts: readonly Draft[]): Promise<void> => {
  published.push(...drafts);
  return Promise.resolve();
};
const deadlines = (publish = publishing): Deadlines =>
  new Deadlines(
    database,
    { publish },
    { now: () => now },
    { ends: () => Promise.resolve<Ends>(new Map()), reached: () => Promise.resolve(reached) },
  );

const letterOf = (provider: 'digipost' | 'eboks'): LetterFacts =>
  new LetterFacts('991825827', randomUUID(), 'DIGITAL_MAILBOX', provider, '984661185');

const legFact = (letter: LetterFacts, kind: string, state: 'Routed' | 'HandedOver' | 'Delivered', at: Date): Fact => ({
  ...{ eventId: randomUUID(), letterId: letter.letterId, sender: letter.sender, reference: letter.reference },
  ...{ at, kind, leg: 1 },
  effect: { of: 'leg', state, route: { channel: 'digital', provider: letter.provider, organisation: '984661185' } },
});
const routed = (letter: LetterFacts): Fact => legFact(letter, 'routed', 'Routed', HANDED_OVER);
const handedOver = (letter: LetterFacts): Fact => legFact(letter, 'handed-over', 'HandedOver', HANDED_OVER);
const delivered = (letter: LetterFacts): Fact => legFact(letter, 'leveringskvittering', 'Delivered', now);

async function know(...facts: Fact[]): Promise<void> {
  await database.transaction(async (manager) => {
    const { folded } = await foldLetters(
      manager,
      Map.groupBy(facts, ({ letterId }) => letterId),
    );
    await save(manager, { now: () => now }, folded, []);
  });
}

const asked = (provider: string, until: Date): Promise<void> => savePulls(database.manager, [{ provider, until }]);

async function history(letter: LetterFacts): Promise<HistoryEntry[]> {
  const rows = await database.query<(HistoryEntry & { letter_id: string; event_id: string })[]>(
    'SELECT * FROM history_api_v1.history WHERE letter_id = $1 ORDER BY seq',
    [letter.letterId],
  );
  return rows.map((row) => ({ ...row, letterId: row.letter_id, eventId: row.event_id, cause: row.event_id }));
}
const kinds = async (letter: LetterFacts): Promise<string[]> => (await history(letter)).map(({ kind }) => kind);
const told = (): unknown[] => published.map(({ value }) => decode('letter.status.v1', value));

describe('a deadline', () => {
  it('fires only when it has passed, the provider has been asked since, and all of that has been read', async () => {
    const letter = letterOf('digipost');
    await know(routed(letter), handedOver(letter));
    const timer = deadlines();
    now = after(DUE, -1);
    await asked('digipost', now);
    await timer.turn();
    now = after(DUE, HOUR);
    await timer.turn();
    await asked('digipost', DUE);
    await timer.turn();
    expect(await kinds(letter)).toEqual(['routed', 'handed-over']);
    await asked('digipost', after(DUE, 1));
    reached = false;
    await timer.turn();
    expect(await kinds(letter)).toEqual(['routed', 'handed-over']);
    reached = true;
    await timer.turn();
    const entries = await history(letter);
    expect(entries.map(({ kind }) => kind)).toEqual(['routed', 'handed-over', 'expectation-overdue']);
    expect(JSON.parse(entries[2]?.data.toString() ?? '')).toMatchObject({
      particulars: { awaits: 'Delivered', from: 'digipost', dueAt: DUE.toISOString() },
    });
    expect(verifyHistory(letter.letterId, entries)).toBeUndefined();
  });

  it('changes no status: the sender is told that the provider is late, until it is not', async () => {
    const letter = letterOf('digipost');
    await know(routed(letter), handedOver(letter));
    await asked('digipost', now);
    const timer = deadlines();
    await timer.turn();
    expect(told()).toMatchObject([
      { letterId: letter.letterId, status: 'HANDED_OVER', seq: 3, leg: 1, reason: 'overdue', provider: 'digipost' },
    ]);
    const seen = () =>
      database.query('SELECT status, seq, leg_reason FROM history_api_v1.letter WHERE id = $1', [letter.letterId]);
    expect(await seen()).toEqual([{ status: 'HANDED_OVER', seq: 3, leg_reason: 'overdue' }]);
    expect((await timer.figures()).overdue).toEqual([{ awaits: 'Delivered', from: 'digipost', count: 1 }]);
    await know(delivered(letter));
    expect(await seen()).toEqual([{ status: 'DELIVERED', seq: 4, leg_reason: null }]);
    expect((await timer.figures()).overdue).toEqual([]);
  });

  it('of our own fires without asking any provider, and is no news for the sender', async () => {
    const letter = letterOf('digipost');
    await know(routed(letter));
    const timer = deadlines();
    await timer.turn();
    await timer.turn();
    expect(await kinds(letter)).toEqual(['routed', 'expectation-overdue']);
    expect(published).toEqual([]);
    expect((await timer.figures()).overdue).toEqual([{ awaits: 'Sealed', from: 'postgang', count: 1 }]);
  });

  it('does not count what was fetched after the look at the ends of the topics', async () => {
    const [early, late] = [letterOf('digipost'), letterOf('eboks')];
    await know(routed(early), handedOver(early), routed(late), handedOver(late));
    await asked('digipost', now);
    const timer = deadlines();
    reached = false;
    await timer.turn();
    await asked('eboks', now);
    reached = true;
    await timer.turn();
    expect([await kinds(early), await kinds(late)].map((list) => list.includes('expectation-overdue'))).toEqual([
      true,
      false,
    ]);
    await timer.turn();
    expect(await kinds(late)).toContain('expectation-overdue');
  });

  it('fires once, however many look at it at the same time', async () => {
    const letters = Array.from({ length: 40 }, () => letterOf('digipost'));
    await know(...letters.flatMap((letter) => [routed(letter), handedOver(letter)]));
    await asked('digipost', now);
    await Promise.all(Array.from({ length: 3 }, () => deadlines().turn()));
    for (const letter of letters) {
      const entries = await history(letter);
      expect(entries.filter(({ kind }) => kind === 'expectation-overdue')).toHaveLength(1);
      expect(verifyHistory(letter.letterId, entries)).toBeUndefined();
    }
    expect(new Set(published.map(({ id }) => id)).size).toBe(40);
  });

  it('does not fire when the receipt was being taken in just then', async () => {
    const letter = letterOf('digipost');
    await know(routed(letter), handedOver(letter));
    await asked('digipost', now);
    let turn: Promise<boolean> | undefined;
    await database.transaction(async (manager) => {
      const { folded } = await foldLetters(manager, new Map([[letter.letterId, [delivered(letter)]]]));
      turn = deadlines().turn();
      await eventually('the timer at the lock', async () => {
        const waiting = await database.query<unknown[]>(
          "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()",
        );
        return waiting.length > 0 ? true : undefined;
      });
      await save(manager, { now: () => now }, folded, []);
    });
    await turn;
    expect(await kinds(letter)).toEqual(['routed', 'handed-over', 'leveringskvittering']);
    expect(published).toEqual([]);
  });
});

describe('what a timer has written', () => {
  it('is published after a crash between row and publishing, by whoever comes next', async () => {
    const letter = letterOf('digipost');
    await know(routed(letter), handedOver(letter));
    await asked('digipost', now);
    await expect(deadlines(() => Promise.reject(new Error('killed'))).turn()).rejects.toThrow('killed');
    expect(await kinds(letter)).toContain('expectation-overdue');
    await deadlines().turn();
    expect(told()).toMatchObject([{ letterId: letter.letterId, reason: 'overdue' }]);
    await deadlines().turn();
    expect(published).toHaveLength(1);
  });

  it('is published once more, as the same event, after a crash between publishing and the mark', async () => {
    const letter = letterOf('digipost');
    await know(routed(letter), handedOver(letter));
    await asked('digipost', now);
    const thenKilled = async (drafts: readonly Draft[]): Promise<void> => {
      await publishing(drafts);
      throw new Error('killed');
    };
    await expect(deadlines(thenKilled).turn()).rejects.toThrow('killed');
    await deadlines().turn();
    expect(published).toHaveLength(2);
    expect(published[1]).toEqual(published[0]);
  });
});

describe('a stuck letter', () => {
  const SECOND = 1_000;

  /** Twenty letters and more that the provider answered after one to `count` seconds. */
  async function answered(provider: 'digipost' | 'eboks', count: number): Promise<void> {
    const facts = Array.from({ length: count }, (_, index) => {
      const letter = letterOf(provider);
      const answer = legFact(letter, 'leveringskvittering', 'Delivered', after(HANDED_OVER, (index + 1) * SECOND));
      return [routed(letter), handedOver(letter), answer];
    });
    for (const steps of [0, 1, 2]) await know(...facts.map((three) => three[steps] as Fact));
  }

  it('is one that waits more than twice the p95 of its provider, days before its deadline', async () => {
    await answered('digipost', 40);
    const slow = letterOf('digipost');
    await know(routed(slow), handedOver(slow));
    now = after(HANDED_OVER, 75 * SECOND);
    expect(await deadlines().stuck(0)).toEqual([{ provider: 'digipost', count: 0 }]);
    now = after(HANDED_OVER, 77 * SECOND);
    expect(await deadlines().stuck(0)).toEqual([{ provider: 'digipost', count: 1 }]);
    expect(await deadlines().stuck(5 * 60 * SECOND)).toEqual([{ provider: 'digipost', count: 0 }]);
  });

  it('is not known at a provider that has answered too few times, and another one’s answers say nothing', async () => {
    await answered('eboks', 19);
    await answered('digipost', 30);
    const slow = letterOf('eboks');
    await know(routed(slow), handedOver(slow));
    now = after(HANDED_OVER, HOUR);
    expect(await deadlines().stuck(0)).toEqual([
      { provider: 'digipost', count: 0 },
      { provider: 'eboks', count: 0 },
    ]);
  });

  it('is measured by what the provider took of late, by index', async () => {
    await answered('digipost', 250);
    const [usual] = await database.query<Record<string, unknown>[]>('SELECT * FROM history_api_v1.usual_time');
    expect(usual).toMatchObject({ provider: 'digipost', awaits: 'Delivered', samples: 200, p50_seconds: 150.5 });
    await database.query('SET enable_seqscan = off');
    const plan = await database.query<Record<string, string>[]>('EXPLAIN SELECT * FROM history_api_v1.usual_time');
    await database.query('RESET enable_seqscan');
    const text = plan.map((line) => line['QUERY PLAN']).join('\n');
    expect(text).toContain('expectation_answered');
    expect(text).not.toContain('Seq Scan on expectation');
  });
});
