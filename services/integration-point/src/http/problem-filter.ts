import { Catch, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { DocumentTooLarge } from '@postgang/document-store';
import { DependencyDown, TransientError } from '@postgang/outside';
import type { FastifyReply } from 'fastify';
import { stopReading } from './linger.js';
import { Problem, PROBLEM_TYPE } from './problem.js';

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
    sendProblem(host.switchToHttp().getResponse<FastifyReply>(), problem);
  }
}

export function sendProblem(reply: FastifyReply, problem: Problem): void {
  void reply.code(problem.status).type(PROBLEM_TYPE);
  if (problem.status === 401) void reply.header('www-authenticate', 'Bearer error="invalid_token"');
  if (problem.problem === 'scope-missing') void reply.header('www-authenticate', 'Bearer error="insufficient_scope"');
  if (problem.status === 503) void reply.header('retry-after', '5');
  if (problem.status === 429) void reply.header('retry-after', '10');
  if (problem.status === 413) {
    // the rest of the body is not read: the connection cannot be used for another request
    void reply.header('connection', 'close');
    stopReading(reply.request.raw);
  }
  void reply.send(problem.body());
}

/** What Fastify and its plugins throw has a code; their texts may quote the request and are not passed on. */
const BY_CODE: Readonly<Record<string, Problem>> = {
  FST_REQ_FILE_TOO_LARGE: new Problem('too-large', 'The documents are larger than 50 MB together.'),
  FST_PARTS_LIMIT: new Problem('too-large', 'There are too many parts.'),
  FST_FILES_LIMIT: new Problem('too-large', 'There are too many parts.'),
  FST_FIELDS_LIMIT: new Problem('invalid-request', 'Every part but letter must be a file with a name.'),
  FST_INVALID_JSON_FIELD_ERROR: new Problem('invalid-request', 'The part letter is not JSON, or larger than 256 kB.'),
  FST_ERR_CTP_BODY_TOO_LARGE: new Problem('too-large', 'The JSON is larger than 256 kB.'),
};

export function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof DocumentTooLarge) return new Problem('too-large', 'The documents are larger than 50 MB.');
  if (error instanceof DependencyDown || error instanceof TransientError) return new Problem('unavailable');
  const { status, statusCode, code } = error as { status?: unknown; statusCode?: unknown; code?: unknown };
  const coded = typeof code === 'string' && Object.hasOwn(BY_CODE, code) ? BY_CODE[code] : undefined;
  if (coded !== undefined) return coded;
  const known = typeof statusCode === 'number' ? statusCode : status;
  if (known === 413) return new Problem('too-large');
  if (known === 404) return new Problem('not-found');
  if (known === 415 || known === 406) return new Problem('unsupported-media-type');
  if (typeof known === 'number' && known >= 400 && known < 500) return new Problem('invalid-request');
  return new Problem('internal-error');
}
