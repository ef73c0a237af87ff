import 'reflect-metadata';
import { KeyRing } from '@postgang/outside';
import {
  conversationIdOf,
  deadLetterTopic,
  decode,
  letterIdOf,
  messageIdOf,
  retryTopic,
  SERVICES,
  uuidv5,
  type LetterRedriven,
  type ServiceName,
} from '@postgang/pipeline';
import {
  createLogger,
  createTopics,
  kafkaClient,
  kafkaProducer,
  TopicReader,
  type Kafka,
  type LyingRecord,
} from '@postgang/runtime';
import { eventually, freshDatabase, testServers, uniquePrefix } from '@postgang/testing';
import pg from 'pg';
import { Redrive } from '../src/index.js';

export const AGENCY = '310000019';
export const KEYS = KeyRing.parse(
  JSON.stringify({ internal: { active: 'k', keys: { k: Buffer.alloc(32, 7).toString('base64') } } }),
);

/** The views that services publish, as tables that a spec fills: no service is at work here. */
const VIEWS = `
  CREATE SCHEMA effect_api_v1;
  CREATE TABLE effect_api_v1.effect (id uuid PRIMARY KEY, letter_id uuid, leg int, state text);
  CREATE SCHEMA message_api_v1;
  CREATE TABLE message_api_v1.effect (letter_id uuid, leg int, state text);
  CREATE SCHEMA history_api_v1;
  CREATE TABLE history_api_v1.letter (id uuid PRIMARY KEY);
  CREATE TABLE history_api_v1.leg (letter_id uuid, leg int, conversation_id uuid, state text);
  CREATE TABLE history_api_v1.expectation (letter_id uuid, leg int, due_at timestamptz, met_at timestamptz)`;

export interface Dying {
  readonly reference: string;
  readonly service?: ServiceName;
  readonly topic?: string;
  readonly key?: string;
  readonly value?: Buffer;
  readonly failure?: string;
  readonly because?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export const letterOf = (reference: string): string => letterIdOf(AGENCY, reference);
export const recordIdOf = (reference: string): string => uuidv5(letterOf(reference), 'record');

/** Dead letters on the shared broker under a prefix of their own, and a database of their own. */
export class Rig {
  private readonly closing: (() => Promise<unknown>)[] = [];
  readonly prefix = uniquePrefix();
  kafka!: Kafka;
  database!: pg.Client;
  url!: string;
  redrive!: Redrive;
  private producer!: ReturnType<typeof kafkaProducer>;

  static async start(): Promise<Rig> {
    const rig = new Rig();
    const { brokers } = testServers();
    const settings = { brokers, topicPrefix: rig.prefix };
    rig.kafka = kafkaClient(settings, 'spec', createLogger('spec', 'silent'));
    await createTopics(rig.kafka, [], { prefix: rig.prefix, replication: 1, partitions: 2 });
    await rig.led();
    rig.producer = kafkaProducer(rig.kafka);
    await rig.producer.connect();
    rig.closing.push(() => rig.producer.disconnect());
    const fresh = await freshDatabase();
    rig.closing.push(() => fresh.drop());
    rig.url = fresh.url;
    rig.database = new pg.Client({ connectionString: fresh.url, options: '-c search_path=operations' });
    await rig.database.connect();
    rig.closing.push(() => rig.database.end());
    await rig.database.query(VIEWS);
    rig.redrive = await rig.open();
    return rig;
  }

  /** A leader that does not know yet that it is one lets the client send all of a batch once more. */
  private async led(): Promise<void> {
    const admin = this.kafka.admin();
    await admin.connect();
    for (const topic of [...SERVICES.map(deadLetterTopic), retryTopic('register-lookup', '10s'), 'letter.redriven.v1'])
      await eventually(`a leader of ${topic}`, () => admin.fetchTopicOffsets(this.prefix + topic));
    await admin.disconnect();
  }

  async open(keys = KEYS): Promise<Redrive> {
    const redrive = await Redrive.open({
      ...{ postgresUrl: this.url, kafka: this.kafka, topicPrefix: this.prefix, keys },
    });
    this.closing.push(() => redrive.close());
    return redrive;
  }

  async stop(): Promise<void> {
    for (const close of this.closing.reverse()) await close();
  }

  /** Letters that receipts knows. */
  async know(references: readonly string[]): Promise<void> {
    for (const reference of references)
      await this.database.query('INSERT INTO history_api_v1.letter VALUES ($1) ON CONFLICT DO NOTHING', [
        letterOf(reference),
      ]);
  }

  async ledger(reference: string, state: string): Promise<void> {
    const id = letterOf(reference);
    await this.database.query(
      `INSERT INTO effect_api_v1.effect VALUES ($1, $2, 1, $3) ON CONFLICT (id) DO UPDATE SET state = $3`,
      [messageIdOf(id, 1), id, state],
    );
  }

  async leg(reference: string, state: string): Promise<void> {
    const id = letterOf(reference);
    await this.database.query('INSERT INTO history_api_v1.leg VALUES ($1, 1, $2, $3)', [
      ...[id, conversationIdOf(id, 1), state],
    ]);
  }

  /** With the headers that the runtime gives its dead letters. */
  async die(list: readonly Dying[]): Promise<void> {
    const byTopic = Map.groupBy(list, ({ service = 'register-lookup' }) => deadLetterTopic(service));
    await this.producer.sendBatch({
      topicMessages: [...byTopic].map(([topic, dying]) => ({
        topic: this.prefix + topic,
        messages: dying.map((one) => ({
          key: one.key ?? letterOf(one.reference),
          value: one.value ?? Buffer.from(`content of ${one.reference}`),
          headers: {
            ce_id: recordIdOf(one.reference),
            'origin-topic': one.topic ?? 'letter.accepted.v1',
            'origin-partition': '1',
            'origin-offset': '42',
            attempt: '5',
            failure: one.failure ?? 'TransientError: the register answered nonsense',
            'dead-because': one.because ?? 'exhausted',
            ...one.headers,
          },
        })),
      })),
    });
  }

  async lying(topic: string): Promise<LyingRecord[]> {
    const reader = await TopicReader.open(this.kafka, this.prefix + topic);
    try {
      const found: LyingRecord[] = [];
      await reader.read(await reader.ends(), (record) => void found.push(record));
      return found;
    } finally {
      await reader.close();
    }
  }

  /** What came to the first retry tier. */
  tier(service: ServiceName = 'register-lookup'): Promise<LyingRecord[]> {
    return this.lying(retryTopic(service, '10s'));
  }

  async told(): Promise<LetterRedriven[]> {
    return (await this.lying('letter.redriven.v1')).map(({ value }) => decode('letter.redriven.v1', value));
  }
}
