import type { DataSource } from 'typeorm';
import type { Manager } from './database.js';
import type { Positions } from './kafka/own-positions.js';
import type { Received } from './stage.js';

/** DDL of the table; each state-owning service creates it in its own schema by a migration. */
export const CONSUMED_OFFSET_TABLE = `
  CREATE TABLE consumed_offset (
    topic text NOT NULL,
    partition int NOT NULL,
    next_offset bigint NOT NULL,
    PRIMARY KEY (topic, partition)
  )`;

/** Offsets kept with the state, so that a database restored from a backup is replayed from where it stands. */
export class ConsumedOffsets implements Positions {
  constructor(private readonly source: DataSource) {}

  async load(topic: string, partitions: readonly number[]): Promise<ReadonlyMap<number, bigint>> {
    const rows: { partition: number; next_offset: string }[] = await this.source.query(
      'SELECT partition, next_offset FROM consumed_offset WHERE topic = $1 AND partition = ANY($2)',
      [topic, partitions],
    );
    return new Map(rows.map((row) => [row.partition, BigInt(row.next_offset)]));
  }

  async pass(topic: string, partition: number, next: bigint): Promise<void> {
    await this.source.query(ConsumedOffsets.clause(1), [[topic], [partition], [next.toString()]]);
  }

  /**
   * Never backwards: of a batch in which a letter comes twice, the second part holds earlier records than the first. The same as a part of the
   * stage's own statement, `WITH offsets AS (…)`, which then needs no transaction around it. The three parameters
   * are numbered from `first`.
   */
  static clause(first: number): string {
    return `INSERT INTO consumed_offset (topic, partition, next_offset)
      SELECT * FROM unnest($${first}::text[], $${first + 1}::int[], $${first + 2}::bigint[])
      ON CONFLICT (topic, partition) DO UPDATE SET next_offset = greatest(consumed_offset.next_offset, excluded.next_offset)`;
  }

  /** For {@link clause}. */
  static parameters(batch: readonly Received[]): [string[], number[], string[]] {
    const positions = nextOffsets(batch);
    return [positions.map((p) => p.topic), positions.map((p) => p.partition), positions.map((p) => p.next.toString())];
  }

  /** To be called in the transaction that writes the batch's state. Records from retry tiers say nothing about their first topic's offset. */
  static async save(manager: Manager, batch: readonly Received[]): Promise<void> {
    const parameters = ConsumedOffsets.parameters(batch);
    if (parameters[0].length > 0) await manager.query(ConsumedOffsets.clause(1), parameters);
  }
}

export function nextOffsets(batch: readonly Received[]): { topic: string; partition: number; next: bigint }[] {
  const highest = new Map<string, { topic: string; partition: number; next: bigint }>();
  for (const { source } of batch) {
    if (source.retried) continue;
    const key = `${source.topic}/${source.partition}`;
    const next = source.offset + 1n;
    const known = highest.get(key);
    if (known === undefined || known.next < next)
      highest.set(key, { topic: source.topic, partition: source.partition, next });
  }
  return [...highest.values()];
}
