import { messageIdOf } from '@postgang/pipeline';
import { GIVEN_UP } from '@postgang/rules';
import type { EffectState } from '@postgang/runtime';
import type { BookedEffect, BookedEntry, BookedLeg, LetterBooks, ProviderStatus, Reported } from './books.js';
import { brokenChain, type Entry } from './chain.js';
import { ALIKE, HISTORIES_ALIKE, timesOf } from './likeness.js';
import type { When } from './reconcile.js';
import type { Row, Snapshot } from './snapshot.js';

export interface Period {
  readonly from: Date;
  readonly to: Date;
  readonly sender: string | undefined;
}

/** A line of the provider's report. */
export interface ReportLine {
  readonly messageId: string;
  readonly conversationId: string | null;
  readonly at: Date;
  readonly status: ProviderStatus;
}

/** Letters of the same likeness: one of them speaks for all. Undefined: each must be read. */
export interface Alike {
  readonly likeness: string | undefined;
  readonly ids: readonly string[];
}

/** Letters that are looked at together. */
const PAGE = 4_000;
/** Of these, so many histories by one statement: both connections have a share. */
const HISTORIES = 1_000;
/** Letters that are read whole: what of them is in memory at once. */
const READ_AT_ONCE = 1_000;
const LOADED_AT_ONCE = 5_000;
/** Messages that the ledger does not know are kept in memory; a report with more is another system's. */
export const MOST_UNKNOWN = 100_000;

/** Letters that the intake does not know, and when the book that does know them first heard of them. */
const ORPHANS = `
  SELECT l.id, (SELECT min(at) FROM history_api_v1.history h WHERE h.letter_id = l.id) AS at, l.sender
    FROM history_api_v1.letter l WHERE NOT EXISTS (SELECT FROM intake_api_v1.letter i WHERE i.id = l.id)
  UNION ALL
  SELECT e.letter_id, e.created_at, e.sender
    FROM effect_api_v1.effect e WHERE NOT EXISTS (SELECT FROM intake_api_v1.letter i WHERE i.id = e.letter_id)
  UNION ALL
  SELECT r.letter_id, r.decided_at, NULL
    FROM routing_api_v1.route r WHERE NOT EXISTS (SELECT FROM intake_api_v1.letter i WHERE i.id = r.letter_id)`;

/**
 * Every book of the letters of a period, page by page: memory stays the same however many there are. In the order in which they were accepted, in which
 * most of their rows were written: letters of a page have theirs beside each other.
 */
export class OpenBooks {
  private withReport = false;
  private count = 0;
  private readonly unknown = new Map<string, ReportLine & { times: number }>();

  constructor(private readonly snapshot: Snapshot) {}

  /** The agency's own list; letters of it that were accepted at another time are not missing. */
  async loadHandedIn(letters: AsyncIterable<{ id: string; sender: string; reference: string }>): Promise<void> {
    await this.snapshot.query(HANDED_IN_TABLE);
    await inChunks(letters, (chunk) =>
      this.snapshot.query('INSERT INTO handed_in SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[])', [
        chunk.map(({ id }) => id),
        chunk.map(({ sender }) => sender),
        chunk.map(({ reference }) => reference),
      ]),
    );
  }

  async loadReport(lines: AsyncIterable<ReportLine>): Promise<void> {
    this.withReport = true;
    await this.snapshot.query(REPORTED_TABLE);
    await inChunks(lines, (chunk) =>
      this.snapshot.query(
        'INSERT INTO reported SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::text[])',
        [
          chunk.map(({ messageId }) => messageId),
          chunk.map(({ conversationId }) => conversationId),
          chunk.map(({ at }) => at),
          chunk.map(({ status }) => status),
        ],
      ),
    );
  }

  /** Which letters are looked at: those accepted in the period, those of it that only other books know, those handed in and not accepted. */
  async select({ from, to, sender }: Period): Promise<number> {
    const ask = (text: string, values: unknown[] = []): Promise<Row[]> => this.snapshot.query(text, values);
    for (const table of [HANDED_IN_TABLE, REPORTED_TABLE]) await ask(table);
    await ask('CREATE TEMP TABLE audited (n int PRIMARY KEY, id uuid NOT NULL) ON COMMIT DROP');
    await ask(
      `INSERT INTO audited SELECT row_number() OVER (ORDER BY accepted_at), id FROM intake_api_v1.letter
       WHERE accepted_at >= $1 AND accepted_at < $2 AND ($3::text IS NULL OR sender = $3)`,
      [from, to, sender ?? null],
    );
    await ask(
      `INSERT INTO audited
       SELECT (SELECT count(*) FROM audited) + row_number() OVER (), id FROM (
         SELECT id FROM (SELECT id, min(at) AS at, min(sender) AS sender FROM (${ORPHANS}) o GROUP BY id) o
         WHERE (at IS NULL OR (at >= $1 AND at < $2)) AND ($3::text IS NULL OR sender = $3)
         UNION
         SELECT id FROM handed_in h WHERE NOT EXISTS (SELECT FROM intake_api_v1.letter i WHERE i.id = h.id)) stray`,
      [from, to, sender ?? null],
    );
    await ask('CREATE INDEX ON handed_in (id)');
    for (const table of ['audited', 'reported']) await ask(`ANALYZE ${table}`);
    // none of these can be looked up by letter, or not well
    for (const [table, rows] of Object.entries(BY_LETTER)) {
      await ask(`CREATE TEMP TABLE ${table} ON COMMIT DROP AS ${rows}`);
      await ask(`CREATE INDEX ON ${table} (letter_id)`);
      await ask(`ANALYZE ${table}`);
    }
    if (this.withReport) await this.selectUnknown();
    const [row] = await ask('SELECT count(*)::int FROM audited');
    return (this.count = row?.[0] as number);
  }

  private async selectUnknown(): Promise<void> {
    const rows = await this.snapshot.query(
      `SELECT r.message_id, min(r.conversation_id::text), max(r.at), min(r.status), count(*)::int
       FROM reported r WHERE NOT EXISTS (SELECT FROM effect_api_v1.effect e WHERE e.id = r.message_id)
       GROUP BY r.message_id LIMIT ${MOST_UNKNOWN + 1}`,
    );
    for (const [messageId, conversationId, at, status, times] of rows as [
      string,
      string | null,
      number,
      ProviderStatus,
      number,
    ][])
      this.unknown.set(messageId, { messageId, conversationId, at: new Date(at), status, times });
  }

  /** Messages of the provider's report that no letter at hand could be found for; after the pages. */
  get nobodys(): readonly ReportLine[] {
    return [...this.unknown.values()];
  }

  /** All letters, each once. */
  async *pages(when: When): AsyncGenerator<readonly Alike[]> {
    let next = this.page(0, when);
    for (let after = PAGE; after - PAGE < this.count; after += PAGE) {
      const page = await next;
      // the server goes on while this page is looked at
      next = this.page(after, when);
      next.catch(() => undefined);
      yield page;
    }
    await next;
  }

  private async page(after: number, when: When): Promise<Alike[]> {
    const { snapshot } = this;
    const rows = await snapshot.query('SELECT id::text FROM audited WHERE n > $1 AND n <= $2', [after, after + PAGE]);
    const ids = rows.map(([id]) => id as string);
    if (ids.length === 0) return [];
    const times = timesOf(when);
    const groups = async (ask: Promise<Row[]>): Promise<[says: string, ids: string[]][]> =>
      (await ask).map(([says, its]) => [says as string, (its as string).split(',')]);
    const [books, strangers, ...histories] = await Promise.all([
      groups(snapshot.query(ALIKE, [listOf(ids), ...times])),
      this.strangers(ids),
      ...inParts(ids, HISTORIES).map((some) => groups(snapshot.beside(HISTORIES_ALIKE, [listOf(some), times[0]]))),
    ]);
    const saysOf = new Map(books.flatMap(([says, its]) => its.map((id) => [id, says] as const)));
    for (const id of strangers) saysOf.delete(id);
    const alike = histories.flat().flatMap(([history, its]) =>
      [...Map.groupBy(its, (id) => saysOf.get(id))].map(([says, of]) => ({
        likeness: says === undefined ? undefined : `${history}\n${says}`,
        ids: of,
      })),
    );
    const found = new Set(alike.flatMap((group) => group.ids));
    return [...alike, { likeness: undefined, ids: ids.filter((id) => !found.has(id)) }];
  }

  /** Of these letters, those of which the provider has messages that the ledger does not know. */
  private async strangers(ids: readonly string[]): Promise<readonly string[]> {
    if (this.unknown.size === 0) return [];
    const legs = Map.groupBy(await this.snapshot.query(LEGS, [listOf(ids)]), ([id]) => id as string);
    return ids.filter((id) => this.unknownOf(id, (legs.get(id) ?? []).map(legOf)).length > 0);
  }

  /** Everything about these letters, in their order. */
  async *read(ids: readonly string[]): AsyncGenerator<LetterBooks> {
    for (const some of inParts(ids, READ_AT_ONCE)) yield* await this.readAtOnce(some);
  }

  private async readAtOnce(ids: readonly string[]): Promise<LetterBooks[]> {
    const { snapshot } = this;
    const list = listOf(ids);
    const of = async (ask: Promise<Row[]>): Promise<<T>(id: string, make: (row: Row) => T) => T[]> => {
      const rows = Map.groupBy(await ask, ([id]) => id as string);
      return (id, make) => (rows.get(id) ?? []).map(make);
    };
    const [history, receipts, handedIn, intake, letters, legs, routes, parked, awaited, effects, messages, setAside] =
      await Promise.all([
        of(snapshot.beside(HISTORY, [list])),
        of(snapshot.beside(RECEIPTS, [list])),
        of(snapshot.query(HANDED_IN, [list])),
        of(snapshot.query(INTAKE, [list])),
        of(snapshot.query(LETTERS, [list])),
        of(snapshot.query(LEGS, [list])),
        of(snapshot.query(ROUTES, [list])),
        of(snapshot.query(PARKED, [list])),
        of(snapshot.query(AWAITED, [list])),
        of(snapshot.query(EFFECTS, [list])),
        of(snapshot.query(MESSAGES, [list])),
        of(snapshot.query(SET_ASIDE, [list])),
      ]);
    return ids.map((id) => {
      const [agencys] = handedIn(id, whose);
      const known = intake(id, whose)[0] ?? letters(id, whose)[0];
      const letter = letters(id, letterOf)[0] ?? null;
      const bookedLegs = legs(id, legOf);
      const entries = history(id, entryOf);
      return {
        id,
        handedIn: agencys !== undefined,
        sender: known?.sender ?? agencys?.sender ?? null,
        reference: known?.reference ?? agencys?.reference ?? null,
        intake: intake(id, intakeOf)[0] ?? null,
        routes: routes(
          id,
          ([, leg, routed, decidedAt]) => ({ leg, routed, decidedAt }) as LetterBooks['routes'][number],
        ),
        parked: parked(id, ([, why]) => why as string)[0] ?? null,
        letter,
        legs: bookedLegs,
        history: entries.map(bookedEntry),
        broken: entries.length === 0 && (letter?.seq ?? 0) === 0 ? undefined : brokenChain(id, entries, letter),
        awaited: awaited(
          id,
          ([, leg, awaits, owedBy, dueAt]) => ({ leg, awaits, owedBy, dueAt }) as LetterBooks['awaited'][number],
        ),
        receipts: receipts(id, ([, eventId]) => eventId as string),
        setAside: setAside(id, ([, problem]) => problem as string | null),
        effects: effects(id, effectOf),
        messages: messages(id, ([, leg, state, doneAt]) => ({ leg, state, doneAt }) as LetterBooks['messages'][number]),
        reported: this.withReport
          ? [...effects(id, reportedOf).filter((line) => line !== undefined), ...this.takeUnknown(id, bookedLegs)]
          : undefined,
      };
    });
  }

  /** Messages that the provider has of these legs and that the ledger does not know, under the id that we would have given, or under another. */
  private unknownOf(letterId: string, legs: readonly BookedLeg[]): (ReportLine & { times: number })[] {
    if (this.unknown.size === 0) return [];
    const conversations = new Set(legs.map(({ conversationId }) => conversationId));
    const ours = new Set([1, ...legs.map(({ leg }) => leg)].map((leg) => messageIdOf(letterId, leg)));
    const found = [...ours].flatMap((messageId) => this.unknown.get(messageId) ?? []);
    if (this.conversations === undefined)
      this.conversations = Map.groupBy(
        [...this.unknown.values()].filter(({ conversationId }) => conversationId !== null),
        ({ conversationId }) => conversationId as string,
      );
    for (const conversation of conversations)
      found.push(...(this.conversations.get(conversation) ?? []).filter((line) => !found.includes(line)));
    return found;
  }

  private takeUnknown(letterId: string, legs: readonly BookedLeg[]): Reported[] {
    const found = this.unknownOf(letterId, legs);
    for (const { messageId } of found) this.unknown.delete(messageId);
    return found.map(({ messageId, at, status, times, conversationId }) => ({
      messageId,
      at: at.getTime(),
      status,
      times,
      leg:
        legs.find((leg) => leg.conversationId === conversationId || messageIdOf(letterId, leg.leg) === messageId)
          ?.leg ?? 1,
    }));
  }

  private conversations: Map<string, (ReportLine & { times: number })[]> | undefined;
}

const HANDED_IN_TABLE = `
  CREATE TEMP TABLE IF NOT EXISTS handed_in (id uuid NOT NULL, sender text NOT NULL, reference text NOT NULL) ON COMMIT DROP`;
const REPORTED_TABLE = `
  CREATE TEMP TABLE IF NOT EXISTS reported (message_id uuid NOT NULL, conversation_id uuid, at timestamptz NOT NULL, status text NOT NULL) ON COMMIT DROP`;
const BY_LETTER = {
  audited_effect: `
    SELECT e.letter_id, e.id, e.leg, e.provider, e.state, e.settled, e.created_at, e.done_at, e.published_at, r.at AS reported_at, r.status, r.times
    FROM audited a JOIN effect_api_v1.effect e ON e.letter_id = a.id
    LEFT JOIN (SELECT message_id, max(at) AS at, min(status) AS status, count(*)::int AS times FROM reported GROUP BY message_id) r ON r.message_id = e.id`,
  audited_set_aside: `
    SELECT l.letter_id, s.problem FROM history_api_v1.receipt_set_aside s
    JOIN history_api_v1.leg l ON l.conversation_id = s.conversation_id`,
  audited_awaited: `
    SELECT e.letter_id, e.leg, e.awaits, e.owed_by, e.due_at
    FROM audited a JOIN history_api_v1.expectation e ON e.letter_id = a.id WHERE e.met_at IS NULL`,
};
const HISTORY = `SELECT letter_id, seq, at, kind, leg, event_id, data, hash FROM history_api_v1.history
  WHERE letter_id = ANY($1::uuid[]) ORDER BY letter_id, seq`;
const RECEIPTS = 'SELECT letter_id, event_id FROM history_api_v1.counted_receipt WHERE letter_id = ANY($1::uuid[])';
const HANDED_IN = 'SELECT id, sender, reference FROM handed_in WHERE id = ANY($1::uuid[])';
const INTAKE =
  'SELECT id, sender, reference, accepted_at, published_at FROM intake_api_v1.letter WHERE id = ANY($1::uuid[])';
const LETTERS =
  'SELECT id, sender, reference, status, seq, head_hash FROM history_api_v1.letter WHERE id = ANY($1::uuid[])';
const LEGS =
  'SELECT letter_id, leg, conversation_id, channel, provider, state FROM history_api_v1.leg WHERE letter_id = ANY($1::uuid[])';
const ROUTES = 'SELECT letter_id, leg, routed, decided_at FROM routing_api_v1.route WHERE letter_id = ANY($1::uuid[])';
const PARKED = 'SELECT letter_id, why FROM routing_api_v1.parked_letter WHERE letter_id = ANY($1::uuid[])';
const AWAITED = 'SELECT letter_id, leg, awaits, owed_by, due_at FROM audited_awaited WHERE letter_id = ANY($1::uuid[])';
const EFFECTS = `SELECT letter_id, id, leg, provider, state, settled, created_at, done_at, published_at, reported_at, status, times
  FROM audited_effect WHERE letter_id = ANY($1::uuid[])`;
const MESSAGES = 'SELECT letter_id, leg, state, done_at FROM message_api_v1.effect WHERE letter_id = ANY($1::uuid[])';
const SET_ASIDE = 'SELECT letter_id, problem FROM audited_set_aside WHERE letter_id = ANY($1::uuid[])';

const whose = ([, sender, reference]: Row) =>
  ({ sender, reference }) as { sender: string | null; reference: string | null };
const intakeOf = ([, sender, , acceptedAt, publishedAt]: Row) =>
  ({ sender, acceptedAt, publishedAt }) as NonNullable<LetterBooks['intake']>;
const letterOf = ([, sender, , status, seq, headHash]: Row) =>
  ({ sender, status, seq, headHash }) as NonNullable<LetterBooks['letter']>;
const legOf = ([, leg, conversationId, channel, provider, state]: Row) =>
  ({ leg, conversationId, channel, provider, state }) as BookedLeg;
const entryOf = ([letterId, seq, at, kind, leg, eventId, data, hash]: Row): Entry =>
  ({ letterId, seq, at: new Date(at as number), kind, leg, eventId, data, hash }) as Entry;
/** What the verdict asks of an entry; likeness.ts asks the same of the server. */
export const bookedEntry = ({ seq, at, kind, leg, eventId, data }: Entry): BookedEntry => ({
  ...{ seq, at: at.getTime(), kind, leg, eventId },
  ...{ ordersNotice: data.includes('"notify":true'), byRegisterLookup: data.includes('"stage":"register-lookup"') },
  givenUp: kind === 'leg-refused' && data.includes(`"reason":"${GIVEN_UP}"`),
});
const effectOf = ([, id, leg, provider, state, settled, createdAt, doneAt, publishedAt]: Row) =>
  ({ id, leg, provider, state: state as EffectState, settled, createdAt, doneAt, publishedAt }) as BookedEffect;
const reportedOf = ([, messageId, leg, , , , , , , at, status, times]: Row): Reported | undefined =>
  at === null ? undefined : ({ messageId, leg, at, status, times } as Reported);

/** As the driver would write it, for every statement anew. */
const listOf = (ids: readonly string[]): string => `{${ids.join(',')}}`;

const inParts = (ids: readonly string[], size: number): string[][] =>
  Array.from({ length: Math.ceil(ids.length / size) }, (_, part) => ids.slice(part * size, (part + 1) * size));

async function inChunks<T>(items: AsyncIterable<T>, take: (chunk: T[]) => Promise<unknown>): Promise<void> {
  let chunk: T[] = [];
  for await (const item of items) {
    chunk.push(item);
    if (chunk.length < LOADED_AT_ONCE) continue;
    await take(chunk);
    chunk = [];
  }
  if (chunk.length > 0) await take(chunk);
}
