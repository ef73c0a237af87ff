import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createRequire } from 'node:module';
import type { decodeRecord, encodeRecord, RecordFields } from './record-format.js';

type Encode = typeof encodeRecord;
type Decode = typeof decodeRecord;
type NewDecoder = new (bytes: Buffer) => Parameters<Decode>[0] & { readVarInt(): number };

const require = createRequire(import.meta.url);
const FORMAT = 'kafkajs/src/protocol/recordBatch/record/v0';
// kafkajs' own, taken before ours are in their place
const kafkajsEncode = require(`${FORMAT}/index.js`) as Encode;
const kafkajsDecode = require(`${FORMAT}/decoder.js`) as Decode;
const Decoder = require('kafkajs/src/protocol/decoder.js') as NewDecoder;
const ours = await import('./record-format.js');

const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));
type HeaderValue = Exclude<RecordFields['headers'], undefined>[string];
const recordWith = (value: fc.Arbitrary<HeaderValue>): fc.Arbitrary<RecordFields> =>
  fc.record({
    offsetDelta: fc.nat(),
    timestampDelta: fc.integer({ min: -2_000_000_000, max: 2_000_000_000 }),
    key: fc.option(bytes),
    value: fc.option(bytes),
    headers: fc.dictionary(
      fc.string({ maxLength: 30, unit: 'binary' }).filter((name) => !(name in {})),
      value,
      { maxKeys: 12 },
    ),
  });
const text = fc.string({ maxLength: 200, unit: 'binary' });
const record = recordWith(fc.oneof(bytes, text, fc.array(bytes, { maxLength: 3 })));
/** Others write these; kafkajs cannot. */
const withoutValues = recordWith(fc.oneof(fc.constant(null), fc.array(fc.option(bytes), { maxLength: 3 })));

const headersOf = (record: object) =>
  Object.entries((record as RecordFields).headers ?? {}).filter(([name]) => !/^\d/.test(name));

/** Behind its length, as a batch has it. */
function body(encoded: Buffer): InstanceType<NewDecoder> {
  const decoder = new Decoder(encoded);
  const size = decoder.readVarInt();
  expect(size).toBe(encoded.length - decoder.offset);
  return decoder;
}

describe('a record in a batch', () => {
  it('is written byte for byte as kafkajs writes it', () => {
    fc.assert(
      fc.property(record, (fields) => {
        expect(ours.encodeRecord(fields).buffer.toString('hex')).toBe(kafkajsEncode(fields).buffer.toString('hex'));
      }),
      { numRuns: 500 },
    );
  });

  it('is read as kafkajs reads it, with headers as text', () => {
    const context = {
      firstOffset: 4_000_000_000n,
      firstTimestamp: 1_790_000_000_000n,
      magicByte: 2,
      maxTimestamp: '5',
    };
    fc.assert(
      fc.property(fc.oneof(record, withoutValues), fc.constantFrom(0, 1), (fields, timestampType) => {
        const { buffer } = ours.encodeRecord(fields);
        const read = ours.decodeRecord(body(buffer), { ...context, timestampType });
        const expected = kafkajsDecode(body(buffer), {
          ...context,
          timestampType,
          firstOffset: String(context.firstOffset),
          firstTimestamp: String(context.firstTimestamp),
        });
        expect({ ...read, batchContext: null, headers: { ...(read as RecordFields).headers } }).toEqual({
          ...expected,
          batchContext: null,
          headers: Object.fromEntries(
            headersOf(expected).map(([name, value]) => [
              name,
              Array.isArray(value)
                ? value.map((one: Buffer | null) => one?.toString() ?? null)
                : (value?.toString() ?? null),
            ]),
          ),
        });
      }),
      { numRuns: 500 },
    );
  });

  // kafkajs takes them for what every object has
  it.each(['__proto__', 'valueOf', 'constructor'])('keeps a header called %s a header', (name) => {
    const { buffer } = ours.encodeRecord({ headers: JSON.parse(`{"${name}":"x"}`) as Record<string, string> });
    const { headers } = ours.decodeRecord(body(buffer)) as { headers: Record<string, string> };
    expect(Object.entries(headers)).toEqual([[name, 'x']]);
  });

  it('with 100,000 headers is read as fast as it is long', () => {
    const headers = Object.fromEntries(Array.from({ length: 100_000 }, (_, index) => [`h${index}`, 'x']));
    const { buffer } = ours.encodeRecord({ headers });
    const read = ours.decodeRecord(body(buffer)) as { headers: Record<string, string> };
    expect(Object.keys(read.headers)).toHaveLength(100_000);
  }, 5_000);

  // V8 made a list of 1,551 places for each of them: a megabyte of such records, which an agency can send, was a gigabyte
  it('with a number for a name of a header is read without that header', () => {
    const headers = { '1023': 'x', ce_id: 'a', '0': null };
    const read = ours.decodeRecord(body(ours.encodeRecord({ headers }).buffer)) as { headers: Record<string, string> };
    expect(Object.entries(read.headers)).toEqual([['ce_id', 'a']]);
  });

  it('that says it had more headers than it has has those it has', () => {
    // attributes, time, offset, no key, no value, a hundred million headers, of which one is there
    const buffer = Buffer.from([0, 0, 0, 1, 1, 0x80, 0x84, 0xaf, 0x5f, 2, 0x61, 2, 0x62]);
    const read = ours.decodeRecord({ buffer, offset: 0 }) as { headers: Record<string, string> };
    expect(Object.entries(read.headers)).toEqual([['a', 'b']]);
  }, 5_000);

  it('takes the place of what kafkajs has', () => {
    expect(require(`${FORMAT}/index.js`)).toBe(ours.encodeRecord);
    expect(require(`${FORMAT}/decoder.js`)).toBe(ours.decodeRecord);
  });
});
