import type { ServiceName } from '@postgang/pipeline';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { startWorker, type Worker } from '../worker.js';

/**
 * What each instance of a service says about itself, in Redis: that it runs, whether its consumer has stopped, what it finds away. For `postgang
 * why` and the status API, which must know of an outage that no table tells. May be lost: it is said anew every five seconds.
 */
export interface SaidHealth {
  readonly stopped: boolean;
  /** Names of dependencies that are away. */
  readonly down: readonly string[];
}

const EVERY_MS = 5_000;
/** What was said longer ago counts no more: whoever said it is gone. */
const FRESH_MS = 15_000;
/**
 * A consumer that tries again does not know yet whether the dependency is back, and may learn it only after a time-out. So long it is still
 * called away.
 */
const TRYING_MS = 12_000;

const keyOf = (topicPrefix: string, service: ServiceName): string => `${topicPrefix}health:${service}`;

/** Which dependencies are away: from the first time one is found so until it has not been found so for a while. */
export class AwayList {
  private readonly until = new Map<string, number>();

  /** `up`: it answered; `trying`: it is about to be asked. True when it is news, told at once. Times are milliseconds of one clock. */
  note(dependency: string, how: 'up' | 'trying' | 'down', now: number): boolean {
    const until = this.until.get(dependency) ?? -Infinity;
    if (how === 'down') this.until.set(dependency, Infinity);
    else if (how === 'up') this.until.delete(dependency);
    else if (until === Infinity) this.until.set(dependency, now + TRYING_MS);
    return how === 'down' ? until < now : how === 'up' && until === Infinity;
  }

  names(now: number): string[] {
    return [...this.until].filter(([, until]) => now < until).map(([name]) => name);
  }
}

export interface HealthOptions {
  readonly redis: Redis;
  readonly topicPrefix: string;
  readonly service: ServiceName;
  readonly instance: string;
  readonly stopped: () => boolean;
  readonly away: () => readonly string[];
  readonly log: Logger;
}

/** Says it now and every five seconds; the worker's `wake` says a change at once. Ends by taking it back. */
export function sayHealth({ redis, topicPrefix, service, instance, stopped, away, log }: HealthOptions): Worker {
  const key = keyOf(topicPrefix, service);
  const say = async (): Promise<boolean> => {
    const said = JSON.stringify({ at: Date.now(), stopped: stopped(), down: away() });
    // Redis may be away at any time, and nothing depends on this
    await forgetOthers(redis, key)
      .then(() =>
        redis
          .multi()
          .hset(key, instance, said)
          .pexpire(key, 2 * FRESH_MS)
          .exec(),
      )
      .catch((error: unknown) => log.debug({ err: error }, 'health could not be told'));
    return false;
  };
  const worker = startWorker('health', EVERY_MS, say, log);
  return {
    wake: () => worker.wake(),
    stop: async () => {
      await worker.stop();
      await redis.hdel(key, instance).catch(() => undefined);
    },
  };
}

async function forgetOthers(redis: Redis, key: string): Promise<void> {
  const gone = Object.entries(await redis.hgetall(key)).filter(([, said]) => freshest(said) === undefined);
  if (gone.length > 0) await redis.hdel(key, ...gone.map(([instance]) => instance));
}

function freshest(said: string): SaidHealth | undefined {
  try {
    const { at, stopped, down } = JSON.parse(said) as { at: number; stopped: boolean; down: string[] };
    return Date.now() - at < FRESH_MS ? { stopped: stopped === true, down: down.map(String) } : undefined;
  } catch {
    return undefined;
  }
}

/**
 * By service, what its running instances say together; a service that nobody runs is missing. Undefined when not one service says anything:
 * then Redis has just been started, or services run without it. Throws what the client throws when Redis is away.
 */
export async function readHealth(
  redis: Redis,
  topicPrefix: string,
  services: readonly ServiceName[],
): Promise<ReadonlyMap<ServiceName, SaidHealth> | undefined> {
  const found = new Map<ServiceName, SaidHealth>();
  const said = await Promise.all(services.map((service) => redis.hgetall(keyOf(topicPrefix, service))));
  services.forEach((service, index) => {
    const fresh = Object.values(said[index] ?? {})
      .map(freshest)
      .filter((one) => one !== undefined);
    if (fresh.length > 0)
      found.set(service, {
        stopped: fresh.some(({ stopped }) => stopped),
        down: [...new Set(fresh.flatMap(({ down }) => down))].sort(),
      });
  });
  return found.size === 0 ? undefined : found;
}
