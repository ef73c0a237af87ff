import type { FastifyRequest } from 'fastify';
import { MAX_LETTER_BYTES } from '../letter/letter-schema.js';
import { stopReading } from './linger.js';
import { Problem } from './problem.js';

/** Of a letter without its documents. */
export const MAX_JSON_BYTES = 256 * 1024;
/** The letter's own JSON and the multipart frame around the documents. */
const FRAME_BYTES = 512 * 1024;
export const MAX_BODY_BYTES = MAX_LETTER_BYTES + FRAME_BYTES;

export const tooLarge = (): Problem => new Problem('too-large', 'The documents are larger than 50 MB.');
/** An upload has no frame. */
const limitOf = ({ method }: FastifyRequest): number => (method === 'PUT' ? MAX_LETTER_BYTES : MAX_BODY_BYTES);

/** Before anything of the body is read. */
export function refuseByContentLength(request: FastifyRequest): void {
  const { 'content-length': length = '0', 'content-type': type = '' } = request.headers;
  if (Number(length) > limitOf(request)) throw tooLarge();
  if (Number(length) > MAX_JSON_BYTES && /^application\/json\b/i.test(type))
    throw new Problem('too-large', 'The JSON is larger than 256 kB.');
}

/**
 * Counts what really comes, also what a parser skips over. The promise rejects at the first byte past the limit, or when the request is cut off,
 * and never resolves; race it against the work.
 */
export function watchBody(request: FastifyRequest): { readonly overrun: Promise<never>; stop(): void } {
  const limit = limitOf(request);
  let size = 0;
  let reject: (error: unknown) => void = () => undefined;
  const overrun = new Promise<never>((_, no) => (reject = no));
  overrun.catch(() => undefined);
  const count = (chunk: Buffer): void => {
    size += chunk.length;
    if (size <= limit) return;
    // at once: while the error is on its way the next chunk would come
    stopReading(request.raw);
    reject(tooLarge());
  };
  const broken = (): void => reject(new Problem('invalid-request', 'The request ended early.'));
  request.raw.on('data', count);
  request.raw.on('aborted', broken);
  return {
    overrun,
    stop: () => {
      request.raw.off('data', count);
      request.raw.off('aborted', broken);
    },
  };
}
