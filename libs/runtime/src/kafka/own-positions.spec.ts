import { describe, expect, it } from '@jest/globals';
import pino from 'pino';
import { seekToOwnPositions, type OwnPositionsOptions } from './own-positions.js';

const TOPIC = 'p.letter.status.v1';

/** Where a consumer is sent when the broker has committed 5,000 of a topic that begins at 17. */
async function seeks(own: ReadonlyMap<number, bigint>, without: readonly string[] = []): Promise<unknown[]> {
  const found: unknown[] = [];
  const admin = {
    connect: () => Promise.resolve(),
    disconnect: () => Promise.resolve(),
    fetchOffsets: () => Promise.resolve([{ topic: TOPIC, partitions: [{ partition: 0, offset: '5000' }] }]),
    fetchTopicOffsets: () => Promise.resolve([{ partition: 0, low: '17', high: '5000' }]),
  };
  await seekToOwnPositions(
    { seek: (place) => void found.push(place) },
    { [TOPIC]: [0] },
    {
      kafka: { admin: () => admin } as unknown as OwnPositionsOptions['kafka'],
      topicPrefix: 'p.',
      groupId: 'p.receipts',
      positions: { load: () => Promise.resolve(own), pass: () => Promise.resolve() },
      without: new Set(without),
      log: pino({ level: 'silent' }),
    },
  );
  return found;
}

describe('where reading begins', () => {
  it('is where the database stands when it is behind', async () => {
    expect(await seeks(new Map([[0, 4_000n]]))).toEqual([{ topic: TOPIC, partition: 0, offset: '4000' }]);
  });

  it('is the beginning when the database, restored, knows nothing of it', async () => {
    expect(await seeks(new Map())).toEqual([{ topic: TOPIC, partition: 0, offset: '17' }]);
  });

  it("is the broker's place where the database is as far", async () => {
    expect(await seeks(new Map([[0, 5_000n]]))).toEqual([]);
  });

  it("is the broker's place for a stage without state: the agencies would be told everything again", async () => {
    expect(await seeks(new Map(), [TOPIC])).toEqual([]);
  });
});
