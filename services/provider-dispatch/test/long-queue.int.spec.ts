import 'reflect-metadata';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { messageIdOf } from '@postgang/pipeline';
import {
  BatchingSender,
  createLogger,
  createTopics,
  draft,
  kafkaClient,
  kafkaProducer,
  Publisher,
  startService,
} from '@postgang/runtime';
import { startSandbox, type Sandbox } from '@postgang/sandbox';
import { eventually, freshDatabase, testServers, uniquePrefix } from '@postgang/testing';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import pg from 'pg';
import { service } from '../src/index.js';
import { SealedLetters } from './sealed-letters.js';

const AGENCY = '310000027';
const LETTERS = 5_000;
/** What the same number of letters would take if they were held: 5,000 × at least 2 kB. */
const MOST_GROWTH = 8 * 1024 * 1024;

const closing: (() => Promise<unknown>)[] = [];
let sandbox: Sandbox;
let letters: SealedLetters;
let publisher: Publisher;
let database: pg.Client;
let managementUrl: string;

beforeAll(async () => {
  const prefix = uniquePrefix();
  const { brokers, redis } = testServers();
  const kafka = kafkaClient({ brokers, topicPrefix: prefix }, 'spec', createLogger('spec', 'silent'));
  await createTopics(kafka, [], { prefix, replication: 1, partitions: 2 });
  const fresh = await freshDatabase();
  closing.push(() => fresh.drop());
  const folder = await mkdtemp(join(tmpdir(), 'long-queue-'));
  closing.push(() => rm(folder, { recursive: true, force: true }));
  sandbox = await startSandbox({ dir: join(folder, 'sandbox'), receiptDelayMs: 0 });
  closing.push(() => sandbox.stop());
  letters = new SealedLetters(sandbox, join(folder, 'documents'));
  const producer = kafkaProducer(kafka);
  await producer.connect();
  closing.push(() => producer.disconnect());
  publisher = new Publisher('encryption', new BatchingSender(producer, prefix));
  const running = await startService(service, {
    POSTGANG_ENVIRONMENT: 'test',
    KAFKA_BROKERS: brokers.join(','),
    TOPIC_PREFIX: prefix,
    POSTGRES_URL: fresh.url,
    REDIS_URL: redis,
    LOG_LEVEL: 'silent',
    KEY_RING: letters.keyRing,
    DOCUMENT_STORE: join(folder, 'documents'),
    DOCUMENT_KEYS: letters.documentKeys,
    OPERATOR: sandbox.operator.organisation,
    OPERATOR_KEY_FILE: join(sandbox.dir, 'operator.key.pem'),
    OPERATOR_CHAIN_FILE: join(sandbox.dir, 'operator.chain.pem'),
    MASKINPORTEN_ISSUER: sandbox.issuer,
    MASKINPORTEN_CLIENT_ID: sandbox.operator.clientId,
    ACCESS_POINT_URL: sandbox.url,
  });
  closing.push(() => running.stop());
  managementUrl = running.managementUrl;
  database = new pg.Client({ connectionString: fresh.url, options: '-c search_path=provider_dispatch' });
  await database.connect();
  closing.push(() => database.end());
  const agencies = await fetch(`${sandbox.url}/admin/agencies`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ agencies: [AGENCY] }),
  });
  expect(agencies.ok).toBe(true);
}, 120_000);
afterAll(async () => {
  for (const close of closing.reverse()) await close();
}, 60_000);

const effects = async (where: string): Promise<number> => {
  const { rows } = await database.query<{ n: number }>(`SELECT count(*)::int AS n FROM effect WHERE ${where}`);
  return rows[0]?.n ?? 0;
};

async function publish(count: number): Promise<void> {
  const events = await letters.many(AGENCY, count);
  for (let from = 0; from < events.length; from += 500)
    await publisher.publish(
      events.slice(from, from + 500).map((event) =>
        draft('letter.dispatch.<provider>.v1', event.letterId, event, {
          parameter: event.provider,
          id: messageIdOf(event.letterId, 1),
        }),
      ),
    );
}

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
function heap(): number {
  collect();
  return process.memoryUsage().heapUsed;
}

const isDown = async (dependency: string): Promise<boolean> => {
  const page = await (await fetch(`${managementUrl}/metrics`)).text();
  return page
    .split('\n')
    .some((line) => line.startsWith('dependency_down{') && line.includes(`"${dependency}"`) && line.endsWith(' 1'));
};

it('five thousand letters for a provider that is away wait as rows, and go by themselves when it is back, each at its first attempt', async () => {
  sandbox.fault({ system: 'access-point', mode: 'off' });
  await publish(200);
  await eventually('the first in the ledger', async () => (await effects('true')) === 200 || undefined, 60_000);
  await eventually('the access point seen to be away', async () => (await isDown('access-point')) || undefined, 60_000);
  const before = heap();
  await publish(LETTERS - 200);
  await eventually('all in the ledger', async () => (await effects('true')) === LETTERS || undefined, 90_000);
  expect(await effects("state = 'HANDED_OVER'")).toBe(0);
  const grown = heap() - before;
  expect(grown).toBeLessThan(MOST_GROWTH);

  const { accepted } = sandbox.counts.messages;
  expect(accepted).toBe(0);
  sandbox.fault({ system: 'access-point', mode: 'none' });
  await eventually(
    'all handed over',
    async () => (await effects("state = 'HANDED_OVER'")) === LETTERS || undefined,
    240_000,
  );
  expect(sandbox.counts.messages).toMatchObject({ accepted: LETTERS, duplicatesRefused: 0 });
  expect(await effects("state IN ('FAILED', 'REFUSED')")).toBe(0);
  process.stdout.write(`heap after ${LETTERS} waiting letters: ${(grown / 1_048_576).toFixed(1)} MB more\n`);
}, 480_000);
