import type { ServiceName } from '@postgang/pipeline';
import type { RuntimeConfig, Service } from '@postgang/runtime';

/** All services by name: the one place that knows them all. Each is loaded only where it is hosted: its modules are memory of the process. */
export const SERVICES_BY_NAME = {
  'integration-point': async () => (await import('@postgang/integration-point')).service,
  'register-lookup': async () => (await import('@postgang/register-lookup')).service,
  encryption: async () => (await import('@postgang/encryption')).service,
  'provider-dispatch': async () => (await import('@postgang/provider-dispatch')).service,
  notification: async () => (await import('@postgang/notification')).service,
  receipts: async () => (await import('@postgang/receipts')).service,
} as const satisfies Record<ServiceName, () => Promise<unknown>>;

/** Throws when there is no such service. */
export async function serviceNamed(name: string): Promise<Service<RuntimeConfig>> {
  if (!Object.hasOwn(SERVICES_BY_NAME, name))
    throw new Error(`no service is called ${name}; there are ${Object.keys(SERVICES_BY_NAME).join(', ')}`);
  return (await SERVICES_BY_NAME[name as ServiceName]()) as unknown as Service<RuntimeConfig>;
}
