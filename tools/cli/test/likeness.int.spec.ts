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
  await write(client, ...letters);
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
      'adapter-taken',
    ],
    leg: [null, 1, 2],
    at: MOMENTS.map((ms) => new Date(ms)),
    eventId: ['accepted', 'of its own', 'leveringskvittering'],
    data: ['{}', '{"notify":true}', '{"stage":"register-lookup"}', '{"reason":"provider-unreachable"}'].map((text) =>
      Buffer.from(text),
    ),
  },
};
/** The same in another leg, with ids of its own. */
const another = ({ id }: Booked, row: object): object => ({
  ...row,
  leg: 2,
  ...('id' in row && { id: uuidv5(id, 'another') }),
  ...('conversationId' in row && { conversationId: uuidv5(id, 'another') }),
  ...('eventId' in row && { eventId: uuidv5(id, 'another') }),
});

type Change = (letter: Booked) => unknown;
/** Whether the history is chained anew after the change, with its head or without. */
const CHAININGS = ['left', 'chained', 'chained with its head'] as const;

const rowChange =
  (
    book: string,
    at: number,
    chaining: (typeof CHAININGS)[number],
    change: (row: object, letter: Booked) => object[],
  ): Change =>
  (letter) => {
    const rows = [...((letter[book as keyof Booked] ?? []) as unknown as object[])];
    const row = rows[at];
    if (row === undefined) return;
    rows.splice(at, 1, ...change(row, letter));
    Object.assign(letter, { [book]: rows });
    if (book !== 'history') return;
    const entries = letter.history.map((entry, index) => ({ ...entry, seq: index + 1 }));
    letter.history = chaining === 'left' ? entries : chained(letter.id, entries);
    if (chaining === 'chained with its head' && letter.letter !== null)
      letter.letter = { ...letter.letter, seq: entries.length, headHash: letter.history.at(-1)?.hash ?? null };
  };

/** Whatever can stand in one row, for each row that any letter has; the row gone; another one like it. */
const ROW_CHANGES: readonly (readonly [string, Change])[] = Object.entries(VALUES).flatMap(([book, fields]) =>
  (book === 'history' ? [0, 1, 2, 3, 4, 5] : [0]).flatMap((at) =>
    (book === 'history' ? CHAININGS : CHAININGS.slice(0, 1)).flatMap((chaining) => [
      ...Object.entries(fields).flatMap(([field, values]) =>
        values.map((value, index): [string, Change] => [
          `${book}-${at}-${chaining}-${field}-${index}`,
          rowChange(book, at, chaining, (row, { id }) => [
            { ...row, [field]: field === 'eventId' ? uuidv5(id, value as string) : value },
          ]),
        ]),
      ),
      [`${book}-${at}-${chaining}-gone`, rowChange(book, at, chaining, () => [])] as [string, Change],
      // a message is reported under one id
      ...(book === 'reported'
        ? []
        : [
            [
              `${book}-${at}-${chaining}-another`,
              rowChange(book, at, chaining, (row, letter) => [row, another(letter, row)]),
            ] as [string, Change],
          ]),
    ]),
  ),
);

/** What else may be wrong with a letter. */
const LETTER_CHANGES: Readonly<Record<string, Change>> = {
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
  'refused by another stage': (letter) => {
    const others = letter.history.map((entry) => ({ ...entry, data: Buffer.from('{}') }));
    letter.history = chained(letter.id, others);
    letter.routes = letter.routes.filter(({ routed }) => routed);
    if (letter.letter !== null) letter.letter = { ...letter.letter, headHash: letter.history.at(-1)?.hash ?? null };
  },
  'not accepted': (letter) => (letter.intake = null),
  'not in receipts': (letter) => (letter.letter = null),
  'longer than its history': (letter) => letter.letter !== null && (letter.letter = { ...letter.letter, seq: 9 }),
  'without head': (letter) => letter.letter !== null && (letter.letter = { ...letter.letter, headHash: null }),
  parked: (letter) => (letter.parked = letter.parked === null ? 'no-access-to-krr' : null),
  'in its adapter’s provider’s report': (letter) =>
    letter.history.some(({ kind }) => kind.startsWith('adapter-')) &&
    (letter.reported = [
      { messageId: messageIdOf(letter.id, 1), leg: 1, at: NOW - HOUR, status: 'delivered', times: 1 },
    ]),
  'a receipt less': (letter) => (letter.receipts = letter.receipts.slice(1)),
  'a receipt more': (letter) => (letter.receipts = [...letter.receipts, uuidv5(letter.id, 'extra')]),
  'a receipt waits': (letter) => letter.legs.length > 0 && (letter.setAside = [null]),
  'a receipt set aside': (letter) => letter.legs.length > 0 && (letter.setAside = ['wrong-signer']),
};
const CHANGES = new Map([...Object.entries(LETTER_CHANGES), ...ROW_CHANGES]);

/** receipts' table takes no event twice as the same kind. */
const canBe = ({ history }: Booked): boolean =>
  new Set(history.map(({ eventId, kind }) => `${eventId} ${kind}`)).size === history.length;

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

  it('are judged alike, whatever else stands in any row of any book', async () => {
    const changed = [...CHANGES].flatMap(([name, change]) =>
      STORIES.flatMap((story) => {
        const letter = letterOf(story, `${name}/${story}`);
        const before = JSON.stringify(letter);
        change(letter);
        return JSON.stringify(letter) === before ? [] : [letter];
      }),
    );
    await hold([...clean(), ...changed]);
  }, 300_000);

  it('are judged alike, whatever two changes come together', async () => {
    const change = fc.constantFrom(...CHANGES.keys());
    const letter = fc.tuple(fc.constantFrom(...STORIES), change, change);
    await fc.assert(
      fc.asyncProperty(fc.array(letter, { minLength: 200, maxLength: 200 }), async (letters) => {
        const changed = letters.map(([story, ...changes], index) => {
          const one = letterOf(story, `${index}/${story}/${changes.join('/')}`);
          for (const name of changes) CHANGES.get(name)?.(one);
          return one;
        });
        await hold([...clean(), ...changed.filter(canBe)]);
      }),
      { numRuns: 3, endOnFailure: true },
    );
  }, 300_000);

  it('are most of them: of each story, the second is not read', async () => {
    await written(clean());
    const sizes = (await alike()).map((ids) => ids.length);
    expect(sizes.filter((size) => size === 2)).toHaveLength(STORIES.length);
  }, 60_000);
});
