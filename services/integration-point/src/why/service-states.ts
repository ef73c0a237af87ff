import type { ServiceName } from '@postgang/pipeline';
import { TURNS, type ServiceState, type Situation, type Turn } from '@postgang/rules';
import { readHealth, type Runtime } from '@postgang/runtime';

const ASKED: readonly (Turn & ServiceName)[] = TURNS;

/** What the services say about themselves; `undefined` when Redis is away, or none says anything. */
export async function serviceStates(
  redis: NonNullable<Runtime['redis']>,
  topicPrefix: string,
): Promise<Situation['services'] | undefined> {
  const health = await readHealth(redis, topicPrefix, ASKED).catch(() => undefined);
  if (health === undefined) return undefined;
  return Object.fromEntries(
    ASKED.map((service): [Turn, ServiceState] => {
      const said = health.get(service);
      return [service, said === undefined ? { alive: false } : { alive: true, ...said }];
    }),
  );
}
