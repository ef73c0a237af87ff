import 'reflect-metadata';
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DocumentErased, FilesystemStore, MasterKeys } from '@postgang/document-store';
import { KeyRing } from '@postgang/outside';
import {
  decode,
  letterIdOf,
  type LetterAccepted,
  type LetterStatusChanged,
  type LetterSubmitted,
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
  type RunningService,
} from '@postgang/runtime';
import { eventually, freshDatabase, testServers, uniquePrefix } from '@postgang/testing';
import { generateKeyPair } from 'jose';
import pg from 'pg';
import { Uploads } from '../src/documents/uploads.js';
import { AgencyRegister, INGRESS_KEY_ID, service } from '../src/index.js';
import { RegisterLookup } from './register-lookup.js';
import { AUDIENCE, ISSUER, TokenIssuer, type TokenWish } from './token-issuer.js';

const AGENCY = '991825827';
const OTHER = '974760673';
const SUPPLIER = '984661185';
const LATE = '996460320';
const STRANGER = '910076787';
/** Synthetic (month + 80). */
const RECIPIENT = '13868190005';
const PDF = Buffer.from('%PDF-1.4\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n');

const prefix = uniquePrefix();
const accepted: { id: string; traceparent: string; letter: LetterAccepted['letter'] }[] = [];
const statuses: { topic: string; event: LetterStatusChanged }[] = [];
const keyJson = JSON.stringify({
  internal: { active: 'k', keys: { k: randomBytes(32).toString('base64') } },
  search: { active: 'k', keys: { k: randomBytes(32).toString('base64') } },
});
const masterJson = JSON.stringify({ active: 'm', keys: { m: randomBytes(32).toString('base64') } });
const keys = KeyRing.parse(keyJson);
const closing: (() => Promise<unknown>)[] = [];
let issuer: TokenIssuer;
let registerLookup: RegisterLookup;
let agencies: AgencyRegister;
let running: RunningService;
let database: pg.Client;
let publisher: Publisher;
let folder: string;
let kafka: ReturnType<typeof kafkaClient>;

beforeAll(async () => {
  const { brokers } = testServers();
  kafka = kafkaClient({ brokers, topicPrefix: prefix }, 'integration-point-spec', createLogger('spec', 'silent'));
  await createTopics(kafka, [AGENCY], { prefix, replication: 1, partitions: 2 });
  const fresh = await freshDatabase();
  closing.push(() => fresh.drop());
  folder = await mkdtemp(path.join(tmpdir(), 'integration-point-'));
  closing.push(() => rm(folder, { recursive: true }));
  issuer = await TokenIssuer.start();
  closing.push(() => issuer.stop());
  registerLookup = await RegisterLookup.start(keys);
  closing.push(() => registerLookup.stop());
  running = await startService(service, {
    REGISTER_LOOKUP_URL: registerLookup.url,
    POSTGANG_ENVIRONMENT: 'test',
    KAFKA_BROKERS: brokers.join(','),
    TOPIC_PREFIX: prefix,
    POSTGRES_URL: fresh.url,
    LOG_LEVEL: 'silent',
    KEY_RING: keyJson,
    TOKEN_ISSUER: ISSUER,
    TOKEN_JWKS_URL: issuer.jwksUrl,
    TOKEN_AUDIENCE: AUDIENCE,
    DOCUMENT_STORE: folder,
    DOCUMENT_KEYS: masterJson,
  });
  closing.push(() => running.stop());
  database = new pg.Client({ connectionString: fresh.url });
  await database.connect();
  closing.push(() => database.end());
  agencies = await AgencyRegister.open(fresh.url, keys);
  closing.push(() => agencies.close());
  // after the start: the agency's topic is subscribed to while the service runs
  const { ingressKey } = await agencies.add({ orgnr: AGENCY, name: 'Etaten', kafka: true });
  keys.add(`agency:${AGENCY}`, INGRESS_KEY_ID, new Map([[INGRESS_KEY_ID, Buffer.from(ingressKey ?? '', 'base64')]]));
  await agencies.add({ orgnr: OTHER, name: 'Kommunen', kafka: false });
  await agencies.delegate(AGENCY, SUPPLIER);
  const producer = kafkaProducer(kafka);
  await producer.connect();
  closing.push(() => producer.disconnect());
  publisher = new Publisher('receipts', new BatchingSender(producer, prefix));
  const consumer = kafka.consumer({ groupId: `${prefix}spec` });
  await consumer.connect();
  closing.push(() => consumer.disconnect());
  await consumer.subscribe({
    topics: [`${prefix}letter.accepted.v1`, `${prefix}letter.status.v1.${AGENCY}`],
    fromBeginning: true,
  });
  await consumer.run({
    eachMessage: ({ topic, message }) => {
      if (topic.endsWith('letter.accepted.v1'))
        accepted.push({
          id: String(message.headers?.['ce_id']),
          traceparent: String(message.headers?.['traceparent']),
          letter: decode('letter.accepted.v1', message.value).letter,
        });
      else statuses.push({ topic, event: decode('letter.status.v1', message.value) });
      return Promise.resolve();
    },
  });
}, 60_000);

afterAll(async () => {
  for (const close of closing.reverse()) await close();
}, 30_000);

interface Answer {
  readonly status: number;
  readonly type: string | null;
  readonly body: Record<string, unknown>;
}

async function call(
  method: string,
  url: string,
  options: { token?: TokenWish; body?: string | FormData | Uint8Array<ArrayBuffer>; type?: string } = {},
): Promise<Answer> {
  const token = await issuer.issue(options.token ?? { consumer: AGENCY });
  const response = await fetch(running.url + url, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(options.type === undefined ? {} : { 'content-type': options.type }),
    },
    ...(options.body === undefined ? {} : { body: options.body }),
  });
  return {
    status: response.status,
    type: response.headers.get('content-type'),
    body: (await response.json()) as Record<string, unknown>,
  };
}

const letter = (more: Record<string, unknown> = {}): Record<string, unknown> => ({
  reference: randomUUID(),
  recipient: RECIPIENT,
  kind: 'enkeltvedtak',
  title: 'Vedtak om støtte',
  nonSensitiveTitle: 'Brev fra Etaten',
  documents: [{ title: 'Vedtaket', type: 'application/pdf', file: 'main' }],
  ...more,
});

function form(json: unknown, files: Record<string, Buffer> = { main: PDF }): FormData {
  const data = new FormData();
  data.append('letter', JSON.stringify(json));
  for (const [name, content] of Object.entries(files))
    data.append(name, new Blob([new Uint8Array(content)]), '../x.pdf');
  return data;
}

const handIn = (json: unknown, token?: TokenWish, files?: Record<string, Buffer>): Promise<Answer> =>
  call('POST', '/v1/letters', { body: form(json, files), ...(token === undefined ? {} : { token }) });

const published = (letterId: unknown): Promise<(typeof accepted)[number]> =>
  eventually('letter.accepted.v1', () => accepted.find((one) => one.letter.letterId === letterId));
/** The row says that its event is out. */
const marked = (letterId: unknown): Promise<unknown> =>
  eventually('the mark', async () => {
    const { rows } = await database.query(
      'SELECT 1 FROM integration_point.letter WHERE id = $1 AND published_at IS NOT NULL',
      [letterId],
    );
    return rows[0] as unknown;
  });

const problem = (name: string): object => ({ type: `https://postgang.no/problems/${name}` });

describe('the REST door', () => {
  it('accepts a letter, publishes it sealed, and finds it at once', async () => {
    const sent = letter({ notice: { smsText: 'Du har fått brev' } });
    const answer = await handIn(sent);
    expect(answer).toMatchObject({ status: 202, body: { status: 'ACCEPTED' } });
    const { letterId, href } = answer.body;
    expect(letterId).toBe(letterIdOf(AGENCY, String(sent['reference'])));
    expect(await call('GET', String(href))).toMatchObject({ status: 200, body: { letterId, status: 'ACCEPTED' } });
    expect(await call('GET', `/v1/letters?reference=${String(sent['reference'])}`)).toMatchObject({
      body: { letters: [{ letterId }] },
    });
    expect(await call('GET', `${String(href)}/history`)).toMatchObject({ status: 200, body: { history: [] } });
    expect(await call('GET', `${String(href)}/receipts`)).toMatchObject({ status: 200, body: { receipts: [] } });
    const { letter: event } = await published(letterId);
    const open = (field: string, sealed: Buffer | null | undefined): string =>
      keys.open('internal', String(letterId), field, sealed ?? Buffer.alloc(0));
    expect(open('recipient', event.recipient)).toBe(RECIPIENT);
    expect(open('title', event.title)).toBe('Vedtak om støtte');
    expect(open('nonSensitiveTitle', event.nonSensitiveTitle)).toBe('Brev fra Etaten');
    expect(open('document.0.title', event.documents[0]?.title)).toBe('Vedtaket');
    expect(open('notice.smsText', event.notice?.smsText)).toBe('Du har fått brev');
    expect(event).toMatchObject({
      sender: AGENCY,
      senderName: 'Etaten',
      kind: 'ENKELTVEDTAK',
      securityLevel: 4,
      language: 'nb',
      door: 'REST',
    });
    const store = await FilesystemStore.open({ root: folder, keys: MasterKeys.parse(masterJson) });
    expect(await store.get(event.documents[0]?.ref ?? '')).toEqual(PDF);
    await store.close();
  });

  it('takes the same reference with the same content as the same letter, and refuses other content', async () => {
    const sent = letter();
    const [first, again] = await Promise.all([handIn(sent), handIn(sent)]);
    expect([first.status, again.status, (await handIn(sent)).status]).toEqual([202, 202, 202]);
    expect(again.body).toEqual(first.body);
    expect(await handIn({ ...sent, title: 'Noe annet' })).toMatchObject({
      status: 409,
      body: problem('reference-reused'),
    });
    await marked(first.body['letterId']);
    await published(first.body['letterId']);
    expect(accepted.filter((one) => one.letter.letterId === first.body['letterId'])).toHaveLength(1);
  });

  it('takes many letters at once, each exactly once', async () => {
    const answers = await Promise.all(Array.from({ length: 40 }, () => handIn(letter())));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
    for (const { body } of answers) await published(body['letterId']);
    for (const { body } of answers)
      expect(accepted.filter((one) => one.letter.letterId === body['letterId'])).toHaveLength(1);
  });

  it('takes JSON that names an uploaded document', async () => {
    const documentId = randomUUID();
    const put = (body: Buffer): Promise<Answer> =>
      call('PUT', `/v1/documents/${documentId}`, { body: new Uint8Array(body), type: 'application/pdf' });
    expect((await put(PDF)).status).toBe(201);
    expect((await put(PDF)).status).toBe(201);
    expect(await put(Buffer.concat([PDF, PDF]))).toMatchObject({ status: 409, body: problem('document-id-reused') });
    const sent = letter({ documents: [{ title: 'A', type: 'application/pdf', documentId }] });
    const send = (token?: TokenWish): Promise<Answer> =>
      call('POST', '/v1/letters', { body: JSON.stringify(sent), type: 'application/json', ...(token && { token }) });
    expect((await send()).status).toBe(202);
    // another agency's upload does not exist
    expect(await send({ consumer: OTHER })).toMatchObject({
      status: 400,
      body: { errors: [{ pointer: '/documents/0/documentId' }] },
    });
  });

  it('gives an upload to one letter only, and forgets those nobody took', async () => {
    const upload = async (): Promise<string> => {
      const documentId = randomUUID();
      await call('PUT', `/v1/documents/${documentId}`, { body: new Uint8Array(PDF), type: 'application/pdf' });
      return documentId;
    };
    const json = (sent: Record<string, unknown>): Promise<Answer> =>
      call('POST', '/v1/letters', { body: JSON.stringify(sent), type: 'application/json' });
    const naming = (documentId: string): Record<string, unknown> =>
      letter({ documents: [{ title: 'Vedtaket', type: 'application/pdf', documentId }] });
    const id = await upload();
    const both = await Promise.all([naming(id), naming(id)].map(json));
    expect(both.map(({ status }) => status).sort()).toEqual([202, 400]);
    const late = naming(id);
    expect(await json(late)).toMatchObject({ status: 400, body: problem('invalid-letter') });
    expect(await json({ ...late, ...naming(await upload()), reference: late['reference'] })).toMatchObject({
      status: 202,
    });
    const unused = await upload();
    const ref = async (): Promise<string | undefined> =>
      (await database.query<{ ref: string }>('SELECT ref FROM integration_point.document WHERE id = $1', [unused]))
        .rows[0]?.ref;
    const stored = await ref();
    await database.query(
      "UPDATE integration_point.document SET uploaded_at = now() - interval '8 days' WHERE id = $1",
      [unused],
    );
    const store = await FilesystemStore.open({ root: folder, keys: MasterKeys.parse(masterJson) });
    const query = async (sql: string, values: unknown[]): Promise<unknown[]> => {
      await database.query('SET search_path TO integration_point');
      return (await database.query<Record<string, unknown>>(sql, values)).rows;
    };
    const uploads = new Uploads({ database: { query } } as never, store);
    expect(await uploads.dropUnused(10)).toBe(false);
    expect(await ref()).toBeUndefined();
    await expect(store.get(stored as string)).rejects.toThrow(DocumentErased);
    await store.close();
  });

  it('carries the trace of the request on, and begins one where there is none', async () => {
    const trace = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    const send = async (headers: Record<string, string>): Promise<string> => {
      const answer = await fetch(`${running.url}/v1/letters`, {
        method: 'POST',
        headers: { authorization: `Bearer ${await issuer.issue({ consumer: AGENCY })}`, ...headers },
        body: form(letter()),
      });
      return ((await answer.json()) as { letterId: string }).letterId;
    };
    expect((await published(await send({ traceparent: trace }))).traceparent).toBe(trace);
    const own = (await published(await send({ traceparent: 'not a trace' }))).traceparent;
    expect(own).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
  });

  it('keeps the documents of the first hand-in', async () => {
    const sent = letter();
    const { body } = await handIn(sent);
    expect(await handIn(sent)).toMatchObject({ status: 202, body });
    const { letter: kept } = await published(body['letterId']);
    const store = await FilesystemStore.open({ root: folder, keys: MasterKeys.parse(masterJson) });
    expect(await store.get(kept.documents[0]?.ref ?? '')).toEqual(PDF);
    await store.close();
  });

  it('refuses wrong tokens, scopes, agencies and suppliers', async () => {
    const { privateKey: key } = await generateKeyPair('RS256');
    const consumer = AGENCY;
    const cases: [TokenWish, number, string][] = [
      [{ consumer, key }, 401, 'unauthenticated'],
      [{ consumer, audience: 'https://else.example/' }, 401, 'unauthenticated'],
      [{ consumer, issuer: 'https://else.example/' }, 401, 'unauthenticated'],
      [{ consumer, expiresIn: -60 }, 401, 'unauthenticated'],
      [{ consumer, scope: 'postgang:letters.read' }, 403, 'scope-missing'],
      [{ consumer: STRANGER }, 403, 'unknown-agency'],
      [{ consumer, supplier: STRANGER }, 403, 'not-delegated'],
    ];
    for (const [token, status, name] of cases)
      expect(await handIn(letter(), token)).toMatchObject({
        status,
        body: problem(name),
        type: expect.stringContaining('application/problem+json'),
      });
    const delegated = await handIn(letter(), { consumer, supplier: SUPPLIER });
    expect(delegated.status).toBe(202);
    expect((await published(delegated.body['letterId'])).letter.supplier).toBe(SUPPLIER);
    expect((await fetch(`${running.url}/v1/letters`, { method: 'POST' })).status).toBe(401);
  });

  it("hides an agency's letters from others", async () => {
    const { body } = await handIn(letter());
    const token = { consumer: OTHER };
    for (const path of ['', '/history', '/receipts'])
      expect(await call('GET', String(body['href']) + path, { token })).toMatchObject({
        status: 404,
        body: problem('letter-not-found'),
      });
  });

  it('names every wrong field and repeats nothing of the input', async () => {
    const answer = await handIn(
      letter({
        recipient: '12345678901',
        kind: 'hemmelig-slag',
        documents: [{ title: 'linje\nskift', type: 'application/pdf', file: 'main' }],
        notice: { serviceMessage: 'hemmelig' },
        hemmelig: 1,
      }),
    );
    expect(answer).toMatchObject({ status: 400, body: problem('invalid-letter') });
    const pointers = (answer.body['errors'] as { pointer: string }[]).map(({ pointer }) => pointer);
    expect(pointers).toEqual(expect.arrayContaining(['/kind', '/documents/0/title', '/notice/serviceMessage', '']));
    expect(JSON.stringify(answer.body)).not.toMatch(/hemmelig|12345678901/);
    expect(await handIn(letter({ recipient: '12345678901' }))).toMatchObject({
      body: { errors: [{ pointer: '/recipient' }] },
    });
    expect(await handIn(letter({ notice: { serviceMessage: true } }))).toMatchObject({
      body: { errors: [{ pointer: '/notice/serviceMessage' }] },
    });
  });

  it('believes the content and not its declared type', async () => {
    const png = Buffer.from('89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489', 'hex');
    for (const content of [png, Buffer.from('just text'), Buffer.from('MZ\0\0\x01\x02'), Buffer.alloc(0)])
      expect(await handIn(letter(), undefined, { main: content })).toMatchObject({
        status: 400,
        body: { errors: [{ pointer: '/documents/0/type' }] },
      });
    expect(await handIn(letter(), undefined, { other: PDF })).toMatchObject({
      body: { errors: [{ pointer: '/documents/0/file' }] },
    });
    expect(await call('PUT', `/v1/documents/${randomUUID()}`, { body: 'text', type: 'application/pdf' })).toMatchObject(
      { status: 415 },
    );
  });

  it('tries a letter out and keeps nothing of it', async () => {
    const sent = letter();
    const tryOut = (json: unknown): Promise<Answer> => call('POST', '/v1/letters?dryRun=true', { body: form(json) });
    const answer = await tryOut(sent);
    expect(answer).toMatchObject({
      status: 200,
      body: { dryRun: true, alreadyHandedIn: false, way: { channel: 'print', provider: 'print', rule: 'reserved' } },
    });
    expect(registerLookup.questions.at(-1)).toMatchObject({ sender: AGENCY, nationalId: RECIPIENT, onlyPdf: true });
    expect(await call('GET', `/v1/letters/${String(answer.body['letterId'])}`)).toMatchObject({ status: 404 });
    registerLookup.answer = { refused: 'no-postal-address' };
    expect(await tryOut(sent)).toMatchObject({ status: 200, body: { way: { refused: 'no-postal-address' } } });
    expect(await handIn(sent)).toMatchObject({ status: 202, body: { letterId: answer.body['letterId'] } });
    expect(await tryOut(sent)).toMatchObject({ status: 200, body: { alreadyHandedIn: true } });
    expect(await tryOut({ ...sent, title: 'Noe annet' })).toMatchObject({ status: 409 });
    expect(await tryOut({ ...sent, kind: 'reklame' })).toMatchObject({ status: 400, body: problem('invalid-letter') });
    registerLookup.status = 503;
    expect(await tryOut(letter())).toMatchObject({ status: 503, body: problem('unavailable') });
    registerLookup.status = 200;
    registerLookup.answer = { channel: 'pigeon' };
    expect(await tryOut(letter())).toMatchObject({ status: 503, body: problem('unavailable') });
  });

  it('answers malformed requests and unknown paths with problems', async () => {
    const post = (body: string, type: string, query = ''): Promise<Answer> =>
      call('POST', `/v1/letters${query}`, { body, type });
    expect(await post('{', 'application/json')).toMatchObject({ status: 400, body: problem('invalid-request') });
    expect(await post('{}', 'application/json')).toMatchObject({ status: 400, body: problem('invalid-letter') });
    expect(await post('x', 'multipart/form-data')).toMatchObject({ status: 400 });
    expect(await post('{}', 'application/json', '?dryRun=perhaps')).toMatchObject({
      status: 400,
      body: problem('invalid-request'),
    });
    expect(await call('GET', '/nowhere')).toMatchObject({ status: 404, body: problem('not-found') });
  });

  it('refuses by Content-Length before the body, and a longer stream soon after 50 MB', async () => {
    const headers = {
      authorization: `Bearer ${await issuer.issue({ consumer: AGENCY })}`,
      'content-type': 'application/pdf',
    };
    const send = (extra: object, body: (write: (chunk: Buffer) => boolean) => void): Promise<number | undefined> =>
      new Promise((resolve, reject) => {
        const url = `${running.url}/v1/documents/${randomUUID()}`;
        const request = httpRequest(url, { method: 'PUT', headers: { ...headers, ...extra } }, (response) => {
          resolve(response.statusCode);
          request.destroy();
        });
        request.on('error', reject);
        body((chunk) => request.write(chunk));
      });
    expect(await send({ 'content-length': String(60 * 1024 * 1024) }, (write) => write(PDF))).toBe(413);
    const chunk = Buffer.alloc(1024 * 1024, '%PDF-1.4 ');
    expect(
      await send({}, (write) => {
        for (let index = 0; index < 52; index++) write(chunk);
      }),
    ).toBe(413);
  });

  it('shows its description as a page that loads nothing from elsewhere', async () => {
    const page = await fetch(`${running.url}/docs`);
    const html = await page.text();
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
    const assets = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, url]) => url as string);
    expect(assets.length).toBeGreaterThan(2);
    for (const asset of assets) {
      expect(asset).toMatch(/^\.?\//);
      const url = new URL(asset, `${running.url}/docs`);
      const answer = await fetch(url);
      expect(answer.status).toBe(200);
      const text = await answer.text();
      if (url.pathname.endsWith('init.js')) expect(text).not.toMatch(/https?:\/\/(?!postgang\.no)/);
    }
    expect(html.replaceAll(/xmlns(:\w+)?="[^"]*"/g, '')).not.toMatch(/https?:\/\//);
  });

  it('describes itself in OpenAPI', async () => {
    const answer = await call('GET', '/openapi.json');
    expect(answer.body).toMatchObject({ openapi: '3.1.0', components: { schemas: { Letter: { type: 'object' } } } });
  });

  it('publishes what a crash left between row and event', async () => {
    const { body } = await handIn(letter());
    const first = await published(body['letterId']);
    await marked(body['letterId']);
    await database.query(
      "UPDATE integration_point.letter SET published_at = NULL, accepted_at = now() - interval '1 minute' WHERE id = $1",
      [body['letterId']],
    );
    const both = await eventually('the event again', () => {
      const found = accepted.filter((one) => one.letter.letterId === body['letterId']);
      return found.length === 2 ? found : undefined;
    });
    expect(both[1]).toEqual(first);
  });
});

describe('the Kafka door', () => {
  const upload = async (): Promise<string> => {
    const documentId = randomUUID();
    await call('PUT', `/v1/documents/${documentId}`, { body: new Uint8Array(PDF), type: 'application/pdf' });
    return documentId;
  };
  const submitted = (reference: string, documentId: string, more: Partial<LetterSubmitted> = {}): LetterSubmitted => {
    const seal = (field: string, value: string): Buffer =>
      keys.seal(`agency:${AGENCY}`, letterIdOf(AGENCY, reference), field, value);
    return {
      reference,
      kind: 'INFORMATION',
      recipient: seal('recipient', RECIPIENT),
      title: seal('title', 'Tittel'),
      nonSensitiveTitle: seal('nonSensitiveTitle', 'Brev'),
      language: 'nn',
      securityLevel: 3,
      documents: [{ title: seal('document.0.title', 'Dokument'), documentId }],
      print: null,
      notice: null,
      openingReceipt: false,
      effectiveAt: null,
      avsenderidentifikator: null,
      invoiceReference: null,
      caseReference: null,
      ...more,
    };
  };
  const submit = (event: LetterSubmitted, key = letterIdOf(AGENCY, event.reference)): Promise<void> =>
    publisher.publish([draft('letter.submitted.v1.<orgnr>', key, event, { parameter: AGENCY, id: randomUUID() })]);
  const told = (reference: string): Promise<LetterStatusChanged> =>
    eventually('the status', () => statuses.find(({ event }) => event.reference === reference)?.event);

  it('accepts a letter from the topic of an agency that was added while it ran', async () => {
    const reference = randomUUID();
    await submit(submitted(reference, await upload()));
    const { letter: event } = await published(letterIdOf(AGENCY, reference));
    expect(event).toMatchObject({
      sender: AGENCY,
      senderName: 'Etaten',
      door: 'KAFKA',
      kind: 'INFORMATION',
      language: 'nn',
    });
    expect(keys.open('internal', event.letterId, 'recipient', event.recipient)).toBe(RECIPIENT);
  });

  it('turns bad records into refusals on the agency topic and leaves the letter of that reference alone', async () => {
    const documentId = await upload();
    const foreign = keys.seal(`agency:${AGENCY}`, randomUUID(), 'recipient', RECIPIENT);
    const refused = async (event: LetterSubmitted, reason: string, key?: string): Promise<void> => {
      await submit(event, key);
      expect(await told(event.reference)).toMatchObject({ about: 'HAND_IN', status: 'REFUSED', seq: 0, reason });
    };
    await refused(submitted(randomUUID(), documentId, { recipient: foreign }), 'not-openable');
    await refused(submitted(randomUUID(), documentId, { securityLevel: 5 }), 'invalid-letter');
    await refused(submitted(randomUUID(), randomUUID()), 'invalid-letter');
    await refused(submitted(randomUUID(), documentId), 'key-mismatch', randomUUID());
    const existing = await handIn(letter());
    const { reference } = (await published(existing.body['letterId'])).letter;
    await refused(submitted(reference, documentId), 'reference-reused');
    expect(accepted.filter(({ letter }) => letter.reference === reference)).toHaveLength(1);
  });

  it('passes statuses on to agencies that have a topic, and to no others', async () => {
    const status = (sender: string): LetterStatusChanged => ({
      about: 'LETTER',
      letterId: randomUUID(),
      sender,
      reference: randomUUID(),
      seq: 4,
      status: 'DELIVERED',
      leg: 1,
      channel: 'DIGITAL_MAILBOX',
      provider: 'digipost',
      reason: null,
      detail: null,
      pointer: null,
      at: Date.now(),
    });
    const [others, own] = [status(OTHER), status(AGENCY)];
    await publisher.publish(
      [others, own].map((event) => draft('letter.status.v1', event.letterId, event, { id: randomUUID() })),
    );
    expect(await told(own.reference)).toEqual(own);
    expect(statuses.some(({ event }) => event.reference === others.reference)).toBe(false);
  });

  it('does not subscribe to an agency whose topics are not there yet', async () => {
    await agencies.add({ orgnr: LATE, name: 'Ny etat', kafka: true });
    const reference = randomUUID();
    await submit(submitted(reference, await upload()));
    await published(letterIdOf(AGENCY, reference));
  });
});
