import multipart from '@fastify/multipart';
import type { DynamicModule, INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { RUNTIME, type NestLogger, type Runtime } from '@postgang/runtime';
import type { AddressInfo } from 'node:net';
import type { IntegrationPointConfig } from '../config.js';
import { refuseByContentLength } from './body-limit.js';
import { ProblemFilter } from './problem-filter.js';

const MAX_JSON_BYTES = 256 * 1024;

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
