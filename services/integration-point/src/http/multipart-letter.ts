import type { FastifyRequest } from 'fastify';
import type { Stored } from '../documents/uploads.js';
import { MAX_DOCUMENTS, MAX_LETTER_BYTES } from '../letter/letter-schema.js';
import { MAX_JSON_BYTES, tooLarge, watchBody } from './body-limit.js';
import { stopReading } from './linger.js';
import { Problem } from './problem.js';

export const LETTER_PART = 'letter';

export interface MultipartLetter {
  /** The `letter` part, parsed as JSON and nothing more. */
  readonly json: unknown;
  /** Stored contents by the name of their part. */
  readonly parts: ReadonlyMap<string, Stored>;
}

/** Where the contents go: into the store, or nowhere. */
export interface Receiver {
  take(content: AsyncIterable<Buffer>, maxBytes: number): Promise<Stored>;
  discard(document: Stored): Promise<void>;
}

/** Streams every file straight to the receiver. When it throws, nothing that was received is left. */
export async function readMultipart(request: FastifyRequest, receiver: Receiver): Promise<MultipartLetter> {
  const watch = watchBody(request);
  const parts = new Map<string, Stored>();
  const reading = read(request, receiver, parts);
  try {
    return { json: await Promise.race([reading, watch.overrun]), parts };
  } catch (error) {
    // a part may still be on its way into the store, and is known only when it is there; the answer does not wait for it
    void reading.catch(() => undefined).then(() => discardAll(receiver, parts));
    // the parser throws bare errors about malformed bodies; everything else comes with a class of its own
    if (error instanceof Error && error.constructor === Error && !('code' in error))
      throw new Problem('invalid-request', 'The multipart body is malformed.');
    throw error;
  } finally {
    watch.stop();
  }
}

export async function discardAll(receiver: Receiver, parts: ReadonlyMap<string, Stored>): Promise<void> {
  for (const document of parts.values()) await receiver.discard(document);
}

async function read(request: FastifyRequest, receiver: Receiver, parts: Map<string, Stored>): Promise<unknown> {
  let json: unknown;
  let left = MAX_LETTER_BYTES;
  const limits = {
    fieldSize: MAX_JSON_BYTES,
    fields: 1,
    files: MAX_DOCUMENTS + 1,
    parts: MAX_DOCUMENTS + 2,
    headerPairs: 20,
    // counted by upTo: the parser would read on and throw away
    fileSize: Infinity,
  };
  for await (const part of request.parts({ limits })) {
    if (part.fieldname === LETTER_PART) {
      if (json !== undefined) throw new Problem('invalid-request', 'The part letter comes twice.');
      json = part.type === 'file' ? parseJson(await small(part.file)) : fieldJson(part.value);
      continue;
    }
    if (part.type !== 'file') throw new Problem('invalid-request', 'Every part but letter must be a file with a name.');
    if (parts.has(part.fieldname)) throw new Problem('invalid-request', 'Two parts have the same name.');
    const stored = await receiver.take(upTo(left, part.file, request), left);
    left -= stored.stored.size;
    parts.set(part.fieldname, stored);
  }
  if (json === undefined) throw new Problem('invalid-request', 'The part letter is missing.');
  return json;
}

async function* upTo(most: number, content: AsyncIterable<Buffer>, request: FastifyRequest): AsyncGenerator<Buffer> {
  let size = 0;
  for await (const chunk of content) {
    size += chunk.length;
    if (size > most) {
      stopReading(request.raw);
      throw tooLarge();
    }
    yield chunk;
  }
}

/** The parser has parsed a field that says it is application/json, as curl sends it; any other is text. */
const fieldJson = (value: unknown): unknown => (typeof value === 'string' ? parseJson(Buffer.from(value)) : value);

async function small(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream) {
    size += chunk.length;
    if (size > MAX_JSON_BYTES) throw new Problem('too-large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as unknown;
  } catch {
    throw new Problem('invalid-request', 'The part letter is not JSON in UTF-8.');
  }
}
