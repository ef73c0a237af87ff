import { afterAll, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { KeyRing } from '@postgang/outside';
import { openDatabase } from '@postgang/runtime';
import { freshDatabase } from '@postgang/testing';
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { insertLetters } from '../src/acceptance/letter-rows.js';
import { Unsettled } from '../src/acceptance/unsettled.js';
import type { Stored } from '../src/documents/uploads.js';
import { service } from '../src/index.js';
import { checkLetter, type LetterInput } from '../src/letter/letter-schema.js';
import { sealLetter, type SealedLetter } from '../src/letter/seal-letter.js';

const SENDER = '991825827';
const MINUTE = 60_000;
const key = (): object => ({ active: 'k', keys: { k: randomBytes(32).toString('base64') } });
const keys = KeyRing.parse(JSON.stringify({ internal: key(), content: key() }));
const stored = (ref: string): Stored => ({
  stored: { ref, size: 4, sha256: Buffer.alloc(32) },
  mediaType: 'application/pdf',
});

function letterWith(reference: string, ref: string): SealedLetter {
  const document = { title: 'A', type: 'application/pdf', file: 'a' };
  const input = { reference, recipient: '13868190005', kind: 'information', title: 'T', nonSensitiveTitle: 'N' };
  const { letter } = checkLetter({ ...input, documents: [document] }, 'test') as { letter: LetterInput };
  const documents = [{ title: 'A', mediaType: 'application/pdf', ref, size: 4, sha256: Buffer.alloc(32) }];
  const handedIn = { sender: SENDER, senderName: undefined, supplier: undefined, letter, documents };
  return sealLetter(keys, { ...handedIn, door: 'REST' as const, traceparent: '' }, new Date());
}

let fresh: Awaited<ReturnType<typeof freshDatabase>>;
let database: Awaited<ReturnType<typeof openDatabase>>;
let erased: string[];
let unsettled: Unsettled;

beforeAll(async () => {
  fresh = await freshDatabase();
  const { entities, migrations } = service.database as NonNullable<typeof service.database>;
  const onStatement = (): void => undefined;
  database = await openDatabase({
    ...{ url: fresh.url, schema: 'integration_point', pool: 3, entities, migrations, onStatement },
  });
}, 60_000);
afterAll(async () => {
  await database?.destroy();
  await fresh?.drop();
});
beforeEach(() => {
  erased = [];
  const discard = ({ stored: { ref } }: Stored): Promise<void> => Promise.resolve(void erased.push(ref));
  unsettled = new Unsettled({ database }, { discard });
});

it('documents of a hand-in that failed are erased when no letter names them, once the database has answered for a minute', async () => {
  const [written, never] = [letterWith('written', 'kept'), letterWith('never-written', 'lost')];
  await insertLetters(database, [written]);
  unsettled.add(written.letterId, [stored('kept')], 0);
  unsettled.add(written.letterId, [stored('of the repeat')], 0);
  unsettled.add(never.letterId, [stored('lost'), stored('lost too')], 0);
  for (const now of [MINUTE - 1, MINUTE, 2 * MINUTE - 1]) await unsettled.settle(now);
  expect(erased).toEqual([]);
  await unsettled.settle(2 * MINUTE);
  expect(erased).toEqual(['of the repeat', 'lost', 'lost too']);
  await unsettled.settle(3 * MINUTE);
  expect(erased).toHaveLength(3);
  // the look left nothing behind: the reference is free
  const rows = await insertLetters(database, [never]);
  expect(rows.get(never.letterId)?.body.equals(never.body)).toBe(true);
});

it('a letter whose commit hangs is waited for, however long, and keeps its documents', async () => {
  const letter = letterWith('commit-hangs', 'named');
  const writer = new pg.Client({ connectionString: fresh.url });
  await writer.connect();
  try {
    await writer.query('BEGIN');
    await writer.query(
      `INSERT INTO integration_point.letter (id, sender, reference, content_hash, body) VALUES ($1, $2, $3, $4, $5)`,
      [letter.letterId, letter.sender, letter.reference, letter.contentHash, letter.body],
    );
    unsettled.add(letter.letterId, [stored('named'), stored('left over')], 0);
    for (const now of [MINUTE, 3 * MINUTE]) await expect(unsettled.settle(now)).rejects.toThrow('lock timeout');
    expect(erased).toEqual([]);
    await writer.query('COMMIT');
  } finally {
    await writer.end();
  }
  await unsettled.settle(4 * MINUTE);
  expect(erased).toEqual([]);
  await unsettled.settle(5 * MINUTE);
  expect(erased).toEqual(['left over']);
}, 60_000);

it('that the database answered long ago says nothing about now: a letter whose write is still on its way keeps its documents', async () => {
  // some other hand-in, hours ago
  unsettled.add(letterWith('long-ago', 'of long ago').letterId, [stored('of long ago')], 0);
  for (const now of [MINUTE, 2 * MINUTE]) await unsettled.settle(now);
  erased.length = 0;
  // the database was silent for 50 s, and nobody asked meanwhile: nothing was due
  const [letter, silentFrom] = [letterWith('buffered', 'named by the late one'), 100 * MINUTE];
  unsettled.add(letter.letterId, [stored('named by the late one')], silentFrom);
  for (const now of [silentFrom + 30_000, silentFrom + 55_000, silentFrom + MINUTE]) await unsettled.settle(now);
  // what lay in the buffers of the network comes through, ten seconds after the database answers again
  const rows = await insertLetters(database, [letter]);
  expect(rows.get(letter.letterId)?.body.equals(letter.body)).toBe(true);
  await unsettled.settle(silentFrom + 3 * MINUTE);
  expect(erased).toEqual([]);
});
