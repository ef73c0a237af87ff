import 'reflect-metadata';
import type { Service } from '@postgang/runtime';
import { registerLookupConfig, type RegisterLookupConfig } from './config.js';
import { MIGRATIONS } from './db/migrations.js';
import { createHttp, listen } from './internal-server.js';
import { RegisterLookupModule } from './register-lookup.module.js';

/** Asks the registers how a recipient may be reached, and decides once. */
export const service: Service<RegisterLookupConfig> = {
  name: 'register-lookup',
  config: registerLookupConfig,
  module: () => ({ module: RegisterLookupModule }),
  http: { create: createHttp, listen },
  database: { entities: [], migrations: MIGRATIONS },
};
export type { ParkedCount } from './db/parked-letters.js';
export { HeldSenders } from './parking/held-senders.js';
