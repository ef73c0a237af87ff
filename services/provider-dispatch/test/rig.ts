import 'reflect-metadata';
import {
  decode,
  encode,
  header,
  type Headers,
  type LetterDispatch,
  type LetterDispatched,
  type LetterRefused,
  PROVIDERS_WITH_TOPICS,
  topicName,
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
  type RunningService,
} from '@postgang/runtime';
import { startSandbox, type Sandbox } from '@postgang/sandbox';
import { eventually, freshDatabase, testServers, uniquePrefix } from '@postgang/testing';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { service } from '../src/index.js';
import { SealedLetters } from './sealed-letters.js';

export const AGENCY = '310000027';
export const OTHER_AGENCY = '310000108';

/** What every record that the rig sends comes from. */
export const TRACE = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

export interface Seen<T> {
  readonly id: string | undefined;
  readonly traceparent: string | undefined;
  readonly event: T;
}

const WAIT_MS = 40_000;

export interface Row {
  readonly state: string;
  readonly attempts: number;
  readonly settled: boolean;
  readonly settledHow: string | null;
  readonly reason: string | null;
}

/** Topics, a sandbox and a database of its own, in which the service can be stopped, restored and started again. */
export class Rig {
  readonly prefix = uniquePrefix();
  readonly dispatched: Seen<LetterDispatched>[] = [];
  readonly refused: Seen<LetterRefused>[] = [];
  readonly receipts: Seen<ReceiptReceived>[] = [];
  readonly deadLetters: { readonly key: string; readonly headers: Headers }[] = [];
  sandbox!: Sandbox;
  letters!: SealedLetters;
  running: RunningService | undefined;
  databaseUrl!: string;
  private folder!: string;
  private publisher!: Publisher;
  private sender!: BatchingSender;
  private readonly closing: (() => Promise<unknown>)[] = [];

  /** `receiptDelayMs`: how long the sandbox's providers take to answer, where it is not its own. */
  static async start(sandbox: { readonly receiptDelayMs?: number } = {}): Promise<Rig> {
    const rig = new Rig();
    await rig.open(sandbox);
    return rig;
  }

  private async open(sandbox: { readonly receiptDelayMs?: number }): Promise<void> {
    const { prefix, closing } = this;
    const kafka = kafkaClient(
      { brokers: testServers().brokers, topicPrefix: prefix },
      'spec',
      createLogger('spec', 'silent'),
    );
    await createTopics(kafka, [], { prefix, replication: 1, partitions: 2 });
    const fresh = await freshDatabase();
    closing.push(() => fresh.drop());
    this.databaseUrl = fresh.url;
    this.folder = await mkdtemp(join(tmpdir(), 'provider-dispatch-'));
    closing.push(() => rm(this.folder, { recursive: true, force: true }));
    this.sandbox = await startSandbox({ dir: this.folder, ...sandbox });
    closing.push(() => this.sandbox.stop());
    await this.admin('POST', '/admin/agencies', { agencies: [AGENCY, OTHER_AGENCY] });
    this.letters = new SealedLetters(this.sandbox, join(this.folder, 'documents'));
    const producer = kafkaProducer(kafka);
    await producer.connect();
    closing.push(() => producer.disconnect());
    this.sender = new BatchingSender(producer, prefix);
    this.publisher = new Publisher('encryption', this.sender);
    const consumer = kafka.consumer({ groupId: `${prefix}spec` });
    await consumer.connect();
    closing.push(() => consumer.disconnect());
    const topics = [
      'letter.dispatched.v1',
      'letter.refused.v1',
      'provider-dispatch.dlq',
      ...PROVIDERS_WITH_TOPICS.map((provider) => topicName('receipt.received.<provider>.v1', provider)),
    ];
    await consumer.subscribe({ topics: topics.map((topic) => prefix + topic), fromBeginning: true });
    await consumer.run({
      eachMessage: ({ topic, message: { key, value, headers = {} } }) => {
        const seen = { id: header(headers, 'ce_id'), traceparent: header(headers, 'traceparent') };
        if (topic.endsWith('letter.dispatched.v1'))
          this.dispatched.push({ ...seen, event: decode('letter.dispatched.v1', value) });
        else if (topic.endsWith('letter.refused.v1'))
          this.refused.push({ ...seen, event: decode('letter.refused.v1', value) });
        else if (topic.endsWith('.dlq')) this.deadLetters.push({ key: String(key), headers });
        else this.receipts.push({ ...seen, event: decode('receipt.received.v1', value) });
        return Promise.resolve();
      },
    });
  }

  async run(databaseUrl = this.databaseUrl, settings: Readonly<Record<string, string>> = {}): Promise<RunningService> {
    this.running = await startService(service, { ...this.environment(databaseUrl), ...settings });
    return this.running;
  }

  /** What the service is started with. */
  environment(databaseUrl = this.databaseUrl): Record<string, string> {
    const { sandbox, folder, letters, prefix } = this;
    const { brokers, redis } = testServers();
    return {
      POSTGANG_ENVIRONMENT: 'test',
      KAFKA_BROKERS: brokers.join(','),
      KAFKA_SESSION_MS: '6000',
      TOPIC_PREFIX: prefix,
      POSTGRES_URL: databaseUrl,
      REDIS_URL: redis,
      LOG_LEVEL: 'fatal',
      KEY_RING: letters.keyRing,
      DOCUMENT_STORE: join(folder, 'documents'),
      DOCUMENT_KEYS: letters.documentKeys,
      OPERATOR: sandbox.operator.organisation,
      OPERATOR_KEY_FILE: join(folder, 'operator.key.pem'),
      OPERATOR_CHAIN_FILE: join(folder, 'operator.chain.pem'),
      MASKINPORTEN_ISSUER: sandbox.issuer,
      MASKINPORTEN_CLIENT_ID: sandbox.operator.clientId,
      ACCESS_POINT_URL: sandbox.url,
    };
  }

  async halt(): Promise<void> {
    await this.running?.stop();
    this.running = undefined;
  }

  /** A copy of the database as it is now; the service must not run. */
  async backup(): Promise<string> {
    const url = new URL(this.databaseUrl);
    const name = url.pathname.slice(1);
    const copy = `${name}_backup`;
    await sql(testServers().postgres, `CREATE DATABASE ${copy} TEMPLATE ${name}`);
    this.closing.push(() => sql(testServers().postgres, `DROP DATABASE IF EXISTS ${copy} WITH (FORCE)`));
    url.pathname = `/${copy}`;
    return url.href;
  }

  send(...events: readonly LetterDispatch[]): Promise<void> {
    return this.publisher.publish(
      events.map((event) =>
        draft('letter.dispatch.<provider>.v1', event.letterId, event, {
          parameter: event.provider,
          id: randomUUID(),
          traceparent: TRACE,
        }),
      ),
    );
  }

  /** As a plan of libs/redrive does. */
  redrive(...events: readonly LetterDispatch[]): Promise<void> {
    return this.sender.send(
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
  }

  async row({ messageId }: LetterDispatch, databaseUrl = this.databaseUrl): Promise<Row | undefined> {
    const rows = await sql<Row>(
      databaseUrl,
      `SELECT state, attempts, settled, settled_how AS "settledHow", reason FROM effect WHERE id = $1`,
      [messageId],
    );
    return rows[0];
  }

  /** Waits for it. */
  async in(state: string, event: LetterDispatch, databaseUrl = this.databaseUrl): Promise<Row> {
    return eventually(
      `${state} of ${event.letterId}`,
      async () => {
        const row = await this.row(event, databaseUrl);
        return row?.state === state ? row : undefined;
      },
      60_000,
    );
  }

  of({ letterId }: LetterDispatch): Seen<LetterDispatched>[] {
    return this.dispatched.filter(({ event }) => event.letterId === letterId);
  }

  /** Waits until it is told. */
  handedOver(event: LetterDispatch): Promise<Seen<LetterDispatched>> {
    return eventually('letter.dispatched.v1', () => this.of(event)[0], WAIT_MS);
  }

  /** Waits until it is told. */
  refusal({ letterId }: LetterDispatch): Promise<LetterRefused> {
    const found = (): LetterRefused | undefined => this.refused.find(({ event }) => event.letterId === letterId)?.event;
    return eventually('letter.refused.v1', found, WAIT_MS);
  }

  async accepted(): Promise<{ accepted: number; distinctMessageIds: number; duplicatesRefused: number }> {
    const answer = await fetch(`${this.sandbox.url}/admin/counts`);
    return ((await answer.json()) as { messages: Awaited<ReturnType<Rig['accepted']>> }).messages;
  }

  /** Undefined when there is none with these labels. */
  async metric(name: string, ...labels: readonly string[]): Promise<number | undefined> {
    const text = await (await fetch(`${this.running?.managementUrl}/metrics`)).text();
    const line = text
      .split('\n')
      .find((one) => one.startsWith(`${name}{`) && labels.every((label) => one.includes(`"${label}"`)));
    return line === undefined ? undefined : Number(line.split(' ').at(-1));
  }

  async admin(method: string, path: string, body: unknown): Promise<void> {
    const answer = await fetch(this.sandbox.url + path, {
      method,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  }

  async stop(): Promise<void> {
    await this.halt();
    for (const close of this.closing.splice(0).reverse()) await close();
  }
}

/** On a connection of its own: nobody may be connected to a database that is copied. */
export async function sql<T extends pg.QueryResultRow>(url: string, text: string, values?: unknown[]): Promise<T[]> {
  const client = new pg.Client({ connectionString: url, options: '-c search_path=provider_dispatch' });
  await client.connect();
  try {
    return (await client.query<T>(text, values)).rows;
  } finally {
    await client.end();
  }
}
