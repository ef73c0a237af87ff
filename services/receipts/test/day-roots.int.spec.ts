import { randomUUID } from 'node:crypto';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { TestAuthority, type SigningIdentity } from '@postgang/document-package';
import { CHUNK_LEAVES, chunkedPathOf, climb, hashLeaf, leavesOf, rootOf, statementHash } from '@postgang/evidence';
import { systemClock, type Clock } from '@postgang/outside';
import { dayAfter, osloDay } from '@postgang/rules';
import { eventually } from '@postgang/testing';
import type { DayRoots } from '../src/day-roots/day-roots.js';
import { save } from '../src/db/save.js';
import { foldLetters } from '../src/legs/fold-letters.js';
import { DayRootsRig, letters, signed, type RootRow } from './day-roots-rig.js';

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
/** The database may run on another clock than the spec. */
const CLOCK_TICK_MS = 1_000;
const MONDAY = new Date('2026-11-23T12:00:00Z');
const TUESDAY = new Date('2026-11-24T12:00:00Z');
const THURSDAY = new Date('2026-11-26T12:00:00Z');

let rig: DayRootsRig;
let operator: SigningIdentity;

beforeAll(async () => {
  operator = await (await TestAuthority.create()).issue('310000019', 'Operator');
}, 60_000);

// a database for each: what was closed stays closed
beforeEach(async () => {
  rig = await DayRootsRig.start(MONDAY, operator);
}, 60_000);

afterEach(() => rig.close());

const know = (ids: readonly string[], kind?: string): Promise<void> => rig.know(ids, kind);
const roots = (): Promise<RootRow[]> => rig.roots();
const dayRoots = (): DayRoots => rig.dayRoots();
const closeAll = (...workers: DayRoots[]): Promise<void> => rig.closeAll(...workers);

async function headOf(letterId: string, seq: number) {
  const [row] = await rig.database.query<[{ hash: Buffer }]>(
    'SELECT hash FROM history WHERE letter_id = $1 AND seq = $2',
    [letterId, seq],
  );
  return { letterId, seq, head: row.hash };
}

describe('a day that is over', () => {
  it('gets one signed root over the heads of the letters that changed, on top of the day before', async () => {
    const [one, two, three] = letters(3) as [string, string, string];
    await know([one, two]);
    await know([two], 'routed');
    rig.now = TUESDAY;
    await know([three, one], 'sealed');
    rig.now = new Date('2026-11-24T23:14:00Z');
    await closeAll(dayRoots());
    expect((await roots()).map(({ day }) => day)).toEqual(['2026-11-23']);
    rig.now = new Date('2026-11-24T23:15:00Z');
    await closeAll(dayRoots());
    const [monday, tuesday] = (await roots()) as [RootRow, RootRow];
    const mondays = [await headOf(one, 1), await headOf(two, 2)].map(hashLeaf);
    const tuesdays = [await headOf(one, 2), await headOf(three, 1)].map(hashLeaf);
    expect(signed(monday)).toMatchObject({ day: '2026-11-23', size: 2, root: rootOf(mondays).toString('hex') });
    expect(signed(monday).previous).toBeNull();
    expect(signed(tuesday)).toEqual({
      ...{ format: 'postgang-day-root/1', day: '2026-11-24', closedAt: '2026-11-24T23:15:00.000Z', size: 2 },
      ...{ root: rootOf(tuesdays).toString('hex'), previous: statementHash(monday.statement) },
    });
  });

  it('is closed once by any number of processes, and missed days in their order, also those on which nothing happened', async () => {
    await know(letters(3));
    rig.now = THURSDAY;
    await closeAll(dayRoots(), dayRoots(), dayRoots());
    const all = await roots();
    expect(all.map(({ day, size }) => [day, size])).toEqual([
      ['2026-11-23', 3],
      ['2026-11-24', 0],
      ['2026-11-25', 0],
    ]);
    for (const [at, root] of all.entries())
      expect(signed(root).previous).toBe(at === 0 ? null : statementHash((all[at - 1] as RootRow).statement));
    expect(await dayRoots().turn()).toBe(0);
  });

  it('waits for who is still writing, and takes nothing in afterwards', async () => {
    const [slow, late] = letters(2) as [string, string];
    const [monday, tuesday] = [MONDAY, new Date('2026-11-24T00:30:00Z')];
    let turn: Promise<number> | undefined;
    await rig.database.transaction(async (manager) => {
      const { folded } = await foldLetters(
        manager,
        new Map([[slow, [{ eventId: randomUUID(), letterId: slow, at: rig.now, kind: 'accepted' }]]]),
      );
      await know(letters(1));
      rig.now = tuesday;
      turn = dayRoots().turn();
      await eventually('the closing at the lock', async () => {
        const waiting = await rig.database.query<unknown[]>(
          "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted",
        );
        return waiting.length > 0 ? true : undefined;
      });
      await save(manager, { now: () => monday }, folded, []);
    });
    await turn;
    expect(signed((await roots())[0] as RootRow).size).toBe(2);
    // a process whose clock stands still
    rig.now = monday;
    await know([late]);
    rig.now = THURSDAY;
    await closeAll(dayRoots());
    expect((await roots()).map(({ day, size }) => [day, size]).slice(0, 2)).toEqual([
      ['2026-11-23', 2],
      ['2026-11-24', 1],
    ]);
  });

  it('does not hold up the letters behind a writer that hangs', async () => {
    await know(letters(1));
    const hanging = rig.database.createQueryRunner();
    await hanging.startTransaction();
    await rig.write(hanging.manager, letters(1));
    rig.now = TUESDAY;
    await expect(dayRoots().turn()).rejects.toMatchObject({ code: '55P03' });
    await know(letters(1));
    expect(await roots()).toEqual([]);
    await hanging.rollbackTransaction();
    await hanging.release();
    await closeAll(dayRoots());
    expect((await roots()).map(({ day, size }) => [day, size])).toEqual([['2026-11-23', 1]]);
  }, 30_000);

  it('keeps the path of every letter, in chunks, and none of its rows can be changed', async () => {
    const ids = letters(CHUNK_LEAVES + 3);
    await know(ids);
    rig.now = TUESDAY;
    await closeAll(dayRoots());
    const [row] = (await roots()) as [RootRow];
    const chunks = await rig.database.query<{ first_letter: string; root: Buffer; leaves: Buffer }[]>(
      'SELECT first_letter, root, leaves FROM history_api_v1.day_chunk ORDER BY number',
    );
    expect(chunks.map(({ first_letter }) => first_letter)).toEqual([ids[0], ids[CHUNK_LEAVES]]);
    for (const place of [0, 5, CHUNK_LEAVES - 1, CHUNK_LEAVES, CHUNK_LEAVES + 2]) {
      const number = Math.floor(place / CHUNK_LEAVES);
      const leaf = hashLeaf(await headOf(ids[place] as string, 1));
      const steps = chunkedPathOf(
        leavesOf((chunks[number] as { leaves: Buffer }).leaves),
        place % CHUNK_LEAVES,
        chunks.map(({ root }) => root),
        number,
      );
      expect(climb(leaf, place, row.size, steps)).toEqual(row.root);
    }
    for (const table of ['closed_day', 'day_root', 'day_chunk'])
      for (const change of [`DELETE FROM ${table}`, `UPDATE ${table} SET day = day + 1`, `TRUNCATE ${table}`])
        await expect(rig.database.query(change)).rejects.toThrow('is append-only');
  });

  it('gets its root also when sorting its entries takes longer than a connection may be silent', async () => {
    await know(letters(1));
    rig.now = TUESDAY;
    await closeAll(dayRoots());
    await know(letters(3));
    await rig.database.query('ALTER TABLE receipts.history RENAME TO history_rows');
    await rig.database.query(
      'CREATE VIEW receipts.history AS SELECT h.* FROM receipts.history_rows h, (SELECT pg_sleep(2) OFFSET 0) AS slow',
    );
    const database = await rig.opened({ silenceMs: 1_000 });
    try {
      rig.now = new Date(TUESDAY.getTime() + 24 * 60 * MINUTE_MS);
      await closeAll(rig.dayRoots({ database }));
    } finally {
      await database.destroy();
    }
    expect((await roots()).map(({ size }) => size)).toEqual([1, 3]);
  });

  it('that a crash left closed without a root gets its root, with the moment it was closed', async () => {
    await know(letters(2));
    rig.now = new Date(TUESDAY.getTime() + MINUTE_MS);
    await rig.database.query("INSERT INTO closed_day VALUES ('2026-11-23', $1)", [TUESDAY]);
    await closeAll(dayRoots());
    expect(signed((await roots())[0] as RootRow)).toMatchObject({ size: 2, closedAt: TUESDAY.toISOString() });
  });

  it('holds entries that a version without the column writes', async () => {
    const id = randomUUID();
    await rig.database.query(
      `INSERT INTO history (letter_id, seq, at, kind, event_id, data, hash) VALUES ($1, 1, now(), 'accepted', 'e', '', '\\x00')`,
      [id],
    );
    const [row] = await rig.database.query<[{ day: string }]>(
      'SELECT recorded_on::text AS day FROM history_api_v1.recording WHERE letter_id = $1',
      [id],
    );
    expect(row.day).toBe(osloDay(new Date()));
    await rig.database.query('INSERT INTO closed_day VALUES ($1, now())', [dayAfter(row.day, 3)]);
    await rig.database.query(
      `INSERT INTO history (letter_id, seq, at, kind, event_id, data, hash) VALUES ($1, 2, now(), 'routed', 'f', '', '\\x00')`,
      [id],
    );
    const [next] = await rig.database.query<[{ day: string }]>('SELECT max(recorded_on)::text AS day FROM history');
    expect(next.day).toBe(dayAfter(row.day, 4));
  });
});

describe('a day is closed at the later time of the host’s clock and the database’s, so that no genuine receipt of it is signed after that', () => {
  it.each([
    ['half an hour behind', -30 * MINUTE_MS, 0],
    ['half an hour ahead', 30 * MINUTE_MS, 30 * MINUTE_MS],
    ['so far ahead that certificates end meanwhile, of which a day is believed', 3_650 * DAY_MS, DAY_MS],
  ])('of a host that is %s', async (_how, apart, closedAfter) => {
    rig.now = new Date(Date.now() - 2 * DAY_MS);
    await know(letters(1));
    rig.clock = { real: true, now: () => new Date(Date.now() + apart) };
    const before = Date.now();
    await closeAll(dayRoots());
    const [first] = (await roots()).map((row) => Date.parse(signed(row).closedAt) - closedAfter);
    expect(first).toBeGreaterThanOrEqual(before - CLOCK_TICK_MS);
    expect(first).toBeLessThanOrEqual(Date.now() + CLOCK_TICK_MS);
  });
});

describe('a host whose clock is a fortnight ahead for a moment', () => {
  const ahead = (real: boolean): Clock => ({ real, now: () => new Date(Date.now() + 14 * DAY_MS) });
  const recordedOn = async (id: string): Promise<string | undefined> => {
    const [row] = await rig.database.query<{ day: string }[]>(
      'SELECT recorded_on::text AS day FROM history_api_v1.recording WHERE letter_id = $1',
      [id],
    );
    return row?.day;
  };

  it('closes no day that is not over by the clock of the database, and records nothing for one', async () => {
    const [early, late, after] = letters(3) as [string, string, string];
    rig.now = new Date(Date.now() - 2 * DAY_MS);
    await know([early]);
    rig.clock = ahead(true);
    await know([late]);
    const worker = dayRoots();
    await closeAll(worker);
    rig.clock = systemClock;
    await know([after]);
    const today = osloDay(new Date());
    expect([await recordedOn(late), await recordedOn(after)]).toEqual([today, today]);
    expect((await roots()).filter(({ day }) => day >= today)).toEqual([]);
    expect([worker.waiting, worker.ahead, rig.logged.filter(({ level }) => level === 'error')]).toEqual([0, 0, []]);
  });

  it('is told of, once, by every process that is right, if it closed days all the same', async () => {
    await know(letters(1));
    rig.clock = ahead(false);
    await closeAll(dayRoots());
    rig.clock = systemClock;
    const worker = dayRoots();
    await closeAll(worker, worker);
    const [last] = (await roots()).reverse() as [RootRow];
    expect(worker.ahead).toBeGreaterThanOrEqual(13);
    expect(rig.logged.filter(({ level }) => level === 'error')).toMatchObject([{ fields: { day: last.day } }]);
  });
});

describe('the migration', () => {
  it('can be undone and done again', async () => {
    await know(letters(2));
    const there = async (): Promise<boolean> =>
      (await rig.database.query<unknown[]>("SELECT 1 FROM pg_tables WHERE tablename = 'day_root'")).length > 0;
    while (await there()) await rig.database.undoLastMigration();
    await rig.database.runMigrations();
    expect(await rig.database.query('SELECT count(*)::int AS entries FROM history_api_v1.recording')).toEqual([
      { entries: 2 },
    ]);
  });
});
