import { certificatesFromPem, readSbd } from '@postgang/document-package';
import {
  chunkedPathOf,
  CHUNK_LEAVES,
  EVIDENCE_FORMAT,
  hashLeaf,
  leavesOf,
  type Evidence,
  type EvidenceEntry,
  type EvidencePath,
  type EvidenceReceipt,
} from '@postgang/evidence';
import { isUuid } from '@postgang/pipeline';
import pg from 'pg';
import { issuerKey } from '../db/revocation-lists.js';

/** There is no such letter, or what is stored of it contradicts what was signed. */
export class EvidenceUnavailable extends Error {
  override readonly name = 'EvidenceUnavailable';
}

const CONNECT_MS = 5_000;
const STATEMENT_MS = 60_000;

/**
 * Puts a letter's evidence together, from the published views alone: the role of an operations reader is enough. One look at the database, at one
 * moment. Throws EvidenceUnavailable, or the driver's error.
 */
export async function exportEvidence(postgresUrl: string, letterId: string): Promise<Evidence> {
  if (!isUuid(letterId)) throw new EvidenceUnavailable('a letter id is a UUID');
  const client = new pg.Client({
    connectionString: postgresUrl,
    connectionTimeoutMillis: CONNECT_MS,
    statement_timeout: STATEMENT_MS,
    application_name: 'postgang evidence',
  });
  await client.connect();
  try {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    const letter = await letterOf(client, letterId.toLowerCase());
    const entries = await entriesOf(client, letter.id);
    const { receipts, lists } = await receiptsOf(client, letter.id, entries);
    const paths = await pathsOf(client, letter.id, entries);
    const roots = await rootsFrom(client, paths[0]?.day);
    return {
      ...{ format: EVIDENCE_FORMAT, letter, entries, receipts, revocationLists: lists, paths },
      ...{ roots: roots.map(({ statement }) => statement), through: roots.at(-1)?.day ?? null, revealed: [] },
    };
  } finally {
    await client.end();
  }
}

async function letterOf(client: pg.Client, id: string): Promise<Evidence['letter']> {
  const { rows } = await client.query<{ sender: string | null; reference: string | null }>(
    'SELECT sender, reference FROM history_api_v1.letter WHERE id = $1',
    [id],
  );
  const [row] = rows;
  if (row === undefined) throw new EvidenceUnavailable('there is no such letter');
  if (row.sender === null || row.reference === null)
    throw new EvidenceUnavailable('whose letter it is has not been heard of yet');
  return { id, sender: row.sender, reference: row.reference };
}

async function entriesOf(client: pg.Client, id: string): Promise<EvidenceEntry[]> {
  const { rows } = await client.query<{
    seq: number;
    at: Date;
    kind: string;
    leg: number | null;
    event_id: string;
    data: Buffer;
    hash: Buffer;
  }>('SELECT seq, at, kind, leg, event_id, data, hash FROM history_api_v1.history WHERE letter_id = $1 ORDER BY seq', [
    id,
  ]);
  return rows.map(({ seq, at, kind, leg, event_id, data, hash }) => ({
    ...{ seq, at: at.toISOString(), kind, leg, eventId: event_id },
    ...{ data: data.toString('utf8'), hash: hash.toString('hex') },
  }));
}

/** With the revocation lists about their signers: for each issuer the first that is newer than the receipt, else the newest. */
async function receiptsOf(client: pg.Client, id: string, entries: readonly EvidenceEntry[]) {
  const { rows } = await client.query<{ event_id: string; provider: string; raw: string; certificates: string | null }>(
    'SELECT event_id, provider, raw, certificates FROM history_api_v1.receipt WHERE letter_id = $1',
    [id],
  );
  const byEvent = new Map(rows.map((row) => [row.event_id, row]));
  const found: { receipt: Omit<EvidenceReceipt, 'revocationLists'>; issuers: readonly string[] }[] = [];
  const lists = new Map<string, { der: string; issuer: string }>();
  for (const { seq, eventId } of entries) {
    const row = byEvent.get(eventId);
    if (row === undefined) continue;
    const chain = certificatesFromPem(row.certificates ?? '');
    const issuers = chain.slice(1).map((one) => issuerKey(one));
    for (const list of await listsAbout(client, issuers, signedAt(row.raw))) lists.set(list.id, list);
    found.push({
      receipt: {
        ...{ entry: seq, provider: row.provider, raw: row.raw },
        certificates: chain.map((one) => one.raw.toString('base64')),
      },
      issuers: issuers.map((one) => one.toString('hex')),
    });
  }
  const ordered = [...lists].sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    lists: ordered.map(([, { der }]) => der),
    receipts: found.map(({ receipt, issuers }) => ({
      ...receipt,
      revocationLists: ordered.filter(([, { issuer }]) => issuers.includes(issuer)).map(([hash]) => hash),
    })),
  };
}

const signedAt = (raw: string): Date =>
  new Date(
    readSbd(raw).sbd.standardBusinessDocument.standardBusinessDocumentHeader.documentIdentification.creationDateAndTime,
  );

async function listsAbout(
  client: pg.Client,
  issuers: readonly Buffer[],
  at: Date,
): Promise<{ id: string; issuer: string; der: string }[]> {
  const { rows } = await client.query<{ id: Buffer; issuer: Buffer; der: Buffer }>(
    `SELECT l.id, l.issuer, l.der FROM unnest($1::bytea[]) AS wanted(issuer)
     CROSS JOIN LATERAL (
       SELECT id, issuer, der FROM history_api_v1.revocation_list WHERE issuer = wanted.issuer
       ORDER BY this_update < $2, abs(extract(epoch FROM this_update - $2)) LIMIT 1
     ) l`,
    [issuers, at],
  );
  return rows.map(({ id, issuer, der }) => ({
    ...{ id: id.toString('hex'), issuer: issuer.toString('hex'), der: der.toString('base64') },
  }));
}

/** One for each day on which the letter changed and that has its root. Throws when the day's tree has another leaf than the history of today. */
async function pathsOf(client: pg.Client, id: string, entries: readonly EvidenceEntry[]): Promise<EvidencePath[]> {
  const { rows: days } = await client.query<{ day: string; seq: number }>(
    `SELECT recorded_on::text AS day, max(seq) AS seq FROM history_api_v1.recording
     WHERE letter_id = $1 AND recorded_on IN (SELECT day FROM history_api_v1.day_root)
     GROUP BY recorded_on ORDER BY recorded_on`,
    [id],
  );
  const paths: EvidencePath[] = [];
  for (const { day, seq } of days) {
    const { rows: chunks } = await client.query<{ number: number; root: Buffer }>(
      'SELECT number, root FROM history_api_v1.day_chunk WHERE day = $1 ORDER BY number',
      [day],
    );
    const { rows } = await client.query<{ number: number; leaves: Buffer }>(
      `SELECT number, leaves FROM history_api_v1.day_chunk WHERE day = $1 AND first_letter <= $2 ORDER BY number DESC LIMIT 1`,
      [day, id],
    );
    const leaf = hashLeaf({ letterId: id, seq, head: Buffer.from(entries[seq - 1]?.hash ?? '', 'hex') });
    const leaves = leavesOf(rows[0]?.leaves ?? Buffer.alloc(0));
    const place = leaves.findIndex((one) => one.equals(leaf));
    if (rows[0] === undefined || place < 0)
      throw new EvidenceUnavailable(
        `entry ${seq} is not what the root of ${day} holds: the history was altered after that day was closed`,
      );
    const { number } = rows[0];
    const steps = chunkedPathOf(
      leaves,
      place,
      chunks.map(({ root }) => root),
      number,
    );
    paths.push({
      ...{ day, seq, index: number * CHUNK_LEAVES + place },
      steps: steps.map(({ sibling, node }) => ({ sibling: sibling.toString('hex'), node: node.toString('hex') })),
    });
  }
  return paths;
}

async function rootsFrom(client: pg.Client, day: string | undefined): Promise<{ day: string; statement: string }[]> {
  if (day === undefined) return [];
  const { rows } = await client.query<{ day: string; statement: string }>(
    'SELECT day::text, statement FROM history_api_v1.day_root WHERE day >= $1 ORDER BY day_root.day',
    [day],
  );
  return rows;
}
