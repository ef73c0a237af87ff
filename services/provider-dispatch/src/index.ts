import 'reflect-metadata';
import type { Service } from '@postgang/runtime';
import { providerDispatchConfig, type ProviderDispatchConfig } from './config.js';
import { MIGRATIONS } from './db/migrations.js';
import { ProviderDispatchModule } from './provider-dispatch.module.js';

/** Hands packages to their providers, each once, and fetches the receipts. */
export const service: Service<ProviderDispatchConfig> = {
  name: 'provider-dispatch',
  config: providerDispatchConfig,
  module: () => ({ module: ProviderDispatchModule }),
  database: { entities: [], migrations: MIGRATIONS },
  topicParameters: (_runtime, config) => Promise.resolve({ provider: config.OWNED_PROVIDERS }),
};
export { EffectBooks } from './effect-books.js';
