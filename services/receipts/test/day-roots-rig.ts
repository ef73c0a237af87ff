import { randomBytes, randomUUID } from 'node:crypto';
import type { SigningIdentity } from '@postgang/document-package';
import { openDayRoot, type DayRoot } from '@postgang/evidence';
import { decode, type DayClosed } from '@postgang/pipeline';
import {
  BatchingSender,
  createLogger,
  kafkaClient,
  kafkaProducer,
  openDatabase,
  Publisher,
  TopicReader,
  transactPatiently,
  type Manager,
} from '@postgang/runtime';
import type { Clock } from '@postgang/outside';
import { eventually, freshDatabase, testServers, uniquePrefix } from '@postgang/testing';
import pg from 'pg';
import { DayRoots, type DayRootsParts } from '../src/day-roots/day-roots.js';
import { PublishedRoots } from '../src/day-roots/published-roots.js';
import { save } from '../src/db/save.js';
import { service } from '../src/index.js';
import type { Fact } from '../src/legs/fact.js';
import { foldLetters } from '../src/legs/fold-letters.js';

export interface RootRow {
  readonly day: string;
  readonly size: number;
  readonly root: Buffer;
  readonly statement: string;
}

interface Line {
  readonly level: 'info' | 'warn' | 'error';
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

const TOPIC = 'day.closed.v1';
const logger = createLogger('receipts', 'silent');

export const letters = (count: number): string[] => Array.from({ length: count }, () => randomUUID()).sort();
export const signed = ({ statement }: Pick<RootRow, 'statement'>): DayRoot => openDayRoot(statement)?.says as DayRoot;

/** The history of letters in a database of its own, the topic of the days' roots, and time as the spec sets it. */
export class DayRootsRig {
  readonly logged: Line[] = [];
  database!: Awaited<ReturnType<typeof openDatabase>>;
  /** Of all that write history and close days, unless told otherwise. */
  clock: Clock = { now: () => this.now };
  readonly prefix = uniquePrefix();
  readonly kafka = kafkaClient({ brokers: testServers().brokers, topicPrefix: this.prefix }, 'day-roots-spec', logger);
  private readonly producer = kafkaProducer(this.kafka);
  private readonly closing: (() => Promise<unknown>)[] = [];

  private constructor(
    public now: Date,
    private readonly operator: SigningIdentity,
    private url: string,
  ) {}

  static async start(now: Date, operator: SigningIdentity): Promise<DayRootsRig> {
    const fresh = await freshDatabase();
    const rig = new DayRootsRig(now, operator, fresh.url);
    rig.closing.push(() => fresh.drop());
    await rig.open();
    const admin = rig.kafka.admin();
    await admin.connect();
    const topic = rig.prefix + TOPIC;
    // kafkajs' own waiting gives up when the broker does not know the new topic yet
    await admin.createTopics({ waitForLeaders: false, topics: [{ topic, numPartitions: 1 }] });
    await eventually('the topic', async () => {
      const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
      return topics[0]?.partitions.some(({ leader }) => leader >= 0) || undefined;
    });
    await admin.disconnect();
    await rig.producer.connect();
    rig.closing.push(() => rig.producer.disconnect());
    return rig;
  }

  async close(): Promise<void> {
    await this.database.destroy();
    for (const one of this.closing.reverse()) await one();
  }

  private async open(): Promise<void> {
    this.database = await this.opened();
  }

  /** Another process's connections. */
  opened(more: { readonly silenceMs?: number } = {}): ReturnType<typeof openDatabase> {
    return openDatabase({ ...this.options, ...more });
  }

  private get options(): Parameters<typeof openDatabase>[0] {
    const { migrations } = service.database as NonNullable<typeof service.database>;
    const statement = (): void => undefined;
    return { ...{ url: this.url, schema: 'receipts', pool: 6, entities: [] }, migrations, onStatement: statement };
  }

  /** Another process, or the same after its start. `brokers`: where it thinks Kafka is. */
  dayRoots(other: Partial<DayRootsParts> = {}): DayRoots {
    const line =
      (level: Line['level']) =>
      (fields: Line['fields'], message: string): void =>
        void this.logged.push({ level, message, fields });
    return new DayRoots({
      ...{ database: this.database, clock: this.clock, published: this.published() },
      ...{ signer: this.operator, trust: [] },
      transactPatiently: (work) =>
        transactPatiently(this.options, { statementMs: 60_000, signal: new AbortController().signal }, work),
      log: { info: line('info'), warn: line('warn'), error: line('error') } as DayRootsParts['log'],
      ...other,
    });
  }

  published(brokers = testServers().brokers): PublishedRoots {
    const publisher = new Publisher('receipts', new BatchingSender(this.producer, this.prefix));
    return new PublishedRoots({ kafkaSettings: { brokers, topicPrefix: this.prefix }, log: logger, publisher });
  }

  async write(manager: Manager, ids: readonly string[], kind = 'accepted'): Promise<void> {
    const facts = ids.map((id): [string, Fact[]] => [
      id,
      [{ eventId: randomUUID(), letterId: id, at: this.now, kind }],
    ]);
    const { folded } = await foldLetters(manager, new Map(facts));
    await save(manager, this.clock, folded, []);
  }

  know(ids: readonly string[], kind?: string): Promise<void> {
    return this.database.transaction((manager) => this.write(manager, ids, kind));
  }

  roots(): Promise<RootRow[]> {
    return this.database.query('SELECT day::text, size, root, statement FROM history_api_v1.day_root ORDER BY day');
  }

  async closeAll(...workers: DayRoots[]): Promise<void> {
    for (;;) {
      const waiting = await Promise.all(workers.map((worker) => worker.turn()));
      if (waiting.every((count) => count === 0)) return;
    }
  }

  /** A copy of the database as it is now, to be restored. */
  async backup(): Promise<string> {
    await this.database.destroy();
    const name = `test_${randomBytes(6).toString('hex')}`;
    await sql(`CREATE DATABASE ${name} TEMPLATE ${new URL(this.url).pathname.slice(1)}`);
    this.closing.push(() => sql(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`));
    await this.open();
    return name;
  }

  /** Everything since that backup is gone from the database; the backup is used up. */
  async restore(backup: string): Promise<void> {
    await this.database.destroy();
    const url = new URL(this.url);
    url.pathname = `/${backup}`;
    this.url = url.href;
    await this.open();
  }

  /** Whatever anybody may write there. */
  async put(value: Buffer): Promise<void> {
    await this.producer.send({ topic: this.prefix + TOPIC, acks: -1, messages: [{ key: 'x', value }] });
  }

  /** What lies in the topic. */
  async lying(): Promise<(DayClosed & { readonly key: string; readonly id: string | undefined })[]> {
    const reader = await TopicReader.open(this.kafka, this.prefix + TOPIC);
    try {
      const found: Awaited<ReturnType<DayRootsRig['lying']>> = [];
      await reader.read(await reader.ends(), ({ key, value, headers }) =>
        found.push({ ...decode(TOPIC, value), key, id: headers['ce_id'] }),
      );
      return found;
    } finally {
      await reader.close();
    }
  }
}

async function sql(statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: testServers().postgres });
  await client.connect();
  await client.query(statement).finally(() => client.end());
}
