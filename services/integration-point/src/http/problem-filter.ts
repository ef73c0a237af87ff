import { Catch, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { DocumentTooLarge } from '@postgang/document-store';
import { DependencyDown, TransientError } from '@postgang/outside';
import type { FastifyReply } from 'fastify';
import { Problem } from './problem.js';

interface Log {
  error(fields: object, message: string): void;
}

/** Every error of the API as `application/problem+json`; what the client did not cause is logged. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  constructor(private readonly log: () => Log) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const problem = problemOf(error);
    if (problem.status >= 500) this.log().error({ err: error }, 'request failed');
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    void reply.code(problem.status).type('application/problem+json; charset=utf-8');
    if (problem.status === 401) void reply.header('www-authenticate', 'Bearer error="invalid_token"');
    if (problem.problem === 'scope-missing') void reply.header('www-authenticate', 'Bearer error="insufficient_scope"');
    if (problem.status === 503) void reply.header('retry-after', '5');
    // the rest of the body is not read: the connection cannot be used for another request
    if (problem.status === 413) void reply.header('connection', 'close');
    void reply.send(problem.body());
  }
}

function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof DocumentTooLarge) return new Problem('too-large');
  if (error instanceof DependencyDown || error instanceof TransientError) return new Problem('unavailable');
  const { status, statusCode, code } = error as { status?: unknown; statusCode?: unknown; code?: unknown };
  const known = typeof statusCode === 'number' ? statusCode : status;
  if (known === 413 || code === 'FST_REQ_FILE_TOO_LARGE') return new Problem('too-large');
  if (known === 404) return new Problem('not-found');
  if (known === 415 || known === 406) return new Problem('unsupported-media-type');
  if (typeof known === 'number' && known >= 400 && known < 500) return new Problem('invalid-request');
  return new Problem('internal-error');
}
