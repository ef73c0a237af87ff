import {
  deadLetterTopic,
  header,
  retryTopic,
  RETRY_TIERS,
  topicName,
  TOPICS,
  PROVIDERS_WITH_TOPICS,
} from '@postgang/pipeline';
import { TURNS, type SetAsideRecord, type Turn } from '@postgang/rules';
import { TopicReader, type Kafka } from '@postgang/runtime';

/** Of each partition of the dead letters, newest first. */
const LOOKED_AT = 2_000n;
const FAILURE = 'failure';
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

/** Topics of the table that each service reads; those of agencies are left to integration-point's own metric. */
const READ_BY: ReadonlyMap<Turn, readonly string[]> = new Map(
  TURNS.map((turn) => [
    turn,
    TOPICS.filter(
      ({ name, readers }) => (readers as readonly string[]).includes(turn) && !name.includes('<orgnr>'),
    ).flatMap(({ name }) =>
      name.includes('<provider>') ? PROVIDERS_WITH_TOPICS.map((provider) => topicName(name, provider)) : [name],
    ),
  ]),
);

/**
 * What the broker knows: how far each service is, whether anybody reads for it, and the letter's records that `look` has set aside. Rejects with
 * what kafkajs says when the broker is away.
 */
export async function brokerFacts(
  kafka: Kafka,
  prefix: string,
  asked: { readonly keys: readonly string[]; readonly look: Turn | undefined; readonly positions: OwnPositions },
): Promise<BrokerFacts> {
  const admin = kafka.admin();
  await admin.connect();
  try {
    const [groups, aside] = await Promise.all([
      groupFacts(admin, prefix, asked.positions),
      asked.look === undefined ? [] : recordsOf(kafka, admin, prefix, asked.look, asked.keys),
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

async function groupFacts(admin: Admin, prefix: string, positions: OwnPositions): Promise<Map<Turn, GroupFacts>> {
  const ids = TURNS.map((turn) => prefix + turn);
  const { groups } = await admin.describeGroups(ids);
  const topics = [...new Set([...READ_BY.values()].flat())];
  const ends = new Map<string, bigint>();
  await Promise.all(
    topics.map(async (topic) => {
      for (const { partition, high } of await admin.fetchTopicOffsets(prefix + topic))
        ends.set(`${topic}/${partition}`, BigInt(high));
    }),
  );
  const facts = await Promise.all(
    TURNS.map(async (turn): Promise<[Turn, GroupFacts]> => {
      const groupId = prefix + turn;
      const read = READ_BY.get(turn) ?? [];
      const offsets = await admin.fetchOffsets({ groupId, topics: read.map((topic) => prefix + topic) });
      let behind = 0n;
      let restored = false;
      for (const { topic, partitions } of offsets)
        for (const { partition, offset } of partitions) {
          const place = `${topic.slice(prefix.length)}/${partition}`;
          const committed = offset === '-1' ? 0n : BigInt(offset);
          const own = positions.get(turn)?.get(place);
          if (own !== undefined && own < committed) restored = true;
          const missing = (ends.get(place) ?? 0n) - committed;
          if (missing > 0n) behind += missing;
        }
      const members = groups.find((group) => group.groupId === groupId)?.members.length ?? 0;
      return [turn, { members, behind: Number(behind), restored }];
    }),
  );
  return new Map(facts);
}

/** Those in retry tiers that wait still, and those among the newest dead letters. */
async function recordsOf(
  kafka: Kafka,
  admin: Admin,
  prefix: string,
  service: Turn,
  keys: readonly string[],
): Promise<{ readonly at: Date; readonly record: SetAsideRecord }[]> {
  const tiers = RETRY_TIERS.map(({ tier }) => prefix + retryTopic(service, tier));
  const done = await admin.fetchOffsets({ groupId: `${prefix}${service}.retry`, topics: tiers });
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
      await reader.read(stretches, ({ key, headers, at }) => {
        if (!keys.includes(key)) return;
        const due = header(headers, DUE_AT);
        found.push({
          at,
          record: {
            service,
            failure: header(headers, FAILURE) ?? '',
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
