import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { claimFolder } from './folder.mjs';
import { startKafka } from './kafka.mjs';
import { freePorts, isFree } from './ports.mjs';
import { startPostgres } from './postgres.mjs';
import { startRedis } from './redis.mjs';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/**
 * Where and how a server runs; `note` names its supervisor as one who lives in the folder.
 * @typedef {{ dir: string, cache: string, durable: boolean, log: (line: string) => void, note: (pid: number | undefined) => void }} Place
 *
 * @typedef {object} ServersOptions
 * @property {string} [dir] relative to the project; emptied first unless `keep`
 * @property {string} [cache] what is fetched once for all runs
 * @property {boolean} [kafka] @property {boolean} [postgres] @property {boolean} [redis] false: not started
 * @property {boolean} [durable] false switches fsync and orderly shutdowns off (tests)
 * @property {boolean} [keep] true: data stay, and the next start goes on with them
 * @property {{ kafka?: number, postgres?: number, redis?: number }} [ports] wanted ones; else free ones
 * @property {readonly { port: number, advertised: number }[]} [behind] further ports of Kafka, each with the one it tells its clients to come to
 * @property {(line: string) => void} [log]
 *
 * @typedef {{ kafka: { brokers: string[] }, postgres: { url: string }, redis: { url: string }, stop: () => Promise<void>, kill: () => Promise<void>, pause: () => void, resume: () => void }} Servers
 */

/**
 * Kafka, PostgreSQL and Redis without Docker, on the loopback address, started side by side and ready when this resolves. They end when
 * `stop` is called or this process ends, however it ends. When one cannot be started all are stopped, and the error tells its last lines
 * (a missing tool: one sentence with the command that mends it). What was not asked for has no brokers or an empty url. `kill` is a crash of all
 * of them; `pause` and `resume` (SIGSTOP, SIGCONT) leave their ports and connections open.
 * @param {ServersOptions} [options] @returns {Promise<Servers>}
 */
export async function startServers({
  dir = '.postgang/local',
  cache = '.postgang/cache',
  kafka = true,
  postgres = true,
  redis = true,
  durable = true,
  keep = false,
  ports = {},
  behind = [],
  log = () => undefined,
} = {}) {
  const home = resolve(ROOT, dir);
  const [free1 = 0, free2 = 0, free3 = 0, controllerPort = 0] = await freePorts(4);
  const folder = await claimFolder(home, { keep });
  const place = { dir: home, cache: resolve(ROOT, cache), durable, log, note: folder.note };
  mkdirSync(place.cache, { recursive: true });

  /** @typedef {{ stop: () => Promise<void>, kill: () => Promise<void>, server: import('./supervised.mjs').Supervised }} Started */
  /** @type {Started[]} */
  const started = [];
  /** @param {(each: Started) => Promise<void>} how */
  const end = async (how) => {
    await Promise.all(started.map(how));
    folder.leave();
  };
  const stop = () => end((each) => each.stop());
  /**
   * @template {Started} T @template N
   * @param {boolean} wanted @param {N} none @param {() => Promise<T>} start @returns {Promise<T | N>}
   */
  const one = async (wanted, none, start) => {
    if (!wanted) return none;
    const server = await start();
    started.push(server);
    return server;
  };
  const [broker, database, cacheServer] = await Promise.allSettled([
    one(kafka, { brokers: [] }, async () =>
      startKafka(place, { port: await portFor('Kafka', ports.kafka, free1), controllerPort, behind }),
    ),
    one(postgres, { url: '' }, async () =>
      startPostgres(place, { port: await portFor('PostgreSQL', ports.postgres, free2) }),
    ),
    one(redis, { url: '' }, async () => startRedis(place, { port: await portFor('Redis', ports.redis, free3) })),
  ]);
  if (broker.status === 'fulfilled' && database.status === 'fulfilled' && cacheServer.status === 'fulfilled')
    return {
      kafka: { brokers: broker.value.brokers },
      postgres: { url: database.value.url },
      redis: { url: cacheServer.value.url },
      stop,
      kill: () => end((each) => each.kill()),
      pause: () => started.forEach(({ server }) => server.pause()),
      resume: () => started.forEach(({ server }) => server.resume()),
    };
  await stop();
  const [first] = [broker, database, cacheServer].filter((result) => result.status === 'rejected');
  throw first?.reason;
}

/** A stranger on a wanted port would look like our server, ready. @param {string} name @param {number | undefined} wanted @param {number} free */
async function portFor(name, wanted, free) {
  if (wanted === undefined) return free;
  if (!(await isFree(wanted))) throw new Error(`port ${wanted}, wanted for ${name}, is taken`);
  return wanted;
}
