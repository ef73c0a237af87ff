import 'reflect-metadata';
import type { Service } from '@postgang/runtime';
import { providerDispatchConfig, type ProviderDispatchConfig } from './config.js';
import { Initial1763900000000 } from './db/1-initial.migration.js';
import { EffectViews1765000000000 } from './db/3-effect-views.migration.js';
import { ProviderDispatchModule } from './provider-dispatch.module.js';

/** Hands packages to their providers, each once, and fetches the receipts. */
export const service: Service<ProviderDispatchConfig> = {
  name: 'provider-dispatch',
  config: providerDispatchConfig,
  module: () => ({ module: ProviderDispatchModule }),
  database: { entities: [], migrations: [Initial1763900000000, EffectViews1765000000000] },
  topicParameters: (_runtime, config) => Promise.resolve({ provider: config.OWNED_PROVIDERS }),
};
