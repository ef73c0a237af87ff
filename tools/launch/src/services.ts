import type { ServiceName } from '@postgang/pipeline';
import type { RuntimeConfig, Service } from '@postgang/runtime';
import { service as encryption } from '@postgang/encryption';
import { service as integrationPoint } from '@postgang/integration-point';
import { service as notification } from '@postgang/notification';
import { service as providerDispatch } from '@postgang/provider-dispatch';
import { service as receipts } from '@postgang/receipts';
import { service as registerLookup } from '@postgang/register-lookup';

/** All services by name: the one place that knows them all. */
export const SERVICES_BY_NAME = {
  'integration-point': integrationPoint,
  'register-lookup': registerLookup,
  encryption,
  'provider-dispatch': providerDispatch,
  notification,
  receipts,
} as const satisfies Record<ServiceName, unknown>;

export const serviceNamed = (name: string): Service<RuntimeConfig> => {
  const found = (SERVICES_BY_NAME as unknown as Record<string, Service<RuntimeConfig>>)[name];
  if (found === undefined)
    throw new Error(`no service is called ${name}; there are ${Object.keys(SERVICES_BY_NAME).join(', ')}`);
  return found;
};
