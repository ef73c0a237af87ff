import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { Problem, PROBLEM_TYPE, type ProblemName } from './problem.js';

/** What Node says about bytes that never became a request. */
const BY_CODE: Readonly<Record<string, ProblemName>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 'too-slow',
  HPE_HEADER_OVERFLOW: 'headers-too-large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 'too-large',
};

/** The last word on a connection: a problem, as everywhere else, and the end. Nothing of what came is repeated or logged. */
export function endConnection({ code = '' }: { readonly code?: string }, socket: Socket): void {
  if (code === 'ECONNRESET' || socket.destroyed) return;
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const problem = new Problem(BY_CODE[code] ?? 'invalid-request');
  const body = JSON.stringify(problem.body());
  socket.end(
    [
      `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}`,
      `content-type: ${PROBLEM_TYPE}`,
      `content-length: ${Buffer.byteLength(body)}`,
      'connection: close',
      '',
      body,
    ].join('\r\n'),
    () => socket.destroy(),
  );
}
