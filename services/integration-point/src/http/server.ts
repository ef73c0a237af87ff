import multipart from '@fastify/multipart';
import type { DynamicModule, INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';
import { RUNTIME, type NestLogger, type Runtime } from '@postgang/runtime';
import type { AddressInfo } from 'node:net';
import type { IntegrationPointConfig } from '../config.js';
import { refuseByContentLength } from './body-limit.js';
import { openApi } from './open-api.js';
import { ProblemFilter } from './problem-filter.js';

const MAX_JSON_BYTES = 256 * 1024;
/** The page loads nothing from anywhere else, and nobody may frame it. */
const DOCS_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'";

export async function createHttp(
  module: DynamicModule,
  _config: IntegrationPointConfig,
  logger: NestLogger,
): Promise<INestApplication> {
  const adapter = new FastifyAdapter({
    bodyLimit: MAX_JSON_BYTES,
    routerOptions: { maxParamLength: 100 },
    requestTimeout: 300_000,
    forceCloseConnections: 'idle',
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
