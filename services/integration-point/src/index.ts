import 'reflect-metadata';
import type { Service } from '@postgang/runtime';
import { subscribableAgencies } from './agencies/ingress-topics.js';
import { integrationPointConfig, type IntegrationPointConfig } from './config.js';
import { Initial1763900000000 } from './db/1-initial.migration.js';
import { createHttp, listen } from './http/server.js';
import { IntegrationPointModule } from './integration-point.module.js';

/** Both doors of Postgang: takes letters in over REST and over each agency's own topic, and tells agencies what became of them. */
export const service: Service<IntegrationPointConfig> = {
  name: 'integration-point',
  config: integrationPointConfig,
  module: () => ({ module: IntegrationPointModule }),
  // every statement here is multi-row SQL, so there are no entities; tables are made by the migrations
  database: { entities: [], migrations: [Initial1763900000000] },
  topicParameters: async (runtime) => ({ orgnr: await subscribableAgencies(runtime) }),
  http: { create: createHttp, listen },
};
export { addAgency, INGRESS_KEY_ID, type NewAgency } from './agencies/add-agency.js';
export { integrationPointConfig, type IntegrationPointConfig } from './config.js';
