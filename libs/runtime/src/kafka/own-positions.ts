import type { Consumer, Kafka } from 'kafkajs';
import type { Logger } from 'pino';
import { committedOffsets } from './committed-offsets.js';

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
  /** Most records of a partition that are handled before the place behind them is committed. */
  readonly inHand: number;
  /**
   * What it means that the database knows no place: that it was restored to before the first record, or, where places were not always kept, that
   * the broker's holds from now on.
   */
  readonly unknownIs: 'beginning' | 'committed';
  readonly log: Logger;
}

/** Partitions by topic, as the group's leader gave them out. */
export type Assignment = Readonly<Record<string, readonly number[]>>;

/** Records below `until` were, or may have been, handled before; `committed` is the broker's place, which the replay leaves as it is. */
export interface Replay {
  readonly committed: bigint;
  readonly until: bigint;
}
/** By {@link placeKey}. */
export type Replays = ReadonlyMap<string, Replay>;
export const placeKey = (topic: string, partition: number): string => `${topic}/${partition}`;

/**
 * Where the database stands behind what was committed to the broker, reading begins at the database's place. Returns what is replayed so. Throws
 * when either is away.
 */
export async function seekToOwnPositions(
  consumer: Pick<Consumer, 'seek'>,
  assignment: Assignment,
  { kafka, topicPrefix, groupId, positions, without, inHand, unknownIs, log }: OwnPositionsOptions,
): Promise<Replays> {
  const admin = kafka.admin();
  const replays = new Map<string, Replay>();
  try {
    await admin.connect();
    for (const [topic, partitions] of Object.entries(assignment)) {
      if (without.has(topic)) continue;
      const name = topic.slice(topicPrefix.length);
      const own = await positions.load(name, partitions);
      const committed = (await committedOffsets(admin, { groupId, topics: [topic] }))[0]?.partitions ?? [];
      const ends = new Map((await admin.fetchTopicOffsets(topic)).map((entry) => [entry.partition, entry]));
      for (const partition of partitions) {
        const kafkaOffset = BigInt(committed.find((entry) => entry.partition === partition)?.offset ?? '-1');
        const { low = '0', high = '0' } = ends.get(partition) ?? {};
        const known = own.get(partition);
        if (known === undefined && unknownIs === 'committed') {
          await positions.pass(name, partition, greater(kafkaOffset, BigInt(low)));
          continue;
        }
        const mine = known ?? BigInt(low);
        if (kafkaOffset <= mine) continue;
        log.warn(
          { topic, partition, own: mine.toString(), committed: kafkaOffset.toString() },
          'database is behind the committed offset; replaying',
        );
        consumer.seek({ topic, partition, offset: greater(mine, BigInt(low)).toString() });
        // whoever handled them may have died before it committed the last ones
        replays.set(placeKey(topic, partition), {
          committed: kafkaOffset,
          until: lesser(kafkaOffset + BigInt(inHand), BigInt(high)),
        });
      }
    }
    return replays;
  } finally {
    await admin.disconnect().catch(() => undefined);
  }
}

const greater = (a: bigint, b: bigint): bigint => (a > b ? a : b);
const lesser = (a: bigint, b: bigint): bigint => (a < b ? a : b);

type Group = Pick<OwnPositionsOptions, 'kafka' | 'topicPrefix' | 'groupId' | 'positions'>;

/** A broker that has just started loads its groups for a while. */
const MOST_LOOKS = 60;
const LOOK_EVERY_MS = 1_000;

/**
 * True when the database is behind the broker in any partition of the group: it was restored from a backup. Looks again while either is away, for
 * a minute; then it throws.
 */
export async function isBehindBroker(group: Group, log: Logger, everyMs = LOOK_EVERY_MS): Promise<boolean> {
  for (let looks = 1; ; looks++) {
    try {
      return await isBehindNow(group);
    } catch (error) {
      if (looks === MOST_LOOKS) throw error;
      log.warn({ err: error }, 'whether the database was restored cannot be told yet');
      await new Promise((resolve) => setTimeout(resolve, everyMs));
    }
  }
}

async function isBehindNow({ kafka, topicPrefix, groupId, positions }: Group): Promise<boolean> {
  const admin = kafka.admin();
  try {
    await admin.connect();
    for (const { topic, partitions } of await committedOffsets(admin, { groupId })) {
      const own = await positions.load(
        topic.slice(topicPrefix.length),
        partitions.map(({ partition }) => partition),
      );
      if (partitions.some(({ partition, offset }) => BigInt(offset) > (own.get(partition) ?? 0n))) return true;
    }
    return false;
  } finally {
    await admin.disconnect().catch(() => undefined);
  }
}
