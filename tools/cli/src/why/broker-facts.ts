import {
  deadLetterTopic,
  header,
  retryTopic,
  RETRY_TIERS,
  takesIn,
  topicName,
  TOPICS,
  PROVIDERS_WITH_TOPICS,
} from '@postgang/pipeline';
import { TURNS, type SetAsideRecord, type Turn } from '@postgang/rules';
import { committedOffsets, failureOf, TopicReader, type Kafka } from '@postgang/runtime';
import { isOf, type Whose } from '../set-aside.js';

/** Of each partition of the dead letters, newest first. */
const LOOKED_AT = 2_000n;
const DUE_AT = 'retry-due-at';
const EXHAUSTED_AFTER = 'attempt';

export interface GroupFacts {
  /** How many processes read for the service. */
  readonly members: number;
  /** Records that it has not committed. */
  readonly behind: number;
  readonly restored: boolean;
}

export interface BrokerFacts {
  readonly groups: ReadonlyMap<Turn, GroupFacts>;
  readonly retry: SetAsideRecord | undefined;
  readonly dead: SetAsideRecord | undefined;
}

/** `topic/partition` → where the service's own database says it has read to. */
export type OwnPositions = ReadonlyMap<Turn, ReadonlyMap<string, bigint>>;

type Admin = ReturnType<Kafka['admin']>;

/** Topics of the table that each service takes in; those of agencies are left to integration-point's own metric. */
const READ_BY: ReadonlyMap<Turn, readonly string[]> = new Map(
  TURNS.map((turn) => [
    turn,
    TOPICS.filter((topic) => takesIn(turn, topic) && !topic.name.includes('<orgnr>')).flatMap(({ name }) =>
      name.includes('<provider>') ? PROVIDERS_WITH_TOPICS.map((provider) => topicName(name, provider)) : [name],
    ),
  ]),
);

export interface Asked {
  readonly whose: Whose;
  /** Whose retry tiers and dead letters are looked through. */
  readonly look: Turn | undefined;
  /** Asked after the broker. A service writes its own place down before it tells the broker: in the other order one that runs would look restored. */
  readonly positions: () => Promise<OwnPositions>;
}

/**
 * What the broker knows: how far each service is, whether anybody reads for it, and the letter's records that `look` has set aside. Rejects with
 * what kafkajs says when the broker is away.
 */
export async function brokerFacts(kafka: Kafka, prefix: string, asked: Asked): Promise<BrokerFacts> {
  const admin = kafka.admin();
  await admin.connect();
  try {
    const [groups, aside] = await Promise.all([
      groupFacts(admin, prefix, asked.positions),
      asked.look === undefined ? [] : recordsOf(kafka, admin, prefix, asked.look, asked.whose),
    ]);
    // what was set aside last is where the letter is now: a dead letter stays there also after it was redriven
    const newest = aside.sort((a, b) => b.at.getTime() - a.at.getTime())[0]?.record;
    return {
      groups,
      retry: newest?.dueAt === null ? undefined : newest,
      dead: newest?.dueAt === null ? newest : undefined,
    };
  } finally {
    await admin.disconnect();
  }
}

async function groupFacts(admin: Admin, prefix: string, positions: Asked['positions']): Promise<Map<Turn, GroupFacts>> {
  const ids = TURNS.map((turn) => prefix + turn);
  const { groups } = await admin.describeGroups(ids);
  const committed = await Promise.all(TURNS.map((turn) => committedBy(admin, prefix, turn)));
  const topics = [...new Set([...READ_BY.values()].flat())];
  const ends = new Map<string, bigint>();
  const [own] = await Promise.all([
    positions(),
    ...topics.map(async (topic) => {
      for (const { partition, high } of await admin.fetchTopicOffsets(prefix + topic))
        ends.set(`${topic}/${partition}`, BigInt(high));
    }),
  ]);
  return new Map(
    TURNS.map((turn, index): [Turn, GroupFacts] => {
      let behind = 0n;
      let restored = false;
      for (const [place, next] of committed[index] ?? []) {
        const mine = own.get(turn)?.get(place);
        if (mine !== undefined && mine < next) restored = true;
        const missing = (ends.get(place) ?? 0n) - next;
        if (missing > 0n) behind += missing;
      }
      const members = groups.find((group) => group.groupId === prefix + turn)?.members.length ?? 0;
      return [turn, { members, behind: Number(behind), restored }];
    }),
  );
}

/** What the broker has been told of each partition, by `topic/partition`; 0 where it was told nothing. */
async function committedBy(admin: Admin, prefix: string, turn: Turn): Promise<ReadonlyMap<string, bigint>> {
  const topics = (READ_BY.get(turn) ?? []).map((topic) => prefix + topic);
  const offsets = await committedOffsets(admin, { groupId: prefix + turn, topics });
  return new Map(
    offsets.flatMap(({ topic, partitions }) =>
      partitions.map(({ partition, offset }): [string, bigint] => [
        `${topic.slice(prefix.length)}/${partition}`,
        offset === '-1' ? 0n : BigInt(offset),
      ]),
    ),
  );
}

/** Those in retry tiers that wait still, and those among the newest dead letters. */
async function recordsOf(
  kafka: Kafka,
  admin: Admin,
  prefix: string,
  service: Turn,
  whose: Whose,
): Promise<{ readonly at: Date; readonly record: SetAsideRecord }[]> {
  const tiers = RETRY_TIERS.map(({ tier }) => prefix + retryTopic(service, tier));
  const done = await committedOffsets(admin, { groupId: `${prefix}${service}.retry`, topics: tiers });
  const looks = [...tiers, prefix + deadLetterTopic(service)].map((topic) => look(topic));
  return (await Promise.all(looks)).flat();

  async function look(topic: string): Promise<{ at: Date; record: SetAsideRecord }[]> {
    const ends = await admin.fetchTopicOffsets(topic);
    const stretches = ends.map(({ partition, low, high }) => {
      const to = BigInt(high);
      const committed = done.find((one) => one.topic === topic)?.partitions.find((one) => one.partition === partition);
      const pending = committed === undefined ? to - LOOKED_AT : BigInt(committed.offset);
      return { partition, from: pending < BigInt(low) ? BigInt(low) : pending, to };
    });
    if (stretches.every(({ from, to }) => from >= to)) return [];
    const reader = await TopicReader.open(kafka, topic);
    const found: { at: Date; record: SetAsideRecord }[] = [];
    try {
      await reader.read(stretches, (record) => {
        if (!isOf(record, whose)) return;
        const { headers, at } = record;
        const due = header(headers, DUE_AT);
        found.push({
          at,
          record: {
            service,
            failure: failureOf(headers),
            attempts: Number(header(headers, EXHAUSTED_AFTER) ?? 0),
            dueAt: tiers.includes(topic) && due !== undefined ? new Date(Number(due)) : null,
          },
        });
      });
      return found;
    } finally {
      await reader.close();
    }
  }
}
