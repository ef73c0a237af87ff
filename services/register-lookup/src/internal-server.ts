import type { DynamicModule, INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { NestLogger } from '@postgang/runtime';
import type { AddressInfo } from 'node:net';
import type { RegisterLookupConfig } from './config.js';

const MAX_BODY_BYTES = 16 * 1024;

/** For our own services only; never bound to an address the public reaches. */
export function createHttp(
  module: DynamicModule,
  _config: RegisterLookupConfig,
  logger: NestLogger,
): Promise<INestApplication> {
  const adapter = new FastifyAdapter({
    bodyLimit: MAX_BODY_BYTES,
    requestTimeout: 30_000,
    forceCloseConnections: true,
  });
  return NestFactory.create<NestFastifyApplication>(module, adapter, { logger, abortOnError: false });
}

export async function listen(app: INestApplication, config: RegisterLookupConfig): Promise<string> {
  await app.listen(config.INTERNAL_PORT, config.INTERNAL_HOST);
  const { port } = (app.getHttpServer() as { address(): AddressInfo }).address();
  return `http://${config.INTERNAL_HOST}:${port}`;
}
