import { substitute } from './substitute.js';

/**
 * Which partition a record goes to, and the records of a request by partition, put in the place of what kafkajs 2.2.4 has for them, before
 * kafkajs is loaded. Its hash makes some fifty integers of arbitrary size per key; its grouping copies all records of a partition for each more.
 */
interface Keyed {
  readonly key?: Buffer | string | null;
}

interface Grouping {
  readonly topic: string;
  readonly partitionMetadata: readonly unknown[];
  readonly messages: readonly Keyed[];
  readonly partitioner: (choice: { topic: string; partitionMetadata: readonly unknown[]; message: Keyed }) => number;
}

const SEED = 0x9747b28c;
const M = 0x5bd1e995;

/** Murmur2 as Kafka's own clients have it (org.apache.kafka.common.utils.Utils): all writers must agree on a letter's partition. */
export function murmur2(key: Buffer | string): number {
  const data = typeof key === 'string' ? Buffer.from(key) : key;
  const { length } = data;
  const whole = length - (length % 4);
  let hash = SEED ^ length;
  for (let at = 0; at < whole; at += 4) {
    let word = Math.imul(data.readInt32LE(at), M);
    word ^= word >>> 24;
    hash = Math.imul(hash, M) ^ Math.imul(word, M);
  }
  if (length > whole) {
    for (let at = length - 1; at >= whole; at--) hash ^= (data[at] as number) << (8 * (at - whole));
    hash = Math.imul(hash, M);
  }
  hash ^= hash >>> 13;
  hash = Math.imul(hash, M);
  return hash ^ (hash >>> 15);
}

/** Partition number → its records, in the order given. */
export function byPartition({ topic, partitionMetadata, messages, partitioner }: Grouping): Record<number, Keyed[]> {
  const parts: Record<number, Keyed[]> = {};
  if (partitionMetadata.length === 0) return parts;
  for (const message of messages) (parts[partitioner({ topic, partitionMetadata, message })] ??= []).push(message);
  return parts;
}

substitute('kafkajs/src/producer/partitioners/default/murmur2.js', murmur2);
substitute('kafkajs/src/producer/groupMessagesPerPartition.js', byPartition);
