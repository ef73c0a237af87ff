import { service as integrationPoint } from '@postgang/integration-point';
import { service as notification } from '@postgang/notification';
import { service as providerDispatch } from '@postgang/provider-dispatch';
import { service as receipts } from '@postgang/receipts';
import { service as registerLookup } from '@postgang/register-lookup';
import { openDatabase } from '@postgang/runtime';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import type pg from 'pg';

/** Letters written by one statement. */
const BLOCK = 10_000;

export async function makeTables(url: string): Promise<void> {
  for (const { name, database } of [integrationPoint, registerLookup, providerDispatch, notification, receipts]) {
    const { entities, migrations } = database as NonNullable<typeof database>;
    const schema = name.replaceAll('-', '_');
    const source = await openDatabase({ url, schema, pool: 2, entities, migrations, onStatement: () => undefined });
    await source.destroy();
  }
}

const KINDS = ['accepted', 'routed', 'sealed', 'handed-over'] as const;
const STEPS = [1, 2, 3, 4, 5, 6];
const data = (step: number): string =>
  `convert_to('{"announce":{"channel":"' || channel || '","detail":null,"leg":1,"provider":"' || provider || '","reason":null,"status":"STEP${step}"},"particulars":{"messageId":"' || id || '","settled":false}}', 'UTF8')`;
const kind = (step: number): string =>
  step <= KINDS.length
    ? `'${KINDS[step - 1]}'`
    : `CASE WHEN provider = 'print' THEN '${['mottakskvittering', 'leveringskvittering'][step - 5]}' ELSE '${['leveringskvittering', 'aapningskvittering'][step - 5]}' END`;
const leg = (step: number): string => (step === 1 ? 'NULL::int' : '1');
/** As libs/evidence hashes an entry, written a second time in SQL: that the audit accepts these chains holds the two against each other. */
const hash = (step: number): string => `CROSS JOIN LATERAL (
  SELECT ${kind(step)} AS kind${step}, md5(id || '/${step}')::uuid::text AS event${step}, ${data(step)} AS data${step}, at + interval '${step} seconds' AS at${step}) s${step}
  CROSS JOIN LATERAL (SELECT sha256(hash${step - 1} || convert_to(
    '[${step},"' || to_char(at${step} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') || '","' || kind${step} || '",${step === 1 ? 'null' : '1'},"'
    || event${step} || '","' || translate(encode(data${step}, 'base64'), E'\\n', '') || '"]', 'UTF8')) AS hash${step}) h${step}`;

/** Six of ten go to Digipost and are opened, one to e-Boks, three are printed and posted; a sender in fifty. */
const LETTERS = `
  CREATE TEMP TABLE block AS
  SELECT *, md5('message/' || id)::uuid AS message_id, md5('conversation/' || id)::uuid AS conversation_id FROM (
    SELECT n, md5('letter/' || n)::uuid::text AS id, 'r-' || n AS reference, (310000000 + n % 50)::text AS sender,
      date_trunc('milliseconds', $3::timestamptz + n * interval '10 milliseconds') AS at,
      CASE WHEN n % 10 < 6 THEN 'digipost' WHEN n % 10 = 6 THEN 'eboks' ELSE 'print' END AS provider,
      CASE WHEN n % 10 < 7 THEN 'digital' ELSE 'print' END AS channel
    FROM generate_series($1::int, $2::int) AS n) l
  CROSS JOIN LATERAL (SELECT sha256(convert_to(id, 'UTF8')) AS hash0) h0
  ${STEPS.map(hash).join('\n')}`;

const WRITES = [
  `INSERT INTO integration_point.letter (id, sender, reference, content_hash, body, accepted_at, published_at)
   SELECT id::uuid, sender, reference, hash0, decode(repeat(md5(id), 50), 'hex'), at1, at1 FROM block`,
  `INSERT INTO register_lookup.route (letter_id, leg, routed, rule, event, decided_at)
   SELECT id::uuid, 1, true, 'reachable', decode(repeat(md5(id), 50), 'hex'), at2 FROM block`,
  `INSERT INTO provider_dispatch.effect (id, letter_id, leg, provider, lane, payload, state, attempts, settled, created_at, done_at, published_at, answered_at)
   SELECT message_id, id::uuid, 1, provider, sender, decode(repeat(md5(id), 50), 'hex'), 'HANDED_OVER', 1, n % 100 = 0, at3, at4, at4, at5 FROM block`,
  `INSERT INTO receipts.letter (id, sender, reference, status, seq, head_hash)
   SELECT id::uuid, sender, reference, CASE channel WHEN 'print' THEN 'POSTED' ELSE 'OPENED' END, 6, hash6 FROM block`,
  `INSERT INTO receipts.leg (letter_id, n, conversation_id, channel, provider, state, sealed_at)
   SELECT id::uuid, 1, conversation_id, channel, provider, CASE channel WHEN 'print' THEN 'Posted' ELSE 'Opened' END, at3 FROM block`,
  // step by step, as they come: a letter's entries do not lie beside each other
  ...STEPS.map(
    (step) => `INSERT INTO receipts.history (letter_id, seq, at, kind, leg, event_id, data, hash, recorded_on)
      SELECT id::uuid, ${step}, at${step}, kind${step}, ${leg(step)}, event${step}, data${step}, hash${step}, at${step}::date FROM block`,
  ),
  ...[5, 6].map(
    (
      step,
    ) => `INSERT INTO receipts.receipt (event_id, letter_id, leg, conversation_id, provider, kind, raw, verified, received_at)
      SELECT event${step}, id::uuid, 1, conversation_id, provider, kind${step}, repeat(md5(id), 30), true, at${step} FROM block`,
  ),
  ...['Sealed', 'HandedOver', 'Delivered'].map(
    (awaits, index) => `INSERT INTO receipts.expectation (letter_id, leg, awaits, owed_by, due_at, met_at)
      SELECT id::uuid, 1, '${awaits}', 'postgang', at1 + interval '1 day', at${index + 3} FROM block`,
  ),
];

/** Books of so many letters that all came to an end, in the server itself. */
export async function fill(client: pg.Client, letters: number, from: Date, say: (line: string) => void): Promise<void> {
  await client.query('SET synchronous_commit = off');
  for (let first = 0; first < letters; first += BLOCK) {
    await client.query(LETTERS, [first, Math.min(letters, first + BLOCK) - 1, from]);
    for (const write of WRITES) await client.query(write);
    await client.query('DROP TABLE block');
    if ((first / BLOCK) % 10 === 9) say(`${first + BLOCK} of ${letters} letters written`);
  }
  await client.query('VACUUM ANALYZE');
}

/** What the providers would say: every message, once. */
export async function writeReport(client: pg.Client, file: string): Promise<void> {
  const out = createWriteStream(file);
  out.write('message_id,time,status\n');
  let after = '00000000-0000-0000-0000-000000000000';
  for (;;) {
    const { rows } = await client.query<{ id: string; done_at: Date; provider: string }>(
      'SELECT id, done_at, provider FROM effect_api_v1.effect WHERE id > $1 ORDER BY id LIMIT 20000',
      [after],
    );
    const last = rows.at(-1);
    if (last === undefined) break;
    after = last.id;
    const lines = rows.map(
      ({ id, done_at: at, provider }) => `${id},${at.toISOString()},${provider === 'print' ? 'posted' : 'delivered'}\n`,
    );
    if (!out.write(lines.join(''))) await once(out, 'drain');
  }
  out.end();
  await once(out, 'finish');
}
