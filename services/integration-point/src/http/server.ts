import multipart from '@fastify/multipart';
import type { DynamicModule, INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';
import { RUNTIME, type NestLogger, type Runtime } from '@postgang/runtime';
import type { FastifyReply } from 'fastify';
import type { AddressInfo } from 'node:net';
import type { IntegrationPointConfig } from '../config.js';
import { MAX_JSON_BYTES, refuseByContentLength } from './body-limit.js';
import { endConnection } from './connection-errors.js';
import { openApi } from './open-api.js';
import { ProblemFilter, problemOf, sendProblem } from './problem-filter.js';

const MAX_HEADER_BYTES = 16 * 1024;
/** Little, so that little past a limit is read before somebody says stop. */
const READ_AHEAD_BYTES = 16 * 1024;
const HEADERS_TIMEOUT_MS = 20_000;
/** The page loads nothing from anywhere else, and nobody may frame it. */
const DOCS_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'";

export async function createHttp(
  module: DynamicModule,
  config: IntegrationPointConfig,
  logger: NestLogger,
): Promise<INestApplication> {
  const requestTimeout = config.HTTP_REQUEST_TIMEOUT_MS;
  const adapter = new FastifyAdapter({
    bodyLimit: MAX_JSON_BYTES,
    routerOptions: { maxParamLength: 100 },
    requestTimeout,
    http: {
      requestTimeout,
      headersTimeout: Math.min(HEADERS_TIMEOUT_MS, requestTimeout),
      connectionsCheckingInterval: 1_000,
      maxHeaderSize: MAX_HEADER_BYTES,
      highWaterMark: READ_AHEAD_BYTES,
    },
    forceCloseConnections: 'idle',
    clientErrorHandler: endConnection,
    // addresses that cannot be read never reach a controller or its filter
    frameworkErrors: (error: unknown, _request: unknown, reply: FastifyReply) => sendProblem(reply, problemOf(error)),
  });
  const app = await NestFactory.create<NestFastifyApplication>(module, adapter, { logger, abortOnError: false });
  const server = adapter.getInstance();
  server.addHook('onRequest', (request, _reply, done) => {
    try {
      refuseByContentLength(request);
      done();
    } catch (error) {
      done(error as Error);
    }
  });
  await app.register(multipart as never);
  // documents are streamed by their controller: no parser may hold them in memory
  server.removeContentTypeParser('text/plain');
  server.addContentTypeParser('*', (_request, _payload, done) => done(null, undefined));
  server.addHook('onSend', (request, reply, _payload, done) => {
    if (request.url.startsWith('/docs')) void reply.header('content-security-policy', DOCS_POLICY);
    void reply.header('x-content-type-options', 'nosniff');
    done();
  });
  SwaggerModule.setup('docs', app, openApi() as OpenAPIObject, { customSiteTitle: 'Postgang', raw: false });
  app.useGlobalFilters(new ProblemFilter(() => app.get<Runtime>(RUNTIME).log));
  return app;
}

/** The base URL, with the port that was really taken. */
export async function listen(app: INestApplication, config: IntegrationPointConfig): Promise<string> {
  await app.listen(config.HTTP_PORT, config.HTTP_HOST);
  const { port } = (app.getHttpServer() as { address(): AddressInfo }).address();
  const host = config.HTTP_HOST.includes(':') ? `[${config.HTTP_HOST}]` : config.HTTP_HOST;
  return `http://${host}:${port}`;
}
