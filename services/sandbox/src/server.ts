import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { MAX_PACKAGE_BYTES } from './access-point/accept.js';
import type { Faults, FaultySystem } from './admin/faults.js';
import { Problem } from './problems.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Which outer system a route belongs to: its faults apply. */
    system?: FaultySystem;
  }
}

/** Room for the message and the part headers beside the package. */
const BODY_LIMIT = MAX_PACKAGE_BYTES + 1024 * 1024;

/** One HTTP server for all outer systems: body formats, problems, faults. */
export function createServer(faults: Faults): FastifyInstance {
  const app = fastify({ logger: false, bodyLimit: BODY_LIMIT, forceCloseConnections: true, exposeHeadRoutes: false });
  app.addContentTypeParser('multipart/form-data', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  app.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'string', bodyLimit: 256 * 1024 },
    (_request, body, done) => done(null, new URLSearchParams(String(body))),
  );

  app.addHook('onRequest', async (request, reply) => {
    const system = request.routeOptions.config.system;
    if (system === undefined) return;
    if (faults.hits(system, 'off')) return cut(request, reply);
    const slow = faults.strike(system, 'latency');
    if (slow !== undefined) await new Promise((resolve) => setTimeout(resolve, slow.ms));
    const status = faults.strike(system, 'status');
    if (status === undefined) return;
    if (status.retryAfterSeconds !== undefined) void reply.header('retry-after', String(status.retryAfterSeconds));
    return sendProblem(reply, new Problem('fault'), status.status);
  });

  app.addHook('onSend', async (request, reply, payload) => {
    const system = request.routeOptions.config.system;
    if (system !== undefined && reply.statusCode < 300 && faults.hits(system, 'drop-answer-after-effect'))
      cut(request, reply);
    return payload;
  });

  app.setErrorHandler((error: { readonly statusCode?: number; readonly code?: string }, _request, reply) => {
    if (error instanceof Problem) {
      if (error.status === 401) void reply.header('www-authenticate', 'Bearer');
      return sendProblem(reply, error, error.status);
    }
    if (error.code === 'FST_ERR_CTP_BODY_TOO_LARGE') return sendProblem(reply, new Problem('too-large'), 400);
    const status = error.statusCode ?? 500;
    return status < 500
      ? sendProblem(reply, new Problem('invalid-request', error.code), status)
      : reply.code(500).type('application/problem+json').send({ type: 'about:blank', title: 'Error', status: 500 });
  });

  app.setNotFoundHandler((_request, reply) => sendProblem(reply, new Problem('not-found'), 404));
  return app;
}

function sendProblem(reply: FastifyReply, problem: Problem, status: number): FastifyReply {
  return reply
    .code(status)
    .type('application/problem+json')
    .send({ ...problem.body(), status });
}

function cut(request: FastifyRequest, reply: FastifyReply): void {
  reply.hijack();
  request.raw.socket.destroy();
}
