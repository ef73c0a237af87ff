import 'reflect-metadata';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decode, header, type Letter, type LetterRefused, type LetterRouted } from '@postgang/pipeline';
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
import { scripted, startSandbox, type Sandbox } from '@postgang/sandbox';
import { eventually, freshDatabase, testServers, uniquePrefix } from '@postgang/testing';
import pg from 'pg';
import { service } from '../src/index.js';
import { AcceptedLetters } from './accepted-letters.js';
import { RegisterGate } from './register-gate.js';

export const AGENCY = '310000027';
export const AGENCIES = [AGENCY, '310000108', '310000205'] as const;
export const SEED = 5;

export interface Seen<T> {
  readonly id: string | undefined;
  readonly attempt: string | undefined;
  readonly value: Buffer;
  readonly event: T;
}

export const prefix = uniquePrefix();
export const letters = new AcceptedLetters();
export const routed: Seen<LetterRouted>[] = [];
export const refused: Seen<LetterRefused>[] = [];
export const setAside: { topic: string; letterId: string; failure: string | undefined; attempt: string | undefined }[] =
  [];
let closing: (() => Promise<unknown>)[] = [];
export let sandbox: Sandbox;
export let gate: RegisterGate;
let publisher: Publisher;
let running: RunningService;
export let database: pg.Client;
export let databaseUrl: string;
let environment: Readonly<Record<string, string | undefined>>;

/** The service on real servers, with the gate between it and the sandbox. Once per spec file. */
export async function startRig(registerTimeoutMs = 20_000): Promise<void> {
  const { brokers, redis } = testServers();
  const kafka = kafkaClient({ brokers, topicPrefix: prefix }, 'spec', createLogger('spec', 'silent'));
  await createTopics(kafka, [], { prefix, replication: 1, partitions: 2 });
  const fresh = await freshDatabase();
  closing.push(() => fresh.drop());
  const folder = await mkdtemp(join(tmpdir(), 'register-lookup-'));
  closing.push(() => rm(folder, { recursive: true, force: true }));
  sandbox = await startSandbox({ dir: folder, seed: SEED });
  closing.push(() => sandbox.stop());
  await admin('POST', '/admin/agencies', { agencies: AGENCIES });
  gate = new RegisterGate(sandbox.url);
  const registers = await gate.listen();
  closing.push(() => gate.stop());
  const producer = kafkaProducer(kafka);
  await producer.connect();
  closing.push(() => producer.disconnect());
  publisher = new Publisher('integration-point', new BatchingSender(producer, prefix));
  const consumer = kafka.consumer({ groupId: `${prefix}spec` });
  await consumer.connect();
  closing.push(() => consumer.disconnect());
  const aside = ['retry.10s', 'retry.1m', 'retry.10m', 'retry.1h', 'dlq'].map((name) => `register-lookup.${name}`);
  await consumer.subscribe({
    topics: ['letter.routed.v1', 'letter.refused.v1', ...aside].map((topic) => prefix + topic),
    fromBeginning: true,
  });
  await consumer.run({
    eachMessage: ({ topic, message: { key, value, headers = {} } }) => {
      const seen = { id: header(headers, 'ce_id'), attempt: header(headers, 'attempt'), value: value as Buffer };
      if (topic.endsWith('letter.routed.v1')) routed.push({ ...seen, event: decode('letter.routed.v1', value) });
      else if (topic.endsWith('letter.refused.v1'))
        refused.push({ ...seen, event: decode('letter.refused.v1', value) });
      else setAside.push({ topic, letterId: String(key), failure: header(headers, 'failure'), attempt: seen.attempt });
      return Promise.resolve();
    },
  });
  databaseUrl = fresh.url;
  environment = {
    POSTGANG_ENVIRONMENT: 'test',
    KAFKA_BROKERS: brokers.join(','),
    TOPIC_PREFIX: prefix,
    POSTGRES_URL: fresh.url,
    REDIS_URL: redis,
    LOG_LEVEL: 'fatal',
    KEY_RING: letters.keyRing,
    OPERATOR_KEY_FILE: join(folder, 'operator.key.pem'),
    OPERATOR_CHAIN_FILE: join(folder, 'operator.chain.pem'),
    MASKINPORTEN_ISSUER: sandbox.issuer,
    MASKINPORTEN_CLIENT_ID: sandbox.operator.clientId,
    KRR_URL: registers,
    POPULATION_REGISTER_URL: registers,
    REGISTER_TIMEOUT_MS: String(registerTimeoutMs),
    ACCESS_PROBE_MS: '1000',
  };
  running = await startService(service, environment);
  closing.push(() => running.stop());
  database = new pg.Client({ connectionString: fresh.url, options: '-c search_path=register_lookup' });
  await database.connect();
  closing.push(() => database.end());
}

/** The service anew, on the same database and topics. */
export async function restart(settings: Readonly<Record<string, string>> = {}): Promise<void> {
  await running.stop();
  running = await startService(service, { ...environment, ...settings });
}
export const serviceIsReady = (): boolean => running.ready();

export async function stopRig(): Promise<void> {
  for (const close of closing.reverse()) await close();
  closing = [];
}

export function resetRig(): void {
  gate.reset();
  setAside.length = 0;
}

export async function admin(method: string, path: string, body: unknown): Promise<void> {
  const answer = await fetch(sandbox.url + path, {
    method,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
}

export const person = (name: string): string => scripted(name).nationalId;
export const send = (list: readonly Letter[], id?: string): Promise<void> =>
  publisher.publish(
    list.map((letter) =>
      draft('letter.accepted.v1', letter.letterId, { letter, commitments: null }, { id: id ?? randomUUID() }),
    ),
  );
export const routeOf = (letter: Letter): Promise<Seen<LetterRouted>> =>
  eventually('letter.routed.v1', () => routed.find(({ event }) => event.letter.letterId === letter.letterId));
export const refusalOf = (letter: Letter): Promise<Seen<LetterRefused>> =>
  eventually('letter.refused.v1', () => refused.find(({ event }) => event.letterId === letter.letterId));
export const ended = (letter: Letter): boolean =>
  routed.some(({ event }) => event.letter.letterId === letter.letterId) ||
  refused.some(({ event }) => event.letterId === letter.letterId);

/** One number of the service's own metrics; 0 when there is none yet. */
export async function metric(name: string, label = ''): Promise<number> {
  const text = await (await fetch(`${running.managementUrl}/metrics`)).text();
  const line = text.split('\n').find((one) => one.startsWith(`${name}{`) && one.includes(label));
  return Number(/} (\S+)/.exec(line ?? '')?.[1] ?? 0);
}
