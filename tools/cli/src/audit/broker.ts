import {
  deadLetterTopic,
  RETRY_TIERS,
  retryTopic,
  SERVICES,
  takesIn,
  topicOf,
  type ServiceName,
} from '@postgang/pipeline';
import { committedOffsets, failureOf, TopicReader, type Kafka } from '@postgang/runtime';
import { isOf } from '../set-aside.js';
import type { Snapshot } from './snapshot.js';
import type { Listed } from './tally.js';

/** Records of a topic that a service has not read. */
export interface Unread {
  readonly service: ServiceName;
  readonly topic: string;
  readonly records: number;
}

/** What the state of a service says about how far it has read. */
const OWN_POSITIONS: Partial<Record<ServiceName, string>> = {
  'integration-point': 'intake_api_v1',
  'register-lookup': 'routing_api_v1',
  'provider-dispatch': 'effect_api_v1',
  notification: 'message_api_v1',
  receipts: 'history_api_v1',
};
const MOST_RECORDS = 1_000_000;

/** The broker as the books need it: what nobody has read, and where a letter that is missing lies. */
export class Broker {
  constructor(
    private readonly kafka: Kafka,
    private readonly prefix: string,
  ) {}

  /** By the service's own position where it keeps one: after a restore the broker's is ahead of it. Also what retention has taken away unread. */
  async positions(
    snapshot: Snapshot,
  ): Promise<{ readonly unread: readonly Unread[]; readonly lost: readonly Unread[] }> {
    const admin = this.kafka.admin();
    await admin.connect();
    try {
      const topics = (await admin.listTopics())
        .filter((name) => name.startsWith(this.prefix))
        .map((name) => name.slice(this.prefix.length));
      const unread: Unread[] = [];
      const lost: Unread[] = [];
      for (const topic of topics) {
        const row = topicOf(topic)?.topic;
        const readers = SERVICES.filter((service) => row !== undefined && takesIn(service, row));
        if (readers.length === 0) continue;
        const ends = await admin.fetchTopicOffsets(this.prefix + topic);
        for (const service of readers) {
          const own = await this.ownPositions(snapshot, service, topic);
          const committed = own ?? (await this.committed(admin, service, topic));
          let behind = 0n;
          let gone = 0n;
          for (const { partition, high, low } of ends) {
            const at = committed.get(partition) ?? 0n;
            if (at < BigInt(low)) gone += BigInt(low) - at;
            behind += BigInt(high) - (at < BigInt(low) ? BigInt(low) : at);
          }
          if (behind > 0n) unread.push({ service, topic, records: Number(behind) });
          // one that has never read anything may be new
          if (gone > 0n && committed.size > 0) lost.push({ service, topic, records: Number(gone) });
        }
      }
      return { unread, lost };
    } finally {
      await admin.disconnect();
    }
  }

  private async ownPositions(
    snapshot: Snapshot,
    service: ServiceName,
    topic: string,
  ): Promise<Map<number, bigint> | undefined> {
    const api = OWN_POSITIONS[service];
    if (api === undefined) return undefined;
    const rows = await snapshot.query(
      `SELECT partition, next_offset::text FROM ${api}.consumed_offset WHERE topic = $1`,
      [topic],
    );
    // a stage without state of its own keeps no position, although its service has a database
    return rows.length === 0
      ? undefined
      : new Map(rows.map(([partition, next]) => [partition as number, BigInt(next as string)]));
  }

  private async committed(
    admin: ReturnType<Kafka['admin']>,
    service: ServiceName,
    topic: string,
  ): Promise<Map<number, bigint>> {
    const group = { groupId: this.prefix + service, topics: [this.prefix + topic] };
    const [found] = await committedOffsets(admin, group);
    return new Map(
      (found?.partitions ?? [])
        .filter(({ offset }) => offset !== '-1')
        .map(({ partition, offset }) => [partition, BigInt(offset)]),
    );
  }

  /** Where the records of these letters lie that could not be processed: in a retry tier, or as a dead letter. By letter; `senders` too. */
  async setAside(senders: ReadonlyMap<string, string | null>): Promise<ReadonlyMap<string, string>> {
    const found = new Map<string, string>();
    const topics = SERVICES.flatMap((service) => [
      { name: deadLetterTopic(service), as: `dead letter of ${service}` },
      ...RETRY_TIERS.map(({ tier }) => ({
        name: retryTopic(service, tier),
        as: `waits in ${retryTopic(service, tier)}`,
      })),
    ]);
    let records = 0n;
    for (const { name, as } of await this.notEmpty(topics)) {
      const reader = await TopicReader.open(this.kafka, this.prefix + name);
      try {
        const stretches = await reader.ends();
        records += stretches.reduce((sum, { from, to }) => sum + to - from, 0n);
        if (records > MOST_RECORDS)
          throw new Error(`more than ${MOST_RECORDS} records in retry tiers and dead letters`);
        await reader.read(stretches, (record) => {
          const letterId = record.key.toLowerCase();
          const sender = senders.get(letterId);
          if (sender === undefined || !isOf(record, { letterId, sender })) return;
          found.set(letterId, `${as} (${failureOf(record.headers)})`);
        });
      } finally {
        await reader.close();
      }
    }
    return found;
  }

  /** A reader of a topic joins a group, which takes a moment: most hold nothing. */
  private async notEmpty<T extends { readonly name: string }>(topics: readonly T[]): Promise<T[]> {
    const admin = this.kafka.admin();
    await admin.connect();
    try {
      const filled: T[] = [];
      for (const topic of topics) {
        const ends = await admin.fetchTopicOffsets(this.prefix + topic.name);
        if (ends.some(({ low, high }) => high !== low)) filled.push(topic);
      }
      return filled;
    } finally {
      await admin.disconnect();
    }
  }
}

/** Says of each letter where its record lies, if it lies aside. */
export const withPlace = (listed: readonly Listed[], places: ReadonlyMap<string, string>): Listed[] =>
  listed.map((one) => {
    const place = one.letterId === null ? undefined : places.get(one.letterId);
    return place === undefined ? one : { ...one, says: `${one.says}; ${place}` };
  });
