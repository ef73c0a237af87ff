import type { FastifyRequest } from 'fastify';
import { MAX_LETTER_BYTES } from '../letter/letter-schema.js';
import { Problem } from './problem.js';

/** The letter's own JSON and the multipart frame around the documents. */
const FRAME_BYTES = 512 * 1024;
export const MAX_BODY_BYTES = MAX_LETTER_BYTES + FRAME_BYTES;

/** Before anything of the body is read. */
export function refuseByContentLength(request: FastifyRequest): void {
  const length = Number(request.headers['content-length'] ?? 0);
  if (Number.isFinite(length) && length > MAX_BODY_BYTES) throw new Problem('too-large');
}

/**
 * Counts what really comes, also what a parser skips over. The promise rejects at the first byte past the limit and never resolves; race it
 * against the work.
 */
export function watchBody(request: FastifyRequest): { readonly overrun: Promise<never>; stop(): void } {
  let size = 0;
  let reject: (error: unknown) => void = () => undefined;
  const overrun = new Promise<never>((_, no) => (reject = no));
  overrun.catch(() => undefined);
  const count = (chunk: Buffer): void => {
    size += chunk.length;
    if (size <= MAX_BODY_BYTES) return;
    request.raw.unpipe();
    request.raw.pause();
    reject(new Problem('too-large'));
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
