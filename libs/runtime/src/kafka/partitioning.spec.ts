import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createRequire } from 'node:module';
import type { byPartition, murmur2 } from './partitioning.js';

const require = createRequire(import.meta.url);
const HASH = 'kafkajs/src/producer/partitioners/default/murmur2.js';
const GROUPING = 'kafkajs/src/producer/groupMessagesPerPartition.js';
// kafkajs' own, taken before ours are in their place
const kafkajsHash = require(HASH) as typeof murmur2;
const kafkajsGrouping = require(GROUPING) as typeof byPartition;
const ours = await import('./partitioning.js');

const key = fc.oneof(
  fc.uint8Array({ maxLength: 50 }).map((array) => Buffer.from(array)),
  fc.string({ unit: 'binary', maxLength: 50 }),
  fc.uuid(),
);

describe('the partition of a record', () => {
  it('is the one that kafkajs, and so every other client, chooses', () => {
    fc.assert(
      fc.property(key, (given) => void expect(ours.murmur2(given)).toBe(kafkajsHash(given))),
      { numRuns: 2_000 },
    );
  });

  // from Kafka's own test of its hash (UtilsTest.testMurmur2)
  it.each([
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
  ])('agrees with Kafka on %s', (text, hash) => expect(ours.murmur2(text)).toBe(hash));

  it('groups the records of a request as kafkajs groups them', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 4 })), fc.nat({ max: 3 }), (places, partitions) => {
        const messages = places.map((place, index) => ({ key: `${place}/${index}` }));
        const request = {
          topic: 't',
          partitionMetadata: Array.from({ length: partitions }, () => ({})),
          messages,
          partitioner: ({ message }: { message: { key?: unknown } }) => Number(String(message.key).split('/')[0]),
        };
        expect(ours.byPartition(request)).toEqual(kafkajsGrouping(request));
      }),
    );
  });

  it('takes the place of what kafkajs has', () => {
    expect(require(HASH)).toBe(ours.murmur2);
    expect(require(GROUPING)).toBe(ours.byPartition);
  });
});
