import 'reflect-metadata';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import {
  decode,
  encode,
  header,
  messageIdOf,
  type Headers,
  type LetterDispatch,
  type LetterDispatched,
  type LetterRefused,
  type ReceiptReceived,
} from '@postgang/pipeline';
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
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { service } from '../src/index.js';
import { SealedLetters, type ProviderName } from './sealed-letters.js';

const AGENCY = '310000027';
const OTHER_AGENCY = '310000108';

interface Seen<T> {
  readonly id: string | undefined;
  readonly traceparent: string | undefined;
  readonly event: T;
}

const prefix = uniquePrefix();
const dispatched: Seen<LetterDispatched>[] = [];
const refused: Seen<LetterRefused>[] = [];
const receipts: Seen<ReceiptReceived>[] = [];
const deadLetters: { key: string; headers: Headers }[] = [];
let closing: (() => Promise<unknown>)[] = [];
let sandbox: Sandbox;
let letters: SealedLetters;
let publisher: Publisher;
let sender: BatchingSender;
let database: pg.Client;
let managementUrl: string;

beforeAll(async () => {
  const { brokers, redis } = testServers();
  const kafka = kafkaClient({ brokers, topicPrefix: prefix }, 'spec', createLogger('spec', 'silent'));
  await createTopics(kafka, [], { prefix, replication: 1, partitions: 2 });
  const fresh = await freshDatabase();
  closing.push(() => fresh.drop());
  const folder = await mkdtemp(join(tmpdir(), 'provider-dispatch-'));
  closing.push(() => rm(folder, { recursive: true, force: true }));
  sandbox = await startSandbox({ dir: join(folder, 'sandbox'), receiptDelayMs: 0 });
  closing.push(() => sandbox.stop());
  await admin('POST', '/admin/agencies', { agencies: [AGENCY, OTHER_AGENCY] });
  letters = new SealedLetters(sandbox, join(folder, 'documents'));
  const producer = kafkaProducer(kafka);
  await producer.connect();
  closing.push(() => producer.disconnect());
  sender = new BatchingSender(producer, prefix);
  publisher = new Publisher('encryption', sender);
  const consumer = kafka.consumer({ groupId: `${prefix}spec` });
  await consumer.connect();
  closing.push(() => consumer.disconnect());
  const topics = [
    'letter.dispatched.v1',
    'letter.refused.v1',
    'provider-dispatch.dlq',
    ...['digipost', 'eboks', 'print'].map((provider) => `receipt.received.${provider}.v1`),
  ];
  await consumer.subscribe({ topics: topics.map((topic) => prefix + topic), fromBeginning: true });
  await consumer.run({
    eachMessage: ({ topic, message: { key, value, headers = {} } }) => {
      const seen = { id: header(headers, 'ce_id'), traceparent: header(headers, 'traceparent') };
      if (topic.endsWith('letter.dispatched.v1'))
        dispatched.push({ ...seen, event: decode('letter.dispatched.v1', value) });
      else if (topic.endsWith('letter.refused.v1'))
        refused.push({ ...seen, event: decode('letter.refused.v1', value) });
      else if (topic.endsWith('.dlq')) deadLetters.push({ key: String(key), headers });
      else receipts.push({ ...seen, event: decode('receipt.received.v1', value) });
      return Promise.resolve();
    },
  });
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
}, 60_000);

afterAll(async () => {
  for (const close of closing.reverse()) await close();
  closing = [];
}, 30_000);

beforeEach(async () => {
  await admin('POST', '/admin/reset', {});
});

async function admin(method: string, path: string, body: unknown): Promise<void> {
  const answer = await fetch(sandbox.url + path, {
    method,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
}

async function accepted(): Promise<{ accepted: number; distinctMessageIds: number; duplicatesRefused: number }> {
  const answer = await fetch(`${sandbox.url}/admin/counts`);
  return (
    (await answer.json()) as { messages: { accepted: number; distinctMessageIds: number; duplicatesRefused: number } }
  ).messages;
}

const TRACE = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
const send = (...events: LetterDispatch[]): Promise<void> =>
  publisher.publish(
    events.map((event) =>
      draft('letter.dispatch.<provider>.v1', event.letterId, event, {
        parameter: event.provider,
        id: randomUUID(),
        traceparent: TRACE,
      }),
    ),
  );
/** What `senders_held` says of an agency. */
async function held(sender: string): Promise<number | undefined> {
  const page = await (await fetch(`${managementUrl}/metrics`)).text();
  const line = page.split('\n').find((one) => one.startsWith('senders_held{') && one.includes(`"${sender}"`));
  return line === undefined ? undefined : Number(line.split(' ').at(-1));
}

/** As a plan of libs/redrive does. */
const redrive = (...events: LetterDispatch[]): Promise<void> =>
  sender.send(
    events.map((event) => ({
      topic: 'provider-dispatch.retry.10s',
      key: event.letterId,
      value: encode('letter.dispatch.v1', event),
      headers: {
        ce_id: event.messageId,
        'origin-topic': `letter.dispatch.${event.provider}.v1`,
        redrive: 'a plan',
        redrives: '1',
      },
    })),
  );
const handedOver = (event: LetterDispatch): Promise<Seen<LetterDispatched>> =>
  eventually('letter.dispatched.v1', () => dispatched.find((seen) => seen.event.letterId === event.letterId), 40_000);
const refusal = (event: LetterDispatch): Promise<LetterRefused> =>
  eventually('letter.refused.v1', () => refused.find((seen) => seen.event.letterId === event.letterId)?.event, 40_000);

async function row(event: LetterDispatch): Promise<{ state: string; attempts: number; reason: string | null }> {
  const { rows } = await database.query<{ state: string; attempts: number; reason: string | null }>(
    'SELECT state, attempts, reason FROM effect WHERE id = $1',
    [event.messageId],
  );
  return rows[0] ?? { state: 'NONE', attempts: 0, reason: null };
}

describe('a letter', () => {
  it.each<[ProviderName]>([['digipost'], ['eboks'], ['print']])(
    'is handed over to %s once, however often its event comes',
    async (provider) => {
      const event = await letters.seal(AGENCY, provider);
      await send(event, event, event);
      expect((await handedOver(event)).event).toMatchObject({
        leg: 1,
        provider,
        messageId: messageIdOf(event.letterId, 1),
        attempts: 1,
        settled: false,
      });
      await send(event);
      const next = await letters.seal(AGENCY, provider);
      await send(next);
      await handedOver(next);
      expect(dispatched.filter((seen) => seen.event.letterId === event.letterId)).toHaveLength(1);
      expect(await accepted()).toMatchObject({ accepted: 2, distinctMessageIds: 2, duplicatesRefused: 0 });
    },
  );

  it('whose answer was lost after the provider took it is settled by asking, and counted once', async () => {
    sandbox.fault({ system: 'access-point', mode: 'drop-answer-after-effect' });
    const event = await letters.seal(AGENCY);
    await send(event);
    await eventually('the uncertainty', async () => ((await row(event)).state === 'UNCERTAIN' ? true : undefined));
    sandbox.fault({ system: 'access-point', mode: 'none' });
    expect((await handedOver(event)).event).toMatchObject({ settled: true, attempts: 1 });
    expect(await accepted()).toMatchObject({ accepted: 1, distinctMessageIds: 1, duplicatesRefused: 0 });
  }, 60_000);

  it('waits while the provider is away; no attempt is burnt', async () => {
    sandbox.fault({ system: 'maskinporten', mode: 'off' });
    const waiting = await Promise.all([1, 2, 3].map(() => letters.seal('310000205')));
    await admin('POST', '/admin/agencies', { agencies: ['310000205'] });
    await send(...waiting);
    await eventually('a try that came to nothing', async () =>
      (await row(waiting[0] as LetterDispatch)).reason === 'maskinporten-down' ? true : undefined,
    );
    sandbox.fault({ system: 'maskinporten', mode: 'none' });
    for (const event of waiting) expect((await handedOver(event)).event).toMatchObject({ attempts: 1, settled: false });
  }, 60_000);

  it('waits as long as a busy provider asks; no attempt is burnt', async () => {
    await admin('POST', '/admin/faults', {
      system: 'access-point',
      mode: 'status',
      status: 429,
      retryAfterSeconds: 2,
      seconds: 1,
    });
    const began = performance.now();
    const event = await letters.seal(AGENCY);
    await send(event);
    expect((await handedOver(event)).event).toMatchObject({ attempts: 1 });
    expect(performance.now() - began).toBeGreaterThan(2_000);
  }, 60_000);

  it('of an agency that took its delegation back waits alone', async () => {
    await admin('DELETE', '/admin/delegations', { consumer: OTHER_AGENCY });
    const blocked = await letters.seal(OTHER_AGENCY);
    await send(blocked);
    await eventually('the hold', async () => ((await row(blocked)).reason === 'no-delegation' ? true : undefined));
    expect(await held(OTHER_AGENCY)).toBe(1);
    const free = await letters.seal(AGENCY);
    await send(free);
    await handedOver(free);
    expect(await row(blocked)).toMatchObject({ state: 'QUEUED', attempts: 0 });
    expect(await held(AGENCY)).toBeUndefined();

    await admin('POST', '/admin/agencies', { agencies: [OTHER_AGENCY] });
    expect((await handedOver(blocked)).event).toMatchObject({ attempts: 1 });
    expect(await held(OTHER_AGENCY)).toBe(0);
    expect(refused.some(({ event }) => event.letterId === blocked.letterId)).toBe(false);
  }, 90_000);

  it('that the provider refuses is news for the sender', async () => {
    const event = await letters.seal(AGENCY);
    await send({ ...event, providerOrganisation: '910076787' });
    expect(await refusal(event)).toMatchObject({ about: 'LEG', leg: 1, reason: 'provider-refused' });
    expect(await row(event)).toMatchObject({ state: 'REFUSED', reason: 'unknown-receiver', attempts: 1 });
  });

  it('whose package is gone fails, with a dead letter for the operator', async () => {
    const event = await letters.seal(AGENCY);
    await send({ ...event, packageDigest: Buffer.alloc(32).toString('base64') });
    expect(await refusal(event)).toMatchObject({ about: 'LEG', reason: 'provider-unreachable' });
    const dead = await eventually('the dead letter', () => deadLetters.find(({ key }) => key === event.letterId));
    expect(header(dead.headers, 'origin-topic')).toBe('letter.dispatch.digipost.v1');
    expect(header(dead.headers, 'failure')).toBe('cannot-be-handed-over');
  });

  it('that was given up goes out when an operator has it sent again, and what was not given up stays as it is', async () => {
    const [failed, done] = [await letters.seal(AGENCY), await letters.seal(AGENCY)];
    await send({ ...failed, packageDigest: Buffer.alloc(32).toString('base64') }, done);
    await refusal(failed);
    await handedOver(done);
    await redrive(failed, done);
    expect((await handedOver(failed)).event).toMatchObject({ messageId: failed.messageId, attempts: 1 });
    expect(await row(done)).toMatchObject({ state: 'HANDED_OVER', attempts: 1 });
    expect(await accepted()).toMatchObject({ accepted: 2, distinctMessageIds: 2, duplicatesRefused: 0 });
  });

  it('whose process died between end and event is told by the sweep, under the same id', async () => {
    const event = await letters.seal(AGENCY);
    await send(event);
    const first = await handedOver(event);
    await eventually('the mark', async () => {
      const { rowCount } = await database.query('SELECT 1 FROM effect WHERE id = $1 AND published_at IS NOT NULL', [
        event.messageId,
      ]);
      return rowCount === 1 ? true : undefined;
    });
    await database.query(
      "UPDATE effect SET published_at = NULL, done_at = done_at - interval '1 minute' WHERE id = $1",
      [event.messageId],
    );
    const both = await eventually('the event again', () => {
      const found = dispatched.filter((seen) => seen.event.letterId === event.letterId);
      return found.length === 2 ? found : undefined;
    });
    expect(both[1]?.id).toBe(first.id);
  });
});

describe('receipts', () => {
  it('tell for every provider until when it has been asked for all it had', async () => {
    const told = await eventually('a word about each', () => {
      const providers = receipts.filter(({ event }) => event.pulledUntil !== null).map(({ event }) => event.provider);
      return new Set(providers).size === 3 ? providers : undefined;
    });
    expect(new Set(told)).toEqual(new Set(['digipost', 'eboks', 'print']));
  });

  it('are published before they are marked read, and never get lost on the way', async () => {
    // marks fail now and then: what was fetched comes again, as the same event. Not every second call: pulls and hand-overs take turns
    sandbox.fault({ system: 'access-point', mode: 'status', status: 503, percent: 34 });
    const event = await letters.seal(AGENCY);
    await send(event);
    await handedOver(event);
    sandbox.fault({ system: 'access-point', mode: 'none' });
    const mine = (): Seen<ReceiptReceived>[] =>
      receipts.filter((seen) => seen.event.conversationId === event.conversationId);
    await eventually('the receipt', () => mine()[0]);
    await eventually('an empty inbox', async () => {
      const counts = (await (await fetch(`${sandbox.url}/admin/counts`)).json()) as { receipts: { waiting: number } };
      return counts.receipts.waiting === 0 ? true : undefined;
    });
    expect(new Set(mine().map(({ id }) => id)).size).toBe(1);
    expect(mine()[0]?.traceparent).toBe(TRACE);
    expect((await handedOver(event)).traceparent).toBe(TRACE);
    await eventually('the note that somebody answered', async () => {
      const { rowCount } = await database.query('SELECT 1 FROM effect WHERE id = $1 AND answered_at IS NOT NULL', [
        event.messageId,
      ]);
      return rowCount === 1 ? true : undefined;
    });
  }, 60_000);
});
