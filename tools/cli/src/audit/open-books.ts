import { messageIdOf } from '@postgang/pipeline';
import type { EffectState } from '@postgang/runtime';
import type { BookedEffect, BookedEntry, BookedLeg, LetterBooks, ProviderStatus, Reported } from './books.js';
import { brokenChain, type Entry } from './chain.js';
import { millisecondsOf, type Row, type Snapshot } from './snapshot.js';

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

/** Letters that are looked at together: what of them is in memory at once. */
const PAGE = 2_000;
const LOADED_AT_ONCE = 5_000;
/** Chains that are looked at entry by entry. */
const READ_WHOLE = 200;
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

/** Reads every book of the letters of a period, in the order of their ids and page by page: memory stays the same however many there are. */
export class OpenBooks {
  private withReport = false;
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
    await this.snapshot.query(
      `CREATE TEMP TABLE reported (message_id uuid NOT NULL, conversation_id uuid, at timestamptz NOT NULL, status text NOT NULL) ON COMMIT DROP`,
    );
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
    await ask(HANDED_IN_TABLE);
    await ask('CREATE TEMP TABLE audited (id uuid NOT NULL) ON COMMIT DROP');
    await ask(
      `INSERT INTO audited SELECT id FROM intake_api_v1.letter
       WHERE accepted_at >= $1 AND accepted_at < $2 AND ($3::text IS NULL OR sender = $3)`,
      [from, to, sender ?? null],
    );
    await ask(
      `INSERT INTO audited
       SELECT id FROM (SELECT id, min(at) AS at, min(sender) AS sender FROM (${ORPHANS}) o GROUP BY id) o
       WHERE (at IS NULL OR (at >= $1 AND at < $2)) AND ($3::text IS NULL OR sender = $3)
       UNION
       SELECT id FROM handed_in h WHERE NOT EXISTS (SELECT FROM intake_api_v1.letter i WHERE i.id = h.id)`,
      [from, to, sender ?? null],
    );
    await ask('ALTER TABLE audited ADD PRIMARY KEY (id)');
    await ask('ANALYZE audited');
    await ask('CREATE INDEX ON handed_in (id)');
    // neither the ledger nor what was set aside can be looked up by letter
    await ask(
      `CREATE TEMP TABLE audited_effect ON COMMIT DROP AS
       SELECT e.letter_id, e.id, e.leg, e.provider, e.state, e.settled, e.created_at, e.done_at, e.published_at
       FROM effect_api_v1.effect e JOIN audited a ON a.id = e.letter_id`,
    );
    await ask('CREATE INDEX ON audited_effect (letter_id)');
    await ask(
      `CREATE TEMP TABLE audited_set_aside ON COMMIT DROP AS
       SELECT l.letter_id, s.problem FROM history_api_v1.receipt_set_aside s
       JOIN history_api_v1.leg l ON l.conversation_id = s.conversation_id`,
    );
    await ask('CREATE INDEX ON audited_set_aside (letter_id)');
    if (this.withReport) await this.selectReported();
    for (const table of ['audited_effect', 'audited_set_aside']) await ask(`ANALYZE ${table}`);
    const [row] = await ask('SELECT count(*)::int FROM audited');
    return row?.[0] as number;
  }

  private async selectReported(): Promise<void> {
    await this.snapshot.query('CREATE INDEX ON reported (message_id)');
    await this.snapshot.query('ANALYZE reported');
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

  async *pages(): AsyncGenerator<readonly LetterBooks[]> {
    let next: Promise<LetterBooks[]> | undefined = this.page('00000000-0000-0000-0000-000000000000', true);
    while (next !== undefined) {
      const page: LetterBooks[] = await next;
      const last = page.at(-1);
      // the server reads on while this page is looked at
      next = last === undefined || page.length < PAGE ? undefined : this.page(last.id, false);
      next?.catch(() => undefined);
      if (page.length > 0) yield page;
    }
  }

  private async page(after: string, including: boolean): Promise<LetterBooks[]> {
    const { snapshot } = this;
    const rows = await snapshot.query(
      `SELECT a.id, h.sender, h.reference FROM audited a
       LEFT JOIN LATERAL (SELECT sender, reference FROM handed_in h WHERE h.id = a.id LIMIT 1) h ON true
       WHERE a.id ${including ? '>=' : '>'} $1 ORDER BY a.id LIMIT ${PAGE}`,
      [after],
    );
    const ids = rows.map(([id]) => id as string);
    if (ids.length === 0) return [];
    // written out once: the driver would do it for each of the eleven
    const list = `{${ids.join(',')}}`;
    const of = async (ask: Promise<Row[]>): Promise<Map<string, Row[]>> =>
      Map.groupBy(await ask, ([id]) => id as string);
    const [history, receipts, intake, letters, legs, routes, parked, awaited, effects, messages, setAside] =
      await Promise.all([
        of(snapshot.beside(CHAINS, [list])),
        of(snapshot.beside(RECEIPTS, [list])),
        of(snapshot.query(INTAKE, [list])),
        of(snapshot.query(LETTERS, [list])),
        of(snapshot.query(LEGS, [list])),
        of(snapshot.query(ROUTES, [list])),
        of(snapshot.query(PARKED, [list])),
        of(snapshot.query(AWAITED, [list])),
        of(snapshot.query(this.withReport ? EFFECTS_REPORTED : EFFECTS, [list])),
        of(snapshot.query(MESSAGES, [list])),
        of(snapshot.query(SET_ASIDE, [list])),
      ]);
    const broken = await this.brokenOf(ids, history, letters);
    const all = <T>(found: Map<string, Row[]>, id: string, make: (row: Row) => T): T[] =>
      (found.get(id) ?? []).map(make);
    return rows.map(([id, sender, reference]) => {
      const letterId = id as string;
      const bookedLegs = all(legs, letterId, legOf);
      const known = intake.get(letterId)?.[0] ?? letters.get(letterId)?.[0];
      return {
        id: letterId,
        handedIn: reference !== null,
        sender: (known?.[1] ?? sender) as string | null,
        reference: (known?.[2] ?? reference) as string | null,
        intake: all(intake, letterId, intakeOf)[0] ?? null,
        routes: all(
          routes,
          letterId,
          ([, leg, routed, decidedAt]) => ({ leg, routed, decidedAt }) as LetterBooks['routes'][number],
        ),
        parked: all(parked, letterId, ([, why]) => why as string)[0] ?? null,
        letter: all(letters, letterId, letterOf)[0] ?? null,
        legs: bookedLegs,
        history: all(history, letterId, entriesOf)[0] ?? [],
        broken: broken.get(letterId),
        awaited: all(
          awaited,
          letterId,
          ([, leg, awaits, owedBy, dueAt]) => ({ leg, awaits, owedBy, dueAt }) as LetterBooks['awaited'][number],
        ),
        receipts: all(receipts, letterId, ([, eventId]) => eventId as string),
        setAside: all(setAside, letterId, ([, problem]) => problem as string | null),
        effects: all(effects, letterId, effectOf),
        messages: all(
          messages,
          letterId,
          ([, leg, state, doneAt]) => ({ leg, state, doneAt }) as LetterBooks['messages'][number],
        ),
        reported: this.withReport
          ? [
              ...all(effects, letterId, reportedOf).filter((line) => line !== undefined),
              ...this.unknownOf(letterId, bookedLegs),
            ]
          : undefined,
      };
    });
  }

  /** The chains that the server found broken, or that do not end as their letter says: read whole, and judged by the library. By letter. */
  private async brokenOf(
    ids: readonly string[],
    chains: ReadonlyMap<string, readonly Row[]>,
    letters: ReadonlyMap<string, readonly Row[]>,
  ): Promise<ReadonlyMap<string, string>> {
    const rowOf = (id: string): { seq: number; headHash: Buffer | null } | null => {
      const row = letters.get(id)?.[0];
      return row === undefined ? null : { seq: row[4] as number, headHash: row[5] as Buffer | null };
    };
    const suspects = ids.filter((id) => {
      const [, fits, count = 0, last] = (chains.get(id)?.[0] ?? []) as [string, boolean, number, Buffer];
      const row = rowOf(id);
      if (count === 0) return (row?.seq ?? 0) > 0;
      return !fits || (row !== null && (row.seq !== count || row.headHash?.equals(last) !== true));
    });
    const told = new Map<string, string>();
    for (let first = 0; first < suspects.length; first += READ_WHOLE) {
      const some = suspects.slice(first, first + READ_WHOLE);
      const entries = Map.groupBy(await this.snapshot.beside(HISTORY, [`{${some.join(',')}}`]), ([id]) => id as string);
      for (const id of some) {
        const broken = brokenChain(id, (entries.get(id) ?? []).map(entryOf), rowOf(id));
        if (broken !== undefined) told.set(id, broken);
      }
    }
    return told;
  }

  /** Messages that the provider has of these legs and that the ledger does not know, under the id that we would have given, or under another. */
  private unknownOf(letterId: string, legs: readonly BookedLeg[]): Reported[] {
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
/**
 * The server hashes the chains, as libs/evidence does (a spec holds the two against each other): to hash six million entries here, they would all have to
 * be brought here. One row a letter; its entries as text, for what else they are asked.
 */
const CHAINS = `
  SELECT letter_id, bool_and(fits AND seq = n), count(*)::int, (array_agg(hash))[count(*)],
    string_agg(seq || E'\\x1f' || at || E'\\x1f' || kind || E'\\x1f' || coalesce(leg::text, '') || E'\\x1f' || event_id || E'\\x1f'
      || CASE WHEN position('"notify":true'::bytea IN data) > 0 THEN 'n' ELSE '' END
      || CASE WHEN kind = 'refused' AND position('"stage":"register-lookup"'::bytea IN data) > 0 THEN 'r' ELSE '' END, E'\\x1e')
  FROM (
    SELECT *, row_number() OVER letter AS n,
      hash = sha256(coalesce(lag(hash) OVER letter, sha256(convert_to(letter_id::text, 'UTF8'))) || convert_to(
        '[' || seq || ',"' || to_char(at, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') || '",' || to_json(kind) || ',' || coalesce(leg::text, 'null') || ','
        || to_json(event_id) || ',"' || translate(encode(data, 'base64'), E'\\n', '') || '"]', 'UTF8')) AS fits
    FROM history_api_v1.history WHERE letter_id = ANY($1::uuid[]) WINDOW letter AS (PARTITION BY letter_id ORDER BY seq)
  ) entry GROUP BY letter_id`;
const HISTORY = `SELECT letter_id, seq, at, kind, leg, event_id, data, hash FROM history_api_v1.history
  WHERE letter_id = ANY($1::uuid[]) ORDER BY letter_id, seq`;
const RECEIPTS = 'SELECT letter_id, event_id FROM history_api_v1.receipt WHERE letter_id = ANY($1::uuid[])';
const INTAKE =
  'SELECT id, sender, reference, accepted_at, published_at FROM intake_api_v1.letter WHERE id = ANY($1::uuid[])';
const LETTERS =
  'SELECT id, sender, reference, status, seq, head_hash FROM history_api_v1.letter WHERE id = ANY($1::uuid[])';
const LEGS =
  'SELECT letter_id, leg, conversation_id, channel, provider, state FROM history_api_v1.leg WHERE letter_id = ANY($1::uuid[])';
const ROUTES = 'SELECT letter_id, leg, routed, decided_at FROM routing_api_v1.route WHERE letter_id = ANY($1::uuid[])';
const PARKED = 'SELECT letter_id, why FROM routing_api_v1.parked_letter WHERE letter_id = ANY($1::uuid[])';
const AWAITED = `SELECT letter_id, leg, awaits, owed_by, due_at FROM history_api_v1.expectation
  WHERE letter_id = ANY($1::uuid[]) AND met_at IS NULL`;
const EFFECTS = `SELECT letter_id, id, leg, provider, state, settled, created_at, done_at, published_at
  FROM audited_effect WHERE letter_id = ANY($1::uuid[])`;
const EFFECTS_REPORTED = `SELECT e.letter_id, e.id, e.leg, e.provider, e.state, e.settled, e.created_at, e.done_at, e.published_at, r.at, r.status, r.times
  FROM audited_effect e LEFT JOIN LATERAL (
    SELECT max(at) AS at, min(status) AS status, count(*)::int AS times FROM reported WHERE message_id = e.id HAVING count(*) > 0) r ON true
  WHERE e.letter_id = ANY($1::uuid[])`;
const MESSAGES = 'SELECT letter_id, leg, state, done_at FROM message_api_v1.effect WHERE letter_id = ANY($1::uuid[])';
const SET_ASIDE = 'SELECT letter_id, problem FROM audited_set_aside WHERE letter_id = ANY($1::uuid[])';

const intakeOf = ([, sender, , acceptedAt, publishedAt]: Row) =>
  ({ sender, acceptedAt, publishedAt }) as NonNullable<LetterBooks['intake']>;
const letterOf = ([, sender, , status, seq, headHash]: Row) =>
  ({ sender, status, seq, headHash }) as NonNullable<LetterBooks['letter']>;
const legOf = ([, leg, conversationId, channel, provider, state]: Row) =>
  ({ leg, conversationId, channel, provider, state }) as BookedLeg;
const entryOf = ([letterId, seq, at, kind, leg, eventId, data, hash]: Row): Entry =>
  ({ letterId, seq, at: new Date(at as number), kind, leg, eventId, data, hash }) as Entry;
const UNIT = '\x1f';
const RECORD = '\x1e';
function entriesOf([, , , , text]: Row): BookedEntry[] {
  return (text as string).split(RECORD).map((record) => {
    const [seq, at, kind, leg, eventId, flags] = record.split(UNIT) as [string, string, string, string, string, string];
    return {
      ...{ seq: Number(seq), at: millisecondsOf(at), kind, leg: leg === '' ? null : Number(leg), eventId },
      ...{ ordersNotice: flags.includes('n'), byRegisterLookup: flags.includes('r') },
    };
  });
}
const effectOf = ([, id, leg, provider, state, settled, createdAt, doneAt, publishedAt]: Row) =>
  ({ id, leg, provider, state: state as EffectState, settled, createdAt, doneAt, publishedAt }) as BookedEffect;
const reportedOf = ([, messageId, leg, , , , , , , at, status, times]: Row): Reported | undefined =>
  at === null ? undefined : ({ messageId, leg, at, status, times } as Reported);

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
