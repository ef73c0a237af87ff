import { substitute } from './substitute.js';

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

/** The part of kafkajs' decoder that is left in the hands of ours. */
interface Decoder {
  readonly buffer: Buffer;
  offset: number;
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
/** Bytes of 64 bits. */
const LONGEST_NUMBER = 10;

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

/**
 * As kafkajs gives it to its callers, but the values of headers are text, which they are by what we write there and read from there: as bytes they
 * were up to a sixth of what lives long enough to cost the collector. A header that comes more than once is a list of values.
 */
export function decodeRecord(decoder: Decoder, context: BatchContext = {}): object {
  const from = { bytes: decoder.buffer, at: decoder.offset };
  const attributes = from.bytes.readInt8(from.at++);
  const timestampDelta = readNumber(from);
  const timestamp =
    context.timestampType === LOG_APPEND_TIME && context.maxTimestamp
      ? context.maxTimestamp
      : String(Number(context.firstTimestamp?.toString() ?? 0) + timestampDelta);
  const offset = String(Number(context.firstOffset?.toString() ?? 0) + readNumber(from));
  const key = readBytes(from);
  const value = readBytes(from);
  const headers = readHeaders(from);
  decoder.offset = from.at;
  return {
    magicByte: context.magicByte,
    attributes,
    timestamp,
    offset,
    key,
    value,
    headers,
    isControlRecord: context.isControlBatch ?? false,
    batchContext: context,
  };
}

interface Reading {
  readonly bytes: Buffer;
  at: number;
}

/** Inherits nothing, for a header may be called __proto__ or constructor. An object without a prototype costs V8 a hash table each, this a shape. */
class HeaderValues {
  [name: string]: string | null | (string | null)[];
}
Object.setPrototypeOf(HeaderValues.prototype, null);
delete (HeaderValues.prototype as { constructor?: unknown }).constructor;

/** Such headers are left out. V8 takes the name 1023 for a place in a list, and makes 12 kB for it: a thousand times what the record has. */
const BEGINS_WITH_DIGIT = /^\d/;

function readHeaders(from: Reading): HeaderValues {
  const headers = new HeaderValues();
  const count = readNumber(from);
  for (let index = 0; index < count && from.at < from.bytes.length; index++) {
    const name = readName(from);
    const value = readText(from);
    if (BEGINS_WITH_DIGIT.test(name)) continue;
    const earlier = headers[name];
    if (earlier === undefined) headers[name] = value;
    else if (Array.isArray(earlier)) earlier.push(value);
    else headers[name] = [earlier, value];
  }
  return headers;
}

function readBytes(from: Reading): Buffer | null {
  const size = readNumber(from);
  if (size < 0) return null;
  const start = from.at;
  from.at = start + size;
  return from.bytes.subarray(start, from.at);
}

function readText(from: Reading): string | null {
  const size = readNumber(from);
  if (size < 0) return null;
  const start = from.at;
  from.at = start + size;
  return from.bytes.toString('utf8', start, from.at);
}

/** Nearly all headers are of a few names: those are not made anew for every record. */
const names = new Map<number, { readonly name: string; readonly bytes: Buffer }[]>();
const MOST_NAMES = 64;
let namesKnown = 0;

function readName(from: Reading): string {
  const size = readNumber(from);
  if (size < 0) return 'null';
  const start = from.at;
  const end = (from.at = start + size);
  const alike = names.get(size);
  for (const { name, bytes } of alike ?? []) if (from.bytes.compare(bytes, 0, size, start, end) === 0) return name;
  const name = from.bytes.toString('utf8', start, end);
  if (namesKnown < MOST_NAMES && size <= 32) {
    namesKnown += 1;
    const known = { name, bytes: Buffer.from(from.bytes.subarray(start, end)) };
    if (alike === undefined) names.set(size, [known]);
    else alike.push(known);
  }
  return name;
}

/** Zigzag and base 128 (Kafka protocol, "varint", "varlong"), without the two integers of arbitrary size that kafkajs makes for each byte. */
function readNumber(from: Reading): number {
  let value = 0;
  let scale = 1;
  for (let length = 1; ; length++) {
    if (length > LONGEST_NUMBER) throw new RangeError('a number in a Kafka record is too long');
    const byte = from.bytes[from.at++] ?? 0;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) break;
    scale *= 0x80;
  }
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
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

substitute('kafkajs/src/protocol/recordBatch/record/v0/index.js', encodeRecord);
substitute('kafkajs/src/protocol/recordBatch/record/v0/decoder.js', decodeRecord);
