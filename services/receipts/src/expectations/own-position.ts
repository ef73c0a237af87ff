import { PROVIDERS_WITH_TOPICS, RETRY_TIERS, retryTopic, takesIn, topicName, TOPICS } from '@postgang/pipeline';
import type { Manager, Runtime } from '@postgang/runtime';

/** What a topic's partitions held at one moment: the next offset of each, and the oldest still kept. */
export type Ends = ReadonlyMap<string, readonly { partition: number; low: bigint; high: bigint }[]>;

/** How far receipts has read. A receipt that lies unread in a topic must not be taken for silence. */
export interface OwnPosition {
  /** Where everything that receipts reads ends now. */
  ends(): Promise<Ends>;
  /** Whether everything before these ends has been taken in. */
  reached(ends: Ends): Promise<boolean>;
  close(): Promise<void>;
}

const READ = TOPICS.filter((topic) => takesIn('receipts', topic)).flatMap(({ name }) =>
  name.includes('<provider>') ? PROVIDERS_WITH_TOPICS.map((provider) => topicName(name, provider)) : [topicName(name)],
);
/** A record that waits for its next attempt has been passed over in its own topic, and has not been taken in. */
const RETRIES = RETRY_TIERS.map(({ tier }) => retryTopic('receipts', tier));

export class KafkaPosition implements OwnPosition {
  private readonly admin: ReturnType<Runtime['kafka']['admin']>;
  private connected: Promise<void> | undefined;
  private readonly prefix: string;

  constructor(
    { kafka, kafkaSettings }: Pick<Runtime, 'kafka' | 'kafkaSettings'>,
    private readonly database: Manager,
  ) {
    this.admin = kafka.admin();
    this.prefix = kafkaSettings.topicPrefix;
  }

  async ends(): Promise<Ends> {
    await this.connect();
    const ends = new Map<string, { partition: number; low: bigint; high: bigint }[]>();
    for (const topic of [...READ, ...RETRIES]) {
      const offsets = await this.admin.fetchTopicOffsets(this.prefix + topic);
      ends.set(
        topic,
        offsets.map(({ partition, low, high }) => ({ partition, low: BigInt(low), high: BigInt(high) })),
      );
    }
    return ends;
  }

  async reached(ends: Ends): Promise<boolean> {
    const next = await this.nextOffsets();
    for (const [topic, partitions] of ends)
      for (const { partition, low, high } of partitions)
        if ((next.get(`${topic}/${partition}`) ?? low) < high) return false;
    return true;
  }

  async close(): Promise<void> {
    if (this.connected !== undefined) await this.admin.disconnect();
  }

  /** Of the topics from our own database: after a restore it is behind what the broker was told. Of the retries from the broker. */
  private async nextOffsets(): Promise<Map<string, bigint>> {
    await this.connect();
    const own = await this.database.query<{ topic: string; partition: number; next_offset: string }[]>(
      'SELECT topic, partition, next_offset FROM consumed_offset',
    );
    const retried = await this.admin.fetchOffsets({
      groupId: `${this.prefix}receipts.retry`,
      topics: RETRIES.map((topic) => this.prefix + topic),
    });
    return new Map([
      ...own.map((row) => [`${row.topic}/${row.partition}`, BigInt(row.next_offset)] as const),
      ...retried.flatMap(({ topic, partitions }) =>
        partitions
          // -1: nothing committed yet
          .filter(({ offset }) => offset !== '-1')
          .map(({ partition, offset }) => [`${topic.slice(this.prefix.length)}/${partition}`, BigInt(offset)] as const),
      ),
    ]);
  }

  private connect(): Promise<void> {
    this.connected ??= this.admin.connect().catch((error: unknown) => {
      this.connected = undefined;
      throw error;
    });
    return this.connected;
  }
}
