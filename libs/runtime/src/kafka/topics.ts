import { concreteTopics } from '@postgang/pipeline';
import type { Kafka } from 'kafkajs';

export interface TopicLayout {
  readonly prefix: string;
  readonly replication: number;
  /** Overrides the table's partition counts where everything runs on one small machine; never changed once topics exist. */
  readonly partitions?: number;
}

const DAY_MS = 86_400_000;

/** Creates what is missing of the letter's way; existing topics are left alone. Returns how many were created. */
export async function createTopics(kafka: Kafka, agencies: readonly string[], layout: TopicLayout): Promise<number> {
  const admin = kafka.admin();
  await admin.connect();
  try {
    const existing = new Set(await admin.listTopics());
    const missing = concreteTopics(agencies).filter((topic) => !existing.has(layout.prefix + topic.name));
    if (missing.length === 0) return 0;
    await admin.createTopics({
      waitForLeaders: true,
      timeout: 30_000,
      topics: missing.map((topic) => ({
        topic: layout.prefix + topic.name,
        numPartitions:
          layout.partitions === undefined ? topic.partitions : Math.min(layout.partitions, topic.partitions),
        replicationFactor: layout.replication,
        configEntries: [
          { name: 'retention.ms', value: String(topic.retentionDays * DAY_MS) },
          { name: 'cleanup.policy', value: 'delete' },
          ...(layout.replication >= 3 ? [{ name: 'min.insync.replicas', value: '2' }] : []),
        ],
      })),
    });
    return missing.length;
  } finally {
    await admin.disconnect();
  }
}
