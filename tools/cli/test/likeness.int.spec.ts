import 'reflect-metadata';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { conversationIdOf, messageIdOf, uuidv5 } from '@postgang/pipeline';
import { LEG_STATES, LETTER_STATUSES } from '@postgang/rules';
import { freshDatabase } from '@postgang/testing';
import fc from 'fast-check';
import pg from 'pg';
import { PROVIDER_STATUSES, type LetterBooks } from '../src/audit/books.js';
import type { Entry } from '../src/audit/chain.js';
import { closeBooks, type AuditOptions } from '../src/audit/close-books.js';
import { handedIn } from '../src/audit/handed-in.js';
import { OpenBooks } from '../src/audit/open-books.js';
import { providerReport } from '../src/audit/provider-report.js';
import { reconcile } from '../src/audit/reconcile.js';
import { Snapshot } from '../src/audit/snapshot.js';
import { Tally } from '../src/audit/tally.js';
import { asRead, chained, SENDER, STORIES, type Booked } from './booked-letters.js';
import { FAULTS, HOUR, letterOf, NOW, PLANTED, WHEN } from './planted-faults.js';
import { makeTables, write } from './write-books.js';

const dir = mkdtempSync(join(tmpdir(), 'postgang-likeness-'));
const reportFile = join(dir, 'report.csv');
const handedInFile = join(dir, 'handed-in.csv');
const TABLES =
  'integration_point.letter, register_lookup.route, register_lookup.parked_letter, provider_dispatch.effect, notification.message, receipts.letter, receipts.leg, receipts.history, receipts.receipt, receipts.expectation';

let database: Awaited<ReturnType<typeof freshDatabase>>;
let client: pg.Client;

beforeAll(async () => {
  database = await freshDatabase();
  await makeTables(database.url);
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
  await client.query('ALTER TABLE receipts.history DISABLE TRIGGER append_only');
}, 120_000);

afterAll(async () => {
  await client.end();
  await database.drop();
  rmSync(dir, { recursive: true });
});

/** What the database and the lists will be read as: the provider is always asked, and whose leg a line is about follows from the other books. */
const readBooks = (letter: Booked): LetterBooks => {
  const { id, effects, legs, reported = [] } = letter;
  const legOf = (messageId: string): number =>
    effects.find((effect) => effect.id === messageId)?.leg ??
    legs.find((leg) => leg.conversationId === conversationIdOf(id, 1) || messageIdOf(id, leg.leg) === messageId)?.leg ??
    1;
  return asRead({ ...letter, reported: reported.map((line) => ({ ...line, leg: legOf(line.messageId) })) });
};

async function written(letters: readonly Booked[]): Promise<void> {
  await client.query(`TRUNCATE ${TABLES}`);
  for (const letter of letters) await write(client, letter);
  writeFileSync(handedInFile, ['reference', ...letters.map(({ reference }) => `"${reference}"`)].join('\n'));
  const lines = letters.flatMap(({ id, reported = [] }) =>
    reported.flatMap(({ messageId, at, status, times }) =>
      Array<string>(times).fill([messageId, new Date(at).toISOString(), status, conversationIdOf(id, 1)].join(',')),
    ),
  );
  writeFileSync(reportFile, ['message_id,time,status,conversation_id', ...lines].join('\n'));
}

async function seen<T>(look: (snapshot: Snapshot) => Promise<T>): Promise<T> {
  const snapshot = await Snapshot.open(database.url);
  return look(snapshot).finally(() => snapshot.close());
}

const PERIOD = { from: new Date(NOW - 24 * HOUR), to: new Date(NOW + HOUR), sender: SENDER };
const close = (): Promise<Tally> =>
  seen((snapshot) =>
    closeBooks(snapshot, {
      ...PERIOD,
      now: new Date(NOW),
      aheadMs: NOW - Date.now(),
      ownedProviders: [...WHEN.owned],
      handedIn: handedInFile,
      providerReport: reportFile,
      reportedUntil: new Date(NOW),
      most: 10_000,
      progress: () => undefined,
    } satisfies AuditOptions),
  );

/** Ids of letters that the server says are alike. */
const alike = (): Promise<readonly (readonly string[])[]> =>
  seen(async (snapshot) => {
    const books = new OpenBooks(snapshot);
    await books.loadHandedIn(handedIn(handedInFile, SENDER));
    await books.loadReport(providerReport(reportFile));
    await books.select(PERIOD);
    const found = new Map<string, string[]>();
    for await (const page of books.pages(WHEN))
      for (const { likeness, ids } of page)
        if (likeness !== undefined) found.set(likeness, [...(found.get(likeness) ?? []), ...ids]);
    return [...found.values()];
  });

/** Everything that the sum takes from a letter. */
const summed = (letter: Booked): object => {
  const tally = new Tally(0);
  tally.add(readBooks(letter), reconcile(readBooks(letter), WHEN));
  return { ...tally, imbalances: tally.imbalances > 0, causes: undefined };
};

const inOrder = <T extends { letterId: string | null; says: string }>(listed: readonly T[]): T[] =>
  [...listed].sort((a, b) => `${a.letterId}${a.says}`.localeCompare(`${b.letterId}${b.says}`));

/** Whatever one letter of a likeness is judged, every other is judged alone; and the books tell the same as each letter by itself. */
async function hold(letters: readonly Booked[]): Promise<void> {
  await written(letters);
  const byId = new Map(letters.map((letter) => [letter.id, letter]));
  for (const ids of await alike()) {
    const sums = ids.map((id) => summed(byId.get(id) as Booked));
    for (const [index, sum] of sums.entries())
      expect({ of: byId.get(ids[index] as string), sum }).toEqual({ of: byId.get(ids[index] as string), sum: sums[0] });
  }
  const expected = new Tally(10_000);
  for (const letter of letters) expected.add(readBooks(letter), reconcile(readBooks(letter), WHEN));
  const { listed, ...sums } = await close();
  const { listed: expectedListed, ...expectedSums } = expected;
  expect(inOrder(listed)).toEqual(inOrder(expectedListed));
  expect(sums).toEqual(expectedSums);
}

const MOMENTS = [NOW - 60_000, NOW - 10 * 60_000, NOW - HOUR];
const EFFECT_STATES = ['QUEUED', 'INTENDED', 'HANDED_OVER', 'REFUSED', 'FAILED', 'UNCERTAIN', 'PARKED'];
/** What else may stand in a row of a book. */
const VALUES: Readonly<Record<string, Readonly<Record<string, readonly unknown[]>>>> = {
  routes: { leg: [2], routed: [true, false], decidedAt: MOMENTS },
  legs: { leg: [2], channel: [null, 'digital', 'print'], provider: [null, 'eboks', 'print', 'x'], state: LEG_STATES },
  awaited: { leg: [2], dueAt: [NOW - HOUR, NOW - 1, NOW, NOW + 1] },
  effects: {
    ...{ leg: [2], provider: ['eboks', 'print'], state: EFFECT_STATES, settled: [true] },
    ...{ createdAt: MOMENTS, doneAt: [null, ...MOMENTS], publishedAt: [null, ...MOMENTS] },
  },
  messages: { leg: [2], state: ['INTENDED'], doneAt: [null, ...MOMENTS] },
  reported: { at: MOMENTS, status: PROVIDER_STATUSES, times: [2] },
  history: {
    kind: [
      'routed',
      'sealed',
      'handed-over',
      'refused',
      'leg-refused',
      'feil',
      'leveringskvittering',
      'notified',
      'redriven',
    ],
    leg: [null, 1, 2],
    at: MOMENTS.map((ms) => new Date(ms)),
    eventId: ['accepted', 'of its own', 'leveringskvittering'],
    data: ['{}', '{"notify":true}', '{"stage":"register-lookup"}'].map((text) => Buffer.from(text)),
  },
};
/** The same in another leg, with ids of its own. */
const another = ({ id }: Booked, row: Record<string, unknown>): Record<string, unknown> => ({
  ...row,
  leg: 2,
  ...('id' in row && { id: uuidv5(id, 'another') }),
  ...('conversationId' in row && { conversationId: uuidv5(id, 'another') }),
  ...('eventId' in row && { eventId: uuidv5(id, 'another') }),
});

interface ChangedRow {
  readonly book: string;
  readonly how: 'set' | 'drop' | 'add';
  readonly row: number;
  readonly field: string;
  readonly value: unknown;
  /** The history is chained anew. */
  readonly chained: boolean;
}

const changedRow: fc.Arbitrary<ChangedRow> = fc.constantFrom(...Object.keys(VALUES)).chain((book) =>
  fc.constantFrom(...Object.keys(VALUES[book] as object)).chain((field) =>
    fc.record({
      book: fc.constant(book),
      how: fc.constantFrom('set', 'set', 'set', 'drop', 'add'),
      row: fc.nat(5),
      field: fc.constant(field),
      value: fc.constantFrom(...(VALUES[book]?.[field] as unknown[])),
      chained: fc.boolean(),
    }),
  ),
);

function changeRow(letter: Booked, { book, how, row: at, field, value, chained: anew }: ChangedRow): void {
  const rows = [...((letter[book as keyof Booked] ?? []) as unknown as Record<string, unknown>[])];
  const row = rows[at % rows.length];
  if (row === undefined) return;
  const changed = { ...row, [field]: field === 'eventId' ? uuidv5(letter.id, value as string) : value };
  // a message is reported under one id
  if (how === 'add' && book !== 'reported') rows.push(another(letter, row));
  else rows.splice(at % rows.length, 1, ...(how === 'drop' ? [] : [changed]));
  Object.assign(letter, { [book]: rows });
  if (book !== 'history' || letter.letter === null) return;
  const entries = letter.history.map((entry, index) => ({ ...entry, seq: index + 1 }));
  letter.history = anew ? chained(letter.id, entries) : entries;
  if (anew) letter.letter = { ...letter.letter, seq: entries.length, headHash: letter.history.at(-1)?.hash ?? null };
}

/** What else may be wrong with a letter. */
const CHANGES: Readonly<Record<string, (letter: Booked) => unknown>> = {
  ...Object.fromEntries(
    LETTER_STATUSES.map((status) => [
      status,
      (letter: Booked) => letter.letter !== null && (letter.letter = { ...letter.letter, status }),
    ]),
  ),
  ...Object.fromEntries(
    MOMENTS.map((acceptedAt) => [
      `accepted ${NOW - acceptedAt} ms ago`,
      (letter: Booked) => letter.intake !== null && (letter.intake = { ...letter.intake, acceptedAt }),
    ]),
  ),
  'never published': (letter) => letter.intake !== null && (letter.intake = { ...letter.intake, publishedAt: null }),
  'not accepted': (letter) => (letter.intake = null),
  'not in receipts': (letter) => (letter.letter = null),
  'longer than its history': (letter) => letter.letter !== null && (letter.letter = { ...letter.letter, seq: 9 }),
  'without head': (letter) => letter.letter !== null && (letter.letter = { ...letter.letter, headHash: null }),
  parked: (letter) => (letter.parked = letter.parked === null ? 'no-access-to-krr' : null),
  'a receipt less': (letter) => (letter.receipts = letter.receipts.slice(1)),
  'a receipt more': (letter) => (letter.receipts = [...letter.receipts, uuidv5(letter.id, 'extra')]),
  'a receipt waits': (letter) => letter.legs.length > 0 && (letter.setAside = [null]),
  'a receipt set aside': (letter) => letter.legs.length > 0 && (letter.setAside = ['wrong-signer']),
};
const change = fc.oneof({ arbitrary: changedRow, weight: 3 }, fc.constantFrom(...Object.keys(CHANGES)));

const clean = (): Booked[] => STORIES.flatMap((story) => [1, 2].map((n) => letterOf(story, `${story}-${n}`)));

describe('letters that the server says are alike', () => {
  it('are judged alike, whatever fault is planted in any of them', async () => {
    const planted = PLANTED.map(([fault, story]) => {
      const letter = letterOf(story, `${fault}/${story}`);
      (FAULTS[fault] as (typeof FAULTS)[string]).plant(letter);
      return letter;
    });
    await hold([...clean(), ...planted]);
  }, 180_000);

  it('are judged alike, whatever else stands in one or two rows of any book', async () => {
    const changed = fc.tuple(fc.constantFrom(...STORIES), fc.array(change, { minLength: 1, maxLength: 2 }));
    await fc.assert(
      fc.asyncProperty(fc.array(changed, { minLength: 100, maxLength: 100 }), async (letters) => {
        const all = letters.map(([story, changes], index) => {
          const letter = letterOf(story, `changed-${index}`);
          for (const one of changes) {
            if (typeof one === 'string') CHANGES[one]?.(letter);
            else changeRow(letter, one);
          }
          return letter;
        });
        await hold([...clean(), ...all]);
      }),
      { numRuns: 6, endOnFailure: true },
    );
  }, 300_000);

  it('are most of them: of each story, the second is not read', async () => {
    await written(clean());
    const sizes = (await alike()).map((ids) => ids.length);
    expect(sizes.filter((size) => size === 2)).toHaveLength(STORIES.length);
  }, 60_000);
});
