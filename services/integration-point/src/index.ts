import 'reflect-metadata';
import type { Service } from '@postgang/runtime';
import { subscribableAgencies } from './agencies/agency-topics.js';
import { ENTITIES } from './agencies/entities.js';
import { integrationPointConfig, type IntegrationPointConfig } from './config.js';
import { MIGRATIONS } from './db/migrations.js';
import { createHttp, listen } from './http/server.js';
import { IntegrationPointModule } from './integration-point.module.js';

/** Both doors of Postgang: takes letters in over REST and over each agency's own topic, and tells agencies what became of them. */
export const service: Service<IntegrationPointConfig> = {
  name: 'integration-point',
  config: integrationPointConfig,
  module: () => ({ module: IntegrationPointModule }),
  // agencies are entities; letters and documents come by the thousand and are multi-row SQL
  database: { entities: ENTITIES, migrations: MIGRATIONS },
  topicParameters: async (runtime) => ({ orgnr: await subscribableAgencies(runtime) }),
  http: { create: createHttp, listen },
};
export {
  AgencyError,
  AgencyRegister,
  INGRESS_KEY_ID,
  type ListedAgency,
  type NewAgency,
} from './agencies/agency-register.js';
export { letterFacts, type LetterFacts } from './why/letter-facts.js';
export { serviceStates } from './why/service-states.js';
export { LetterSalts, SaltsUnavailable, type RevealedField } from './letter/letter-salts.js';
export { sealLetter } from './letter/seal-letter.js';
export { integrationPointConfig, type IntegrationPointConfig } from './config.js';
