import type { FastifyRequest } from 'fastify';
import type { Stored, Uploads } from '../documents/uploads.js';
import { MAX_DOCUMENTS, MAX_LETTER_BYTES } from '../letter/letter-schema.js';
import { watchBody } from './body-limit.js';
import { Problem } from './problem.js';

export const LETTER_PART = 'letter';
const MAX_JSON_BYTES = 256 * 1024;

export interface MultipartLetter {
  /** The `letter` part, parsed as JSON and nothing more. */
  readonly json: unknown;
  /** Stored contents by the name of their part. */
  readonly parts: ReadonlyMap<string, Stored>;
}

/** Streams every file straight into the store. `taken` is filled as it goes, so that a failed request's documents can be erased. */
export async function readMultipart(
  request: FastifyRequest,
  uploads: Uploads,
  taken: Map<string, Stored>,
): Promise<MultipartLetter> {
  const watch = watchBody(request);
  const reading = read(request, uploads, taken);
  reading.catch(() => undefined);
  try {
    return await Promise.race([reading, watch.overrun]);
  } catch (error) {
    // the parser throws bare errors about malformed bodies; everything else comes with a class of its own
    if (error instanceof Error && error.constructor === Error && !('code' in error))
      throw new Problem('invalid-request', 'The multipart body is malformed.');
    throw error;
  } finally {
    watch.stop();
  }
}

async function read(request: FastifyRequest, uploads: Uploads, taken: Map<string, Stored>): Promise<MultipartLetter> {
  let json: unknown;
  let left = MAX_LETTER_BYTES;
  const limits = {
    fieldSize: MAX_JSON_BYTES,
    fields: 1,
    files: MAX_DOCUMENTS + 1,
    parts: MAX_DOCUMENTS + 2,
    headerPairs: 20,
    fileSize: MAX_LETTER_BYTES + 1,
  };
  for await (const part of request.parts({ limits })) {
    if (part.fieldname === LETTER_PART) {
      if (json !== undefined) throw new Problem('invalid-request', 'The part letter comes twice.');
      json = part.type === 'file' ? parseJson(await small(part.file)) : fieldJson(part.value);
      continue;
    }
    if (part.type !== 'file') throw new Problem('invalid-request', 'Every part but letter must be a file with a name.');
    if (taken.has(part.fieldname)) throw new Problem('invalid-request', 'Two parts have the same name.');
    const stored = await uploads.take(part.file, left);
    left -= stored.stored.size;
    taken.set(part.fieldname, stored);
  }
  if (json === undefined) throw new Problem('invalid-request', 'The part letter is missing.');
  return { json, parts: taken };
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
