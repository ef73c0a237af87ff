import avro, { type Resolver, type Type } from 'avsc';
import { boundArrays } from './bound-arrays.js';
import { fingerprint } from './fingerprint.js';
import type { EventOf, Subject } from './generated/events.js';
import { SCHEMAS } from './generated/schemas.js';

/**
 * Avro single-object encoding (Avro specification): C3 01, the writer schema's CRC-64-AVRO fingerprint (little endian), the body.
 * We write the newest revision and read every one, resolved to the newest.
 */
const MARKER = Buffer.from([0xc3, 0x01]);
const HEADER_BYTES = 10;
/** A record stays below this: documents never travel in Kafka. */
export const MAX_RECORD_BYTES = 64 * 1024;

/** The bytes are not an event of this subject: no retry can help. */
export class Undecodable extends Error {
  override readonly name = 'Undecodable';
}

/** Written with a schema we do not know: it can only be newer than us, so a retry after our own deploy may read it. */
export class UnknownSchema extends Error {
  override readonly name = 'UnknownSchema';
}

interface SubjectCodec {
  readonly newest: Type;
  readonly header: Buffer;
  readonly readers: ReadonlyMap<string, { type: Type; resolver: Resolver | undefined }>;
}

// before any type is made: their readers are compiled then
boundArrays();

export function avroType(schema: unknown): Type {
  return avro.Type.forSchema(schema as avro.Schema, { wrapUnions: false });
}

export const fingerprintOf = (type: Type): Buffer => fingerprint(JSON.stringify(type.schema()));

function build(revisions: readonly unknown[]): SubjectCodec {
  const types = revisions.map(avroType);
  const newest = types[types.length - 1] as Type;
  const readers = new Map(
    types.map((type) => [
      fingerprintOf(type).toString('hex'),
      { type, resolver: type === newest ? undefined : newest.createResolver(type) },
    ]),
  );
  return { newest, header: Buffer.concat([MARKER, fingerprintOf(newest)]), readers };
}

const CODECS = new Map<Subject, SubjectCodec>(
  Object.entries(SCHEMAS).map(([subject, revisions]) => [subject as Subject, build(revisions)]),
);
const codecOf = (subject: Subject): SubjectCodec => CODECS.get(subject) as SubjectCodec;

export function encode<S extends Subject>(subject: S, event: EventOf<S>): Buffer {
  const codec = codecOf(subject);
  let body: Buffer;
  try {
    body = codec.newest.toBuffer(event);
  } catch {
    // avsc quotes the value in its message; values may be personal
    throw new TypeError(`not a ${subject}: invalid at ${invalidPaths(codec.newest, event).join(', ') || 'the top'}`);
  }
  if (body.length + HEADER_BYTES > MAX_RECORD_BYTES)
    throw new RangeError(`${subject}: ${body.length} bytes are more than a record may have`);
  return Buffer.concat([codec.header, body]);
}

/** Throws {@link Undecodable} or {@link UnknownSchema}. */
export function decode<S extends Subject>(subject: S, bytes: Buffer | null): EventOf<S> {
  if (bytes === null || bytes.length < HEADER_BYTES || !bytes.subarray(0, 2).equals(MARKER))
    throw new Undecodable(`${subject}: not a single-object Avro record`);
  const codec = codecOf(subject);
  const writer = codec.readers.get(bytes.toString('hex', 2, HEADER_BYTES));
  if (writer === undefined) throw new UnknownSchema(`${subject}: unknown schema fingerprint`);
  try {
    return (
      writer.resolver === undefined
        ? writer.type.fromBuffer(bytes.subarray(HEADER_BYTES))
        : codec.newest.fromBuffer(bytes.subarray(HEADER_BYTES), writer.resolver)
    ) as EventOf<S>;
  } catch {
    throw new Undecodable(`${subject}: the body does not fit its schema`);
  }
}

function invalidPaths(type: Type, value: unknown): string[] {
  const paths: string[] = [];
  type.isValid(value, { errorHook: (path) => void paths.push(path.join('.')) });
  return paths.slice(0, 5);
}
