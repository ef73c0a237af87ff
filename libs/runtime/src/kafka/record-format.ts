import { createRequire } from 'node:module';

/**
 * How a record lies in a batch (Kafka protocol, "Record", magic 2), put in the place of what kafkajs 2.2.4 has for it, before kafkajs is loaded.
 * Its writer makes a 512-byte buffer for the record and one more for each header, a quarter of what a record costs. Its reader copies all
 * headers again for each one more: a record of 100,000 headers, which anybody who may write to a topic can send, stands still for minutes.
 */
export interface RecordFields {
  readonly offsetDelta?: number;
  /** Milliseconds. */
  readonly timestampDelta?: number;
  readonly key?: Bytes;
  readonly value?: Bytes;
  readonly headers?: Readonly<Record<string, Bytes | readonly Bytes[]>>;
}

type Bytes = Buffer | string | null | undefined;

/** The part of kafkajs' encoder that whoever writes a batch reads. */
interface Encoded {
  readonly buf: Buffer;
  readonly buffer: Buffer;
}

interface Decoder {
  readInt8(): number;
  readVarInt(): number;
  readVarLong(): { toString(): string };
  readVarIntBytes(): Buffer | null;
  readVarIntString(): string | null;
}

interface BatchContext {
  readonly firstOffset?: { toString(): string };
  readonly firstTimestamp?: { toString(): string };
  readonly maxTimestamp?: string;
  readonly magicByte?: number;
  readonly isControlBatch?: boolean;
  readonly timestampType?: number;
}

const LOG_APPEND_TIME = 1;

/** One buffer, of exactly the record's size. */
export function encodeRecord({ offsetDelta = 0, timestampDelta = 0, key, value, headers = {} }: RecordFields): Encoded {
  const pairs: [string, Bytes][] = [];
  for (const [name, given] of Object.entries(headers)) {
    if (Array.isArray(given)) for (const one of given as readonly Bytes[]) pairs.push([name, one]);
    else pairs.push([name, given as Bytes]);
  }
  let size = 1 + sizeOfNumber(timestampDelta) + sizeOfNumber(offsetDelta) + sizeOfBytes(key) + sizeOfBytes(value);
  size += sizeOfNumber(pairs.length);
  for (const [name, one] of pairs) size += sizeOfBytes(name) + sizeOfBytes(one);
  const buffer = Buffer.allocUnsafe(sizeOfNumber(size) + size);
  let at = writeNumber(buffer, 0, size);
  buffer[at++] = 0;
  at = writeNumber(buffer, at, timestampDelta);
  at = writeNumber(buffer, at, offsetDelta);
  at = writeBytes(buffer, at, key);
  at = writeBytes(buffer, at, value);
  at = writeNumber(buffer, at, pairs.length);
  for (const [name, one] of pairs) at = writeBytes(buffer, writeBytes(buffer, at, name), one);
  return { buf: buffer, buffer };
}

/** As kafkajs gives it to its callers; a header that comes more than once is a list of values. */
export function decodeRecord(decoder: Decoder, context: BatchContext = {}): object {
  const attributes = decoder.readInt8();
  const timestampDelta = Number(decoder.readVarLong().toString());
  const timestamp =
    context.timestampType === LOG_APPEND_TIME && context.maxTimestamp
      ? context.maxTimestamp
      : String(Number(context.firstTimestamp?.toString() ?? 0) + timestampDelta);
  const offset = String(Number(context.firstOffset?.toString() ?? 0) + decoder.readVarInt());
  const key = decoder.readVarIntBytes();
  const value = decoder.readVarIntBytes();
  return {
    magicByte: context.magicByte,
    attributes,
    timestamp,
    offset,
    key,
    value,
    headers: decodeHeaders(decoder),
    isControlRecord: context.isControlBatch ?? false,
    batchContext: context,
  };
}

function decodeHeaders(decoder: Decoder): Record<string, Buffer | null | (Buffer | null)[]> {
  // without a prototype: a header may be called __proto__
  const headers = Object.create(null) as Record<string, Buffer | null | (Buffer | null)[]>;
  const count = decoder.readVarInt();
  for (let index = 0; index < count; index++) {
    const name = String(decoder.readVarIntString());
    const value = decoder.readVarIntBytes();
    const earlier = headers[name];
    if (earlier === undefined) headers[name] = value;
    else if (Array.isArray(earlier)) earlier.push(value);
    else headers[name] = [earlier, value];
  }
  return headers;
}

const sizeOfBytes = (bytes: Bytes): number => {
  if (bytes === null || bytes === undefined) return 1;
  const size = typeof bytes === 'string' ? Buffer.byteLength(bytes) : bytes.length;
  return sizeOfNumber(size) + size;
};

function writeBytes(buffer: Buffer, at: number, bytes: Bytes): number {
  if (bytes === null || bytes === undefined) return writeNumber(buffer, at, -1);
  if (typeof bytes !== 'string') {
    const start = writeNumber(buffer, at, bytes.length);
    buffer.set(bytes, start);
    return start + bytes.length;
  }
  const start = writeNumber(buffer, at, Buffer.byteLength(bytes));
  return start + buffer.write(bytes, start);
}

/** Zigzag and base 128, for integers that a double holds: a delta of time may be more than 32 bits. */
const zigZag = (value: number): number => (value < 0 ? -2 * value - 1 : 2 * value);

function sizeOfNumber(value: number): number {
  let size = 1;
  for (let rest = zigZag(value); rest >= 0x80; rest = Math.floor(rest / 0x80)) size++;
  return size;
}

function writeNumber(buffer: Buffer, at: number, value: number): number {
  let rest = zigZag(value);
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) buffer[at++] = (rest % 0x80) | 0x80;
  buffer[at++] = rest;
  return at;
}

const require = createRequire(import.meta.url);
substitute('kafkajs/src/protocol/recordBatch/record/v0/index.js', encodeRecord);
substitute('kafkajs/src/protocol/recordBatch/record/v0/decoder.js', decodeRecord);

/** Whoever requires the module from now on gets ours. kafkajs is pinned; another version without the module fails here, at the start. */
function substitute(module: string, ours: unknown): void {
  require(module);
  const loaded = require.cache[require.resolve(module)];
  if (loaded === undefined) throw new Error(`${module} is not kept by the module loader`);
  loaded.exports = ours;
}
