import { service as integrationPoint } from '@postgang/integration-point';
import { service as notification } from '@postgang/notification';
import { uuidv5 } from '@postgang/pipeline';
import { service as providerDispatch } from '@postgang/provider-dispatch';
import { service as receipts } from '@postgang/receipts';
import { service as registerLookup } from '@postgang/register-lookup';
import { openDatabase } from '@postgang/runtime';
import type pg from 'pg';
import type { Booked } from './booked-letters.js';

/** The tables of every service that keeps state, as their migrations make them. */
export async function makeTables(url: string): Promise<void> {
  for (const { name, database } of [integrationPoint, registerLookup, providerDispatch, notification, receipts]) {
    const { entities, migrations } = database as NonNullable<typeof database>;
    const schema = name.replaceAll('-', '_');
    const source = await openDatabase({ url, schema, pool: 2, entities, migrations, onStatement: () => undefined });
    await source.destroy();
  }
}

const date = (ms: number | null): Date | null => (ms === null ? null : new Date(ms));

type Columns = Readonly<Record<string, unknown>>;
/** Parameters of one statement: the protocol's limit is 65,535. */
const MOST_PARAMETERS = 20_000;

/** Writes the books of letters as the services would have. */
export async function write(client: pg.Client, ...letters: Booked[]): Promise<void> {
  const tables = Map.groupBy(letters.flatMap(rowsOf), ([table]) => table);
  for (const [table, rows] of tables) {
    const columns = Object.keys(rows[0]?.[1] as Columns);
    const most = Math.floor(MOST_PARAMETERS / columns.length);
    for (let first = 0; first < rows.length; first += most) {
      const some = rows.slice(first, first + most);
      const places = some.map(
        (_, row) => `(${columns.map((_, column) => `$${row * columns.length + column + 1}`).join(', ')})`,
      );
      await client.query(
        `INSERT INTO ${table} (${columns.join(', ')}) VALUES ${places.join(', ')}`,
        some.flatMap(([, values]) => columns.map((column) => values[column])),
      );
    }
  }
}

function rowsOf(letter: Booked): (readonly [table: string, Columns])[] {
  const { id, intake, letter: row } = letter;
  const rows: (readonly [table: string, Columns])[] = [];
  const insert = (table: string, columns: Columns): unknown => rows.push([table, columns]);
  if (intake !== null)
    insert('integration_point.letter', {
      ...{ id, sender: intake.sender, reference: letter.reference, content_hash: '', body: '' },
      ...{ accepted_at: date(intake.acceptedAt), published_at: date(intake.publishedAt) },
    });
  for (const { leg, routed, decidedAt } of letter.routes)
    insert('register_lookup.route', {
      letter_id: id,
      leg,
      routed,
      rule: 'r',
      event: '',
      decided_at: date(decidedAt),
    });
  if (letter.parked !== null)
    insert('register_lookup.parked_letter', {
      letter_id: id,
      sender: letter.sender,
      why: letter.parked,
      event: '',
      event_id: id,
      attempt: 0,
    });
  for (const effect of letter.effects)
    insert('provider_dispatch.effect', {
      ...{ id: effect.id, letter_id: id, leg: effect.leg, provider: effect.provider, lane: letter.sender, payload: '' },
      ...{ state: effect.state, settled: effect.settled, created_at: date(effect.createdAt) },
      ...{ done_at: date(effect.doneAt), published_at: date(effect.publishedAt) },
    });
  for (const { leg, state, doneAt } of letter.messages)
    insert('notification.message', {
      letter_id: id,
      leg,
      state: state === 'INTENDED' ? 'intended' : 'SENT',
      done_at: date(doneAt),
    });
  if (row !== null)
    insert('receipts.letter', {
      id,
      sender: row.sender,
      reference: letter.reference,
      status: row.status,
      seq: row.seq,
      head_hash: row.headHash,
    });
  for (const { leg, conversationId, channel, provider, state } of letter.legs)
    insert('receipts.leg', { letter_id: id, n: leg, conversation_id: conversationId, channel, provider, state });
  for (const { seq, at, kind, leg, eventId, data, hash } of letter.history)
    insert('receipts.history', { letter_id: id, seq, at, kind, leg, event_id: eventId, data, hash });
  for (const { leg, awaits, owedBy, dueAt } of letter.awaited)
    insert('receipts.expectation', { letter_id: id, leg, awaits, owed_by: owedBy, due_at: date(dueAt) });
  const receipt = (columns: Columns): unknown =>
    insert('receipts.receipt', {
      ...{ letter_id: null, leg: null, conversation_id: null, problem: null },
      ...{ provider: letter.legs[0]?.provider ?? 'digipost', raw: '', received_at: new Date(), ...columns },
    });
  for (const eventId of letter.receipts) {
    const kind = letter.history.find((entry) => entry.eventId === eventId)?.kind;
    // an outside adapter's word is not signed
    receipt({ event_id: eventId, letter_id: id, leg: 1, verified: kind?.startsWith('adapter-') !== true });
  }
  for (const [index, problem] of letter.setAside.entries())
    receipt({
      event_id: uuidv5(id, `set-aside/${index}`),
      conversation_id: letter.legs[0]?.conversationId,
      verified: problem === null,
      problem,
    });
  return rows;
}
