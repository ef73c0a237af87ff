import type { Consumer, Kafka } from 'kafkajs';
import type { Logger } from 'pino';

export interface Positions {
  /** Next offsets that the service's own database holds for the topic, by partition. A restored database is behind Kafka and is replayed. */
  load(topic: string, partitions: readonly number[]): Promise<ReadonlyMap<number, bigint>>;
  /** Of records that no stage has stored anything about: they are set aside, and need not be read again. */
  pass(topic: string, partition: number, next: bigint): Promise<void>;
}

export interface OwnPositionsOptions {
  /** Of these the database says nothing: the broker's place holds. With the prefix. */
  readonly without: ReadonlySet<string>;
  readonly kafka: Kafka;
  readonly topicPrefix: string;
  readonly groupId: string;
  readonly positions: Positions;
  readonly log: Logger;
}

/** Partitions by topic, as the group's leader gave them out. */
export type Assignment = Readonly<Record<string, readonly number[]>>;

/** Where the database stands behind what was committed to the broker, reading begins at the database's place. Throws when either is away. */
export async function seekToOwnPositions(
  consumer: Pick<Consumer, 'seek'>,
  assignment: Assignment,
  { kafka, topicPrefix, groupId, positions, without, log }: OwnPositionsOptions,
): Promise<void> {
  const admin = kafka.admin();
  try {
    await admin.connect();
    for (const [topic, partitions] of Object.entries(assignment)) {
      if (without.has(topic)) continue;
      const own = await positions.load(topic.slice(topicPrefix.length), partitions);
      const committed = (await admin.fetchOffsets({ groupId, topics: [topic] }))[0]?.partitions ?? [];
      const earliest = new Map(
        (await admin.fetchTopicOffsets(topic)).map((entry) => [entry.partition, BigInt(entry.low)]),
      );
      for (const partition of partitions) {
        const kafkaOffset = BigInt(committed.find((entry) => entry.partition === partition)?.offset ?? '-1');
        const low = earliest.get(partition) ?? 0n;
        const mine = own.get(partition) ?? low;
        if (kafkaOffset <= mine) continue;
        log.warn(
          { topic, partition, own: mine.toString(), committed: kafkaOffset.toString() },
          'database is behind the committed offset; replaying',
        );
        consumer.seek({ topic, partition, offset: (mine > low ? mine : low).toString() });
      }
    }
  } finally {
    await admin.disconnect().catch(() => undefined);
  }
}
