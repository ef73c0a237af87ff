import 'reflect-metadata';
import { randomUUID } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { encode, letterIdOf } from '@postgang/pipeline';
import { kafkaProducer, type Producer } from '@postgang/runtime';
import { eventually } from '@postgang/testing';
import fc from 'fast-check';
import { AGENCY, letter, Rig } from './rig.js';

/** A failure prints seed and path; `{ seed, path }` repeats it. */
const SEED = 20_261_125;
const REQUESTS = 1_500;
const RECORDS = 1_500;
const AT_ONCE = 25;
const MB = 1_048_576;
/** A good letter is taken at once: a heavily loaded machine is allowed for. */
const AT_ONCE_MS = 5_000;

/** Both ends of all those connections are in this one process: the first letter waits until it has read what they sent. */
const AMID_THOUSANDS_MS = 30_000;

let rig: Rig;
let producer: Producer;
let token: string;
const unhandled: unknown[] = [];
const note = (error: unknown): void => void unhandled.push(error);

beforeAll(async () => {
  process.on('unhandledRejection', note);
  process.on('uncaughtExceptionMonitor', note);
  rig = await Rig.start();
  producer = kafkaProducer(rig.kafka);
  await producer.connect();
  token = await rig.issuer.issue({ consumer: AGENCY });
}, 90_000);

afterAll(async () => {
  await producer?.disconnect();
  await rig?.stop();
  process.off('unhandledRejection', note);
  process.off('uncaughtExceptionMonitor', note);
}, 60_000);

/** Returns how long it took, in milliseconds. */
async function goodLetter(within = AT_ONCE_MS): Promise<number> {
  const began = performance.now();
  const answer = await rig.handIn(letter());
  expect(answer.status).toBe(202);
  await rig.published(answer.body['letterId']);
  const took = performance.now() - began;
  expect(took).toBeLessThan(within);
  return Math.round(took);
}

/** What is left after everything that can be thrown away was. */
function heapAfterGc(): number {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  gc();
  gc();
  return process.memoryUsage().heapUsed;
}

const anything = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.string({ unit: 'binary', maxLength: 200 }),
  fc.constantFrom('__proto__', 'constructor', '', ' ', '\u0000', '9'.repeat(400), null, -1, 1e308),
);
/** One thing of a good letter is replaced, added or taken away. Its documents name no part, so not one of them can be accepted. */
const fields = Object.keys(letter());
const spoilt = fc.tuple(fc.constantFrom(...fields, 'print', 'notice', 'language', '__proto__', 'x'), anything);
const json = spoilt.map(([name, value]) => JSON.stringify({ ...letter(), [name]: value }));
const broken = fc.oneof(fc.string({ unit: 'binary', maxLength: 300 }), fc.json(), json);
const types = [
  'application/json',
  'application/JSON; charset=utf-16',
  'text/plain',
  'multipart/form-data',
  'multipart/form-data; boundary=b',
  'x/y',
  '',
];
const request = fc.record({
  method: fc.constantFrom('POST', 'POST', 'POST', 'POST', 'POST', 'PUT', 'GET', 'DELETE'),
  path: fc.oneof(
    { arbitrary: fc.constant('/v1/letters'), weight: 8 },
    { arbitrary: fc.constant(`/v1/documents/${randomUUID()}`), weight: 2 },
    { arbitrary: fc.string({ maxLength: 60 }).map((text) => `/v1/letters/${encodeURIComponent(text)}/why`), weight: 1 },
    {
      arbitrary: fc.string({ maxLength: 60 }).map((text) => `/v1/letters?reference=${encodeURIComponent(text)}`),
      weight: 1,
    },
    { arbitrary: fc.webPath().map((path) => `/v1${path}`), weight: 1 },
  ),
  type: fc.constantFrom('application/json', 'application/json', ...types),
  bearer: fc.constantFrom('good', 'good', 'good', 'none', 'bad'),
  body: broken,
});

describe('generated input', () => {
  it('over REST is refused by a problem, and never by an error of ours; a good letter in between is taken at once', async () => {
    const before = heapAfterGc();
    const requests = fc.sample(request, { numRuns: REQUESTS, seed: SEED });
    const counts = new Map<number, number>();
    for (let from = 0; from < requests.length; from += AT_ONCE) {
      await Promise.all(
        requests.slice(from, from + AT_ONCE).map(async ({ method, path, type, bearer, body }, index) => {
          const authorization = bearer === 'none' ? undefined : `Bearer ${bearer === 'good' ? token : 'e30.e30.e30'}`;
          const answer = await fetch(rig.running.url + path, {
            method,
            headers: {
              ...(authorization === undefined ? {} : { authorization }),
              ...(type === '' ? {} : { 'content-type': type }),
            },
            ...(method === 'GET' ? {} : { body: Buffer.from(body) }),
          });
          const text = await answer.text();
          counts.set(answer.status, (counts.get(answer.status) ?? 0) + 1);
          const what = `seed ${SEED}, request ${from + index}: ${answer.status}`;
          if (answer.status >= 500) throw new Error(what);
          if (answer.status >= 400) {
            expect([what, answer.headers.get('content-type')]).toEqual([
              what,
              expect.stringMatching(/^application\/problem\+json/),
            ]);
            expect(JSON.parse(text)).toMatchObject({ status: answer.status });
          } else if (answer.status === 202) throw new Error(`${what}: a broken letter was accepted`);
        }),
      );
      if (from % 300 === 0) await goodLetter();
    }
    await goodLetter();
    process.stdout.write(`answers by status: ${JSON.stringify(Object.fromEntries([...counts].sort()))}\n`);
    expect(counts.get(400) ?? 0).toBeGreaterThan(REQUESTS / 10);
    expect(heapAfterGc() - before).toBeLessThan(48 * MB);
    expect(unhandled).toEqual([]);
  }, 180_000);

  it("on an agency's topic is refused or set aside; a good letter on it goes on", async () => {
    const before = heapAfterGc();
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 300 }).map((some) => Buffer.from(some)),
      fc.tuple(fc.nat(400), fc.integer({ min: 1, max: 255 })).map(([at, mask]) => {
        const good = submitted(randomUUID(), randomUUID());
        const value = Buffer.from(good.value);
        value[at % value.length] = (value[at % value.length] as number) ^ mask;
        return value;
      }),
    );
    const key = fc.oneof(fc.uuid(), fc.string({ unit: 'binary', maxLength: 250 }));
    const records = fc.sample(fc.tuple(key, bytes), { numRuns: RECORDS, seed: SEED });
    const topic = `${rig.prefix}letter.submitted.v1.${AGENCY}`;
    const documentId = await rig.upload();
    const reference = randomUUID();
    const good = submitted(reference, documentId);
    // at the very end of what is bad
    for (let from = 0; from < records.length; from += 250)
      await producer.send({
        topic,
        acks: -1,
        messages: records.slice(from, from + 250).map(([k, value]) => ({ key: k, value })),
      });
    await producer.send({ topic, acks: -1, messages: [good] });
    await rig.published(good.key);
    expect(heapAfterGc() - before).toBeLessThan(48 * MB);
    expect(unhandled).toEqual([]);
    const rows = await rig.database.query('SELECT FROM integration_point.letter WHERE reference = $1', [reference]);
    expect(rows.rowCount).toBe(1);
  }, 180_000);
});

describe('connections that only cost', () => {
  it('idle, half-open and slow ones by the thousand leave room for good letters', async () => {
    // both ends of each are in this process
    const report = process.report.getReport() as unknown as {
      userLimits: { open_files: { soft: number | 'unlimited' } };
    };
    const { soft } = report.userLimits.open_files;
    const files = soft === 'unlimited' ? 1_000_000 : soft;
    const most = Math.min(10_000, Math.floor((files - 1_000) / 2));
    process.stdout.write(`${most} connections, with ${files} open files allowed\n`);
    const sockets = await openMany(most);
    try {
      sockets.forEach((socket, index) => {
        if (index % 5 === 0) socket.write('POST /v1/letters HTTP/1.1\r\nHost: x\r\nX-Slow: ');
        if (index % 5 === 1)
          socket.write(
            `POST /v1/letters HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n{`,
          );
        if (index % 5 === 2) socket.end();
        if (index % 50 === 3) socket.write(`GET /v1/letters HTTP/1.1\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`);
      });
      const took = [];
      for (let count = 0; count < 5; count++) took.push(await goodLetter(AMID_THOUSANDS_MS));
      process.stdout.write(`good letters among them: ${took.join(', ')} ms\n`);
      expect(rig.running.ready()).toBe(true);
      expect(unhandled).toEqual([]);
    } finally {
      for (const socket of sockets) socket.destroy();
    }
    await goodLetter(AMID_THOUSANDS_MS);
  }, 180_000);
});

function submitted(reference: string, documentId: string): { key: string; value: Buffer } {
  const letterId = letterIdOf(AGENCY, reference);
  const seal = (field: string, value: string): Buffer => rig.keys.seal(`agency:${AGENCY}`, letterId, field, value);
  const value = encode('letter.submitted.v1', {
    reference,
    kind: 'INFORMATION',
    recipient: seal('recipient', '13868190005'),
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
  });
  return { key: letterId, value };
}

/** Resolves when all are connected; what the other side does to them later is no error here. */
async function openMany(count: number): Promise<Socket[]> {
  const { hostname, port } = new URL(rig.running.url ?? '');
  const sockets: Socket[] = [];
  let open = 0;
  for (let from = 0; from < count; from += 500) {
    for (let index = from; index < Math.min(from + 500, count); index++) {
      const socket = connect({ port: Number(port), host: hostname, allowHalfOpen: true }, () => open++);
      socket.on('error', () => undefined);
      sockets.push(socket);
    }
    await eventually('connections', () => (open >= Math.min(from + 500, count) ? true : undefined), 30_000);
  }
  return sockets;
}
