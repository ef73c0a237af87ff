import 'reflect-metadata';
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { FilesystemStore, MasterKeys } from '@postgang/document-store';
import { KeyRing } from '@postgang/outside';
import { decode, type LetterAccepted, type LetterStatusChanged } from '@postgang/pipeline';
import {
  createLogger,
  createTopics,
  kafkaClient,
  startService,
  type Kafka,
  type RunningService,
} from '@postgang/runtime';
import { eventually, freshDatabase, testServers, uniquePrefix } from '@postgang/testing';
import pg from 'pg';
import { AgencyRegister, INGRESS_KEY_ID, service } from '../src/index.js';
import { RegisterLookup } from './register-lookup.js';
import { AUDIENCE, ISSUER, TokenIssuer, type TokenWish } from './token-issuer.js';

/** With topics of its own. */
export const AGENCY = '991825827';
export const OTHER = '974760673';
/** May hand in for AGENCY. */
export const SUPPLIER = '984661185';
/** Nobody here knows it. */
export const STRANGER = '910076787';
/** Synthetic (month + 80). */
export const RECIPIENT = '13868190005';
export const PDF = Buffer.from('%PDF-1.4\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n');

export interface Answer {
  readonly status: number;
  readonly type: string | null;
  readonly body: Record<string, unknown>;
}

export interface AcceptedEvent {
  readonly id: string;
  readonly traceparent: string;
  readonly letter: LetterAccepted['letter'];
}

export const problem = (name: string): object => ({ type: `https://postgang.no/problems/${name}` });

export const letter = (more: Record<string, unknown> = {}): Record<string, unknown> => ({
  reference: randomUUID(),
  recipient: RECIPIENT,
  kind: 'enkeltvedtak',
  title: 'Vedtak om støtte',
  nonSensitiveTitle: 'Brev fra Etaten',
  documents: [{ title: 'Vedtaket', type: 'application/pdf', file: 'main' }],
  ...more,
});

export function form(json: unknown, files: Record<string, Buffer> = { main: PDF }, fileName = '../x.pdf'): FormData {
  const data = new FormData();
  data.append('letter', JSON.stringify(json));
  for (const [name, content] of Object.entries(files)) data.append(name, new Blob([new Uint8Array(content)]), fileName);
  return data;
}

export interface RigServers {
  readonly brokers?: readonly string[];
  readonly databasePort?: number;
}

/** The service with its servers, two agencies, and an eye on what it publishes. */
export class Rig {
  readonly prefix = uniquePrefix();
  readonly accepted: AcceptedEvent[] = [];
  readonly statuses: LetterStatusChanged[] = [];
  readonly keyJson = JSON.stringify(Object.fromEntries(['internal', 'content'].map((scope) => [scope, scopeKeys()])));
  readonly keys = KeyRing.parse(this.keyJson);
  readonly masterJson = JSON.stringify(scopeKeys());
  issuer!: TokenIssuer;
  registerLookup!: RegisterLookup;
  agencies!: AgencyRegister;
  running!: RunningService;
  database!: pg.Client;
  folder!: string;
  kafka!: Kafka;
  private environment: Readonly<Record<string, string>> = {};
  private readonly closing: (() => Promise<unknown>)[] = [];

  /**
   * `servers`: other ones than those of the run: brokers, or the port through which the service alone comes to its database. Brokers of its
   * own are there to be killed, so nothing is listened to: a consumer that crashes comes back by itself, also when it was told to end.
   */
  static async start(settings: Record<string, string> = {}, servers: RigServers = {}): Promise<Rig> {
    const rig = new Rig();
    try {
      await rig.start(settings, servers);
      return rig;
    } catch (error) {
      await rig.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    for (const close of this.closing.splice(0).reverse()) await close();
  }

  /** Only the service; its addresses are others afterwards. */
  async restart(settings: Record<string, string> = {}): Promise<void> {
    await this.running.stop();
    this.running = await startService(service, { ...this.environment, ...settings });
  }

  /** Ends with the rig, before the rig's own parts. */
  alsoStop(close: () => Promise<unknown>): void {
    this.closing.push(close);
  }

  private async start(settings: Record<string, string>, servers: RigServers): Promise<void> {
    const brokers = servers.brokers ?? testServers().brokers;
    const { prefix, closing } = this;
    this.kafka = kafkaClient({ brokers, topicPrefix: prefix }, 'spec', createLogger('spec', 'silent'));
    await createTopics(this.kafka, [AGENCY], { prefix, replication: 1, partitions: 2 });
    const fresh = await freshDatabase();
    closing.push(() => fresh.drop());
    this.folder = await mkdtemp(path.join(tmpdir(), 'integration-point-'));
    closing.push(() => rm(this.folder, { recursive: true }));
    this.issuer = await TokenIssuer.start();
    closing.push(() => this.issuer.stop());
    this.registerLookup = await RegisterLookup.start(this.keys);
    closing.push(() => this.registerLookup.stop());
    this.environment = {
      REGISTER_LOOKUP_URL: this.registerLookup.url,
      POSTGANG_ENVIRONMENT: 'test',
      KAFKA_BROKERS: brokers.join(','),
      TOPIC_PREFIX: prefix,
      KAFKA_SESSION_MS: '6000',
      POSTGRES_URL: throughPort(fresh.url, servers.databasePort),
      LOG_LEVEL: 'fatal',
      KEY_RING: this.keyJson,
      TOKEN_ISSUER: ISSUER,
      TOKEN_JWKS_URL: this.issuer.jwksUrl,
      TOKEN_AUDIENCE: AUDIENCE,
      DOCUMENT_STORE: this.folder,
      DOCUMENT_KEYS: this.masterJson,
      ...settings,
    };
    this.running = await startService(service, this.environment);
    closing.push(() => this.running.stop());
    this.database = new pg.Client({ connectionString: fresh.url });
    await this.database.connect();
    closing.push(() => this.database.end());
    this.agencies = await AgencyRegister.open(fresh.url, this.keys);
    closing.push(() => this.agencies.close());
    // after the start: the agency's topic is subscribed to while the service runs
    this.addKeyOf(AGENCY, (await this.agencies.add({ orgnr: AGENCY, name: 'Etaten', kafka: true })).ingressKey);
    await this.agencies.add({ orgnr: OTHER, name: 'Kommunen', kafka: false });
    await this.agencies.delegate(AGENCY, SUPPLIER);
    if (servers.brokers === undefined) await this.listen();
  }

  /** Seals from now on as that agency does. */
  addKeyOf(orgnr: string, ingressKey = ''): void {
    this.keys.add(`agency:${orgnr}`, INGRESS_KEY_ID, new Map([[INGRESS_KEY_ID, Buffer.from(ingressKey, 'base64')]]));
  }

  private async listen(): Promise<void> {
    const consumer = this.kafka.consumer({ groupId: `${this.prefix}spec` });
    await consumer.connect();
    this.closing.push(() => consumer.disconnect());
    await consumer.subscribe({
      topics: [`${this.prefix}letter.accepted.v1`, `${this.prefix}letter.status.v1.${AGENCY}`],
      fromBeginning: true,
    });
    await consumer.run({
      eachMessage: ({ topic, message }) => {
        if (topic.endsWith('letter.accepted.v1'))
          this.accepted.push({
            id: String(message.headers?.['ce_id']),
            traceparent: String(message.headers?.['traceparent']),
            letter: decode('letter.accepted.v1', message.value).letter,
          });
        else this.statuses.push(decode('letter.status.v1', message.value));
        return Promise.resolve();
      },
    });
  }

  async call(
    method: string,
    url: string,
    options: { token?: TokenWish; body?: string | FormData | Uint8Array<ArrayBuffer>; type?: string } = {},
  ): Promise<Answer> {
    const token = await this.issuer.issue(options.token ?? { consumer: AGENCY });
    const response = await fetch(this.running.url + url, {
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

  handIn(json: unknown, token?: TokenWish, files?: Record<string, Buffer>): Promise<Answer> {
    return this.call('POST', '/v1/letters', { body: form(json, files), ...(token === undefined ? {} : { token }) });
  }

  async upload(content: Buffer = PDF): Promise<string> {
    const documentId = randomUUID();
    const { status } = await this.call('PUT', `/v1/documents/${documentId}`, {
      body: new Uint8Array(content),
      type: 'application/pdf',
    });
    if (status !== 201) throw new Error(`PUT /v1/documents: ${status}`);
    return documentId;
  }

  published(letterId: unknown): Promise<AcceptedEvent> {
    return eventually('letter.accepted.v1', () => this.accepted.find((one) => one.letter.letterId === letterId));
  }

  /** Opens the document store for as long as `work` takes. */
  async withStore<T>(work: (store: FilesystemStore) => Promise<T>): Promise<T> {
    const store = await FilesystemStore.open({ root: this.folder, keys: MasterKeys.parse(this.masterJson) });
    try {
      return await work(store);
    } finally {
      await store.close();
    }
  }
}

function scopeKeys(): object {
  return { active: 'k', keys: { k: randomBytes(32).toString('base64') } };
}

function throughPort(url: string, port: number | undefined): string {
  const through = new URL(url);
  if (port !== undefined) through.port = String(port);
  return through.href;
}
