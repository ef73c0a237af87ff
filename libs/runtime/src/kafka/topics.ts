import { concreteTopics, topicOf } from '@postgang/pipeline';
import type { Admin, Kafka } from 'kafkajs';

export interface TopicLayout {
  readonly prefix: string;
  readonly replication: number;
  /** Overrides the table's partition counts where everything runs on one small machine; never changed once topics exist. */
  readonly partitions?: number;
}

const DAY_MS = 86_400_000;
/** Twice the broker's usual limit: a record of any size that was let in fits, with its failure told in the headers. */
const SET_ASIDE_BYTES = 2_097_152;

/** Creates what is missing of the letter's way; existing topics are left alone. Returns how many were created. */
export async function createTopics(kafka: Kafka, agencies: readonly string[], layout: TopicLayout): Promise<number> {
  const admin = kafka.admin();
  await admin.connect();
  try {
    const existing = new Set(await admin.listTopics());
    const missing = concreteTopics(agencies).filter((topic) => !existing.has(layout.prefix + topic.name));
    if (missing.length === 0) return 0;
    await admin.createTopics({
      // kafkajs' own waiting gives up when the broker does not know the new topic yet, which KRaft brokers say for a moment
      waitForLeaders: false,
      timeout: 30_000,
      topics: missing.map((topic) => ({
        topic: layout.prefix + topic.name,
        numPartitions:
          layout.partitions === undefined ? topic.partitions : Math.min(layout.partitions, topic.partitions),
        replicationFactor: layout.replication,
        configEntries: [
          { name: 'retention.ms', value: String(topic.retentionDays * DAY_MS) },
          { name: 'cleanup.policy', value: 'delete' },
          ...particulars(topic.name),
          ...(layout.replication >= 3 ? [{ name: 'min.insync.replicas', value: '2' }] : []),
        ],
      })),
    });
    await untilLed(
      admin,
      missing.map((topic) => layout.prefix + topic.name),
    );
    return missing.length;
  } finally {
    await admin.disconnect();
  }
}

function particulars(name: string): { name: string; value: string }[] {
  const row = topicOf(name);
  // retry tiers and dead letters
  if (row === undefined) return [{ name: 'max.message.bytes', value: String(SET_ASIDE_BYTES) }];
  // An agency's client may compress as it likes: the broker unpacks. kafkajs dies of codecs it does not know, and of what a bomb unpacks to.
  if ((row.topic.writers as readonly string[]).includes('agency'))
    return [{ name: 'compression.type', value: 'uncompressed' }];
  return [];
}

const LED_MS = 30_000;
const NOT_YET = ['UNKNOWN_TOPIC_OR_PARTITION', 'LEADER_NOT_AVAILABLE'];

async function untilLed(admin: Admin, topics: string[]): Promise<void> {
  const deadline = performance.now() + LED_MS;
  for (;;) {
    try {
      const { topics: known } = await admin.fetchTopicMetadata({ topics });
      if (known.every(({ partitions }) => partitions.length > 0 && partitions.every(({ leader }) => leader >= 0)))
        return;
    } catch (error) {
      if (!NOT_YET.includes(String((error as { type?: unknown }).type))) throw error;
    }
    if (performance.now() > deadline) throw new Error('the new topics have no leaders yet');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
