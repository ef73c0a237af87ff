import { expect, it } from '@jest/globals';
import pino from 'pino';
import { OwnPlace, type OwnPlaceOptions } from './own-place.js';

const TOPIC = 'p.letter.status.v1';

it('what an older assignment finds late takes nothing from what a newer one has found', async () => {
  const answers: (() => void)[] = [];
  const admin = {
    connect: () => Promise.resolve(),
    disconnect: () => Promise.resolve(),
    fetchOffsets: () =>
      Promise.resolve([{ topic: TOPIC, partitions: [0, 1].map((partition) => ({ partition, offset: '5000' })) }]),
    fetchTopicOffsets: () => Promise.resolve([0, 1].map((partition) => ({ partition, low: '0', high: '9000' }))),
  };
  const place = new OwnPlace({
    kafka: { admin: () => admin } as unknown as OwnPlaceOptions['kafka'],
    topicPrefix: 'p.',
    groupId: 'p.receipts',
    positions: {
      load: (_topic, partitions) =>
        new Promise((resolve) =>
          answers.push(() => resolve(new Map(partitions.map((partition) => [partition, 4_000n])))),
        ),
      pass: () => Promise.resolve(),
    },
    without: () => new Set(),
    inHand: 500,
    unknownIs: 'beginning',
    log: pino({ level: 'silent' }),
  });
  const asked = async (count: number): Promise<void> => {
    while (answers.length < count) await new Promise(setImmediate);
  };
  const consumer = { seek: () => undefined };
  place.assigned(consumer, { [TOPIC]: [0] });
  const older = place.found();
  await asked(1);
  place.assigned(consumer, { [TOPIC]: [1] });
  await asked(2);
  answers[1]?.();
  await place.found();
  answers[0]?.();
  await older;
  expect(place.replayOf(TOPIC, 1)).toEqual({ committed: 5_000n, until: 5_500n });
  expect(place.replayOf(TOPIC, 0)).toBeUndefined();
});
