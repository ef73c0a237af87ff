import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually, testServers } from '@postgang/testing';
import { LocalServer, TcpProxy } from '@postgang/testing/faults';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { AGENCY, form, letter, PDF, Rig } from './rig.js';

interface Heard {
  readonly status: number;
  readonly retryAfter: string | null;
  readonly letterId: string;
  readonly ms: number;
}

async function handIn(rig: Rig, json: unknown): Promise<Heard> {
  const began = performance.now();
  const token = await rig.issuer.issue({ consumer: AGENCY });
  const answer = await fetch(`${rig.running.url}/v1/letters`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}` },
    body: form(json),
  });
  const { letterId } = (await answer.json()) as { letterId: string };
  const ms = performance.now() - began;
  return { status: answer.status, retryAfter: answer.headers.get('retry-after'), letterId, ms };
}

async function ask(rig: Rig, path: string, upload?: Buffer): Promise<Omit<Heard, 'letterId'>> {
  const began = performance.now();
  const scope = upload === undefined ? 'postgang:letters.read' : 'postgang:letters.write';
  const token = await rig.issuer.issue({ consumer: AGENCY, scope });
  const answer = await fetch(`${rig.running.url}/v1/${path}`, {
    headers: { authorization: `Bearer ${token}`, ...(upload && { 'content-type': 'application/pdf' }) },
    ...(upload && { method: 'PUT', body: new Uint8Array(upload) }),
  });
  await answer.arrayBuffer();
  return { status: answer.status, retryAfter: answer.headers.get('retry-after'), ms: performance.now() - began };
}

const unpublished = async (rig: Rig): Promise<number> => {
  const { rows } = await rig.database.query<{ n: number }>(
    'SELECT count(*)::int AS n FROM integration_point.letter WHERE published_at IS NULL',
  );
  return rows[0]?.n ?? 0;
};

const metric = async (rig: Rig, dependency: string): Promise<number> => {
  const page = await (await fetch(`${rig.running.managementUrl}/metrics`)).text();
  const line = page.split('\n').find((one) => one.startsWith('dependency_down{') && one.includes(`"${dependency}"`));
  return Number(line?.split(' ').at(-1));
};

describe('while the broker is away', () => {
  const dir = mkdtempSync(path.join(tmpdir(), 'postgang-outages-'));
  let broker: LocalServer;
  let rig: Rig;

  beforeAll(async () => {
    broker = await LocalServer.start('kafka', { dir });
    rig = await Rig.start({}, { brokers: [`127.0.0.1:${broker.port}`] });
  }, 120_000);
  afterAll(async () => {
    await rig?.stop();
    await broker?.stop();
    rmSync(dir, { recursive: true, force: true });
  }, 60_000);

  it('letters are accepted, as their rows are durable, and published when it is back, each under its own id', async () => {
    const before = await handIn(rig, letter());
    expect(before.status).toBe(202);
    await eventually('the mark', async () => (await unpublished(rig)) === 0 || undefined);
    await broker.kill();
    const first = await handIn(rig, letter());
    expect(first).toMatchObject({ status: 202 });
    expect(first.ms).toBeLessThan(10_000);

    const sent = [before, first];
    const late: number[] = [];
    for (let round = 0; round < 10; round++)
      for (const heard of await Promise.all(Array.from({ length: 20 }, () => handIn(rig, letter())))) {
        expect(heard.status).toBe(202);
        sent.push(heard);
        if (heard.ms > 2_500) late.push(heard.ms);
      }
    // whoever comes while nobody has asked the broker anew waits for nobody
    expect(late.length).toBeLessThanOrEqual(20);
    expect(await unpublished(rig)).toBe(201);
    expect(await metric(rig, 'kafka')).toBe(1);

    await broker.startAgain();
    await eventually('all published', async () => (await unpublished(rig)) === 0 || undefined, 90_000);
    await eventually(
      'the broker known to be back',
      async () => (await metric(rig, 'kafka')) === 0 || undefined,
      30_000,
    );
    const published = await readAll(rig, sent.length);
    expect(new Set(published.keys())).toEqual(new Set(sent.map(({ letterId }) => letterId)));
    for (const ids of published.values()) expect(ids.size).toBe(1);
  }, 240_000);
});

describe('while the database is away', () => {
  let proxy: TcpProxy;
  let rig: Rig;

  beforeAll(async () => {
    proxy = await TcpProxy.start(Number(new URL(testServers().postgres).port));
    rig = await Rig.start({}, { databasePort: proxy.port });
  }, 120_000);
  afterAll(async () => {
    proxy?.heal();
    await rig?.stop();
    await proxy?.stop();
  }, 60_000);

  it('the answer is 503 with Retry-After at once, and the same letter is taken when it is back', async () => {
    const sent = letter();
    expect((await handIn(rig, letter())).status).toBe(202);
    proxy.cut();
    const refused = await handIn(rig, sent);
    expect(refused).toMatchObject({ status: 503, retryAfter: '5' });
    expect(refused.ms).toBeLessThan(2_500);
    await eventually('the database seen to be away', async () => (await metric(rig, 'postgres')) === 1 || undefined);
    proxy.heal();
    await eventually('the letter taken', async () => (await handIn(rig, sent)).status === 202 || undefined);
    await eventually('the database seen to be back', async () => (await metric(rig, 'postgres')) === 0 || undefined);
  }, 60_000);

  it('and says nothing at all, one caller waits five seconds and those after it not at all', async () => {
    const sent = letter();
    proxy.halfOpen();
    const first = await handIn(rig, sent);
    expect(first).toMatchObject({ status: 503, retryAfter: '5' });
    expect(first.ms).toBeLessThan(9_000);
    const next = await Promise.all(Array.from({ length: 20 }, () => handIn(rig, letter())));
    for (const heard of next) {
      expect(heard).toMatchObject({ status: 503, retryAfter: '5' });
      expect(heard.ms).toBeLessThan(2_500);
    }
    proxy.heal();
    await eventually('the letter taken', async () => (await handIn(rig, sent)).status === 202 || undefined, 60_000);
  }, 120_000);

  it('nor does it keep who asks for a letter, or uploads a document, waiting longer', async () => {
    const [read, upload] = [`letters/${randomUUID()}`, `documents/${randomUUID()}`];
    const both = () => Promise.all([ask(rig, read), ask(rig, upload, PDF)]);
    proxy.halfOpen();
    for (const heard of [...(await both()), ...(await both())]) {
      expect(heard).toMatchObject({ status: 503, retryAfter: '5' });
      expect(heard.ms).toBeLessThan(9_000);
    }
    proxy.heal();
    const found = async () => (await both()).map(({ status }) => status).join() === '404,201' || undefined;
    await eventually('answers', found, 60_000);
  }, 120_000);
});

/** By letter: the ids of the events that say it was accepted. A consumer begun before may not have lived through the crash. */
async function readAll(rig: Rig, letters: number): Promise<Map<string, Set<string>>> {
  const found = new Map<string, Set<string>>();
  const consumer = rig.kafka.consumer({ groupId: `${rig.prefix}after` });
  try {
    await consumer.connect();
    await consumer.subscribe({ topics: [`${rig.prefix}letter.accepted.v1`], fromBeginning: true });
    await consumer.run({
      eachMessage: ({ message }) => {
        const key = String(message.key);
        found.set(key, (found.get(key) ?? new Set()).add(String(message.headers?.['ce_id'])));
        return Promise.resolve();
      },
    });
    await eventually('every letter on the topic', () => found.size >= letters || undefined, 30_000);
    return found;
  } finally {
    await consumer.disconnect();
  }
}

describe('while the document store is not mounted', () => {
  let rig: Rig;
  beforeAll(async () => {
    rig = await Rig.start();
  }, 120_000);
  afterAll(() => rig?.stop(), 60_000);

  it('also from the start on, a hand-in is answered with 503, and nothing is put below the mount point', async () => {
    const sent = letter();
    expect((await handIn(rig, letter())).status).toBe(202);
    const unmounted = mkdtempSync(path.join(tmpdir(), 'postgang-unmounted-'));
    try {
      await rig.restart({ DOCUMENT_STORE: unmounted });
      expect(await handIn(rig, sent)).toMatchObject({ status: 503, retryAfter: '5' });
      expect(readdirSync(unmounted)).toEqual([]);
      await rig.restart();
      expect((await handIn(rig, sent)).status).toBe(202);
    } finally {
      rmSync(unmounted, { recursive: true });
    }
  }, 60_000);
});
