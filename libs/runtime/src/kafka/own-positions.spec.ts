import { describe, expect, it } from '@jest/globals';
import pino from 'pino';
import {
  isBehindBroker,
  placeKey,
  seekToOwnPositions,
  type OwnPositionsOptions,
  type Replay,
} from './own-positions.js';

const TOPIC = 'p.letter.status.v1';

const IN_HAND = 500;
const log = pino({ level: 'silent' });

interface Found {
  readonly seeks: unknown[];
  readonly replay: Replay | undefined;
}

const kafkaWith = (high: string): OwnPositionsOptions['kafka'] => {
  const admin = {
    connect: () => Promise.resolve(),
    disconnect: () => Promise.resolve(),
    fetchOffsets: () => Promise.resolve([{ topic: TOPIC, partitions: [{ partition: 0, offset: '5000' }] }]),
    fetchTopicOffsets: () => Promise.resolve([{ partition: 0, low: '17', high }]),
  };
  return { admin: () => admin } as unknown as OwnPositionsOptions['kafka'];
};

const positionsOf = (own: ReadonlyMap<number, bigint>): OwnPositionsOptions['positions'] => ({
  load: () => Promise.resolve(own),
  pass: (_topic, _partition, next) => Promise.resolve(void passed.push(next)),
});
const passed: bigint[] = [];

/** Where a consumer is sent when the broker has committed 5,000 of a topic that begins at 17 and ends at `high`. */
async function find(
  own: ReadonlyMap<number, bigint>,
  {
    without = [],
    high = '9000',
    unknownIs = 'beginning',
  }: { without?: readonly string[]; high?: string; unknownIs?: 'beginning' | 'committed' } = {},
): Promise<Found> {
  const found: unknown[] = [];
  const replays = await seekToOwnPositions(
    { seek: (place) => void found.push(place) },
    { [TOPIC]: [0] },
    {
      kafka: kafkaWith(high),
      topicPrefix: 'p.',
      groupId: 'p.receipts',
      positions: positionsOf(own),
      without: new Set(without),
      inHand: IN_HAND,
      unknownIs,
      log,
    },
  );
  return { seeks: found, replay: replays.get(placeKey(TOPIC, 0)) };
}
const seeks = async (...args: Parameters<typeof find>): Promise<unknown[]> => (await find(...args)).seeks;

describe('where reading begins', () => {
  it('is where the database stands when it is behind', async () => {
    expect(await seeks(new Map([[0, 4_000n]]))).toEqual([{ topic: TOPIC, partition: 0, offset: '4000' }]);
  });

  it('is the beginning when the database, restored, knows nothing of it', async () => {
    expect(await seeks(new Map())).toEqual([{ topic: TOPIC, partition: 0, offset: '17' }]);
  });

  it("is the broker's place, which is then kept, where places were not always kept and none is known", async () => {
    expect(await find(new Map(), { unknownIs: 'committed' })).toEqual({ seeks: [], replay: undefined });
    expect(passed).toEqual([5_000n]);
    expect(await seeks(new Map([[0, 4_000n]]), { unknownIs: 'committed' })).toHaveLength(1);
  });

  it("is the broker's place where the database is as far", async () => {
    expect(await seeks(new Map([[0, 5_000n]]))).toEqual([]);
  });

  it("is the broker's place for a stage without state: the agencies would be told everything again", async () => {
    expect(await find(new Map(), { without: [TOPIC] })).toEqual({ seeks: [], replay: undefined });
  });
});

describe('what was handled before a restore', () => {
  it('is all that was committed, and what may have been in hand beyond it', async () => {
    expect((await find(new Map([[0, 4_000n]]))).replay).toEqual({ committed: 5_000n, until: 5_500n });
  });

  it('ends where the topic ended: what is written later is new', async () => {
    expect((await find(new Map([[0, 4_000n]]), { high: '5003' })).replay?.until).toBe(5_003n);
  });

  it('is nothing where the database is not behind', async () => {
    expect((await find(new Map([[0, 5_000n]]))).replay).toBeUndefined();
  });

  it.each([
    [4_999n, true],
    [5_000n, false],
    [undefined, true],
  ])('is known at the start, before anything is assigned: own place %s', async (own, behind) => {
    const positions = positionsOf(own === undefined ? new Map() : new Map([[0, own]]));
    const place = { topicPrefix: 'p.', groupId: 'p.receipts', positions };
    expect(await isBehindBroker({ kafka: kafkaWith('9000'), ...place }, log)).toBe(behind);
  });

  it('is looked for again while the broker loads its groups, and not for ever', async () => {
    const place = { topicPrefix: 'p.', groupId: 'p.receipts', positions: positionsOf(new Map([[0, 1n]])) };
    const admin = kafkaWith('9000').admin();
    let loads = 2;
    const loading = {
      ...admin,
      fetchOffsets: () =>
        loads-- > 0 ? Promise.reject(new Error('loading')) : admin.fetchOffsets({ groupId: 'p.receipts' }),
    };
    const kafka = { admin: () => loading } as unknown as OwnPositionsOptions['kafka'];
    expect(await isBehindBroker({ kafka, ...place }, log, 1)).toBe(true);
    loads = Infinity;
    await expect(isBehindBroker({ kafka, ...place }, log, 1)).rejects.toThrow('loading');
  });
});
