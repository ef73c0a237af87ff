import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { startKafka } from './kafka.mjs';
import { startPostgres } from './postgres.mjs';
import { startRedis } from './redis.mjs';

/**
 * Kafka, PostgreSQL and Redis without Docker, on free ports of the loopback address.
 * @param {{ dir: string, cache?: string, durable?: boolean, log?: (line: string) => void }} options `durable: false` switches fsync off (tests)
 */
export async function startServers({ dir, cache = '.postgang/cache', durable = true, log = () => undefined }) {
  const home = resolve(dir);
  const jars = resolve(cache);
  mkdirSync(home, { recursive: true });
  mkdirSync(jars, { recursive: true });
  const started = await Promise.allSettled([
    startKafka({ dir: home, cache: jars, log }),
    startPostgres({ dir: home, log, durable }),
    startRedis({ dir: home, cache: jars, log }),
  ]);
  const running = started.filter((result) => result.status === 'fulfilled').map((result) => result.value);
  const stop = async () => {
    await Promise.all(running.map((server) => server.stop()));
  };
  const failed = started.find((result) => result.status === 'rejected');
  if (failed !== undefined) {
    await stop();
    throw failed.reason;
  }
  const [kafka, postgres, redis] = running;
  return { kafka, postgres, redis, stop };
}
