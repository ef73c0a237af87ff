import { describe, expect, it } from '@jest/globals';
import { isUuid } from '@postgang/pipeline';
import type { KafkaMessage } from 'kafkajs';
import { rawRecord, recordId } from './incoming.js';

const ID = 'b1f0f2a5-9d07-5b64-8f6f-0d3c2d1f7a11';
const TOPIC = 'letter.accepted.v1';

const message = (headers: unknown, more: Partial<KafkaMessage> = {}): KafkaMessage =>
  ({
    key: Buffer.from(ID),
    value: Buffer.from('x'),
    offset: '41',
    timestamp: '0',
    attributes: 0,
    ...more,
    headers,
  }) as KafkaMessage;
const read = (headers: unknown, retried = false) => rawRecord(message(headers), TOPIC, 2, retried).headers;

describe('the headers of a record', () => {
  it('are believed about its way only on our own retry tiers', () => {
    const headers = { ce_id: ID, attempt: '3', 'origin-topic': 'x', 'origin-offset': '1', 'retry-due-at': '9' };
    expect(read(headers)).toEqual({ ce_id: ID });
    expect(read(headers, true)).toEqual(headers);
  });

  it('that have no value, are too long or unknown are left out', () => {
    expect(read({ ce_id: null, traceparent: 'x'.repeat(1_001), 'x-name': 'Kari', ce_type: Buffer.from('t') })).toEqual({
      ce_type: 't',
    });
    expect(read(undefined)).toEqual({});
  });

  it('of one name twice: the first holds', () => {
    expect(read({ ce_id: [Buffer.from('a'), Buffer.from('b')] })).toEqual({ ce_id: 'a' });
  });
});

describe('the id of a record', () => {
  const id = (origin: string, headers: unknown): string =>
    recordId(origin, rawRecord(message(headers), origin, 2, true));

  it('is the event id of the service that wrote it', () => {
    expect(id(TOPIC, { ce_id: ID })).toBe(ID);
  });

  it.each([{}, { ce_id: '' }, { ce_id: 'not-a-uuid' }, { ce_id: `${ID}x` }])(
    'is a UUID of its place otherwise: %j',
    (headers) => {
      expect(isUuid(id(TOPIC, headers))).toBe(true);
      expect(id(TOPIC, headers)).toBe(id(TOPIC, {}));
      expect(id(TOPIC, headers)).not.toBe(id('letter.routed.v1', headers));
    },
  );

  it('stays the same on the way through the retry tiers', () => {
    const place = { 'origin-topic': TOPIC, 'origin-partition': '2', 'origin-offset': '41' };
    const again = rawRecord(message(place, { offset: '7' }), 'receipts.retry.10s', 0, true);
    expect(recordId(TOPIC, again)).toBe(id(TOPIC, {}));
  });

  it('on a topic of an agency is of its place, whatever it says', () => {
    expect(id('letter.submitted.v1.310000019', { ce_id: ID })).toBe(id('letter.submitted.v1.310000019', {}));
  });
});
