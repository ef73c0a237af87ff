import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runSupervised } from './supervised.mjs';
import { needMaven } from './tools.mjs';

const POM = fileURLToPath(new URL('../pom.xml', import.meta.url));
const FETCH_MS = 600_000;
const FETCH = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies';

/** Kafka and Redis both ask, at the same time. @type {Map<string, Promise<string>>} */
const fetching = new Map();

/**
 * The folder of the broker's jars, fetched once per content of the pom.
 * @param {string} cache @param {(line: string) => void} log @returns {Promise<string>}
 */
export async function brokerJars(cache, log) {
  const version = createHash('sha256').update(readFileSync(POM)).digest('hex').slice(0, 12);
  const folder = join(cache, `jars-${version}`);
  if (existsSync(folder)) return folder;
  const running = fetching.get(folder) ?? fetchInto(folder, cache, log).finally(() => fetching.delete(folder));
  fetching.set(folder, running);
  return running;
}

/** @param {string} folder @param {string} cache @param {(line: string) => void} log */
async function fetchInto(folder, cache, log) {
  const mvn = needMaven(log);
  log('fetching Kafka from Maven Central (once, about 60 MB)');
  const part = join(cache, `fetching-${process.pid}`);
  mkdirSync(part, { recursive: true });
  const logFile = `${part}.log`;
  try {
    const args = ['-q', '-B', '-f', POM, FETCH, `-DoutputDirectory=${part}`];
    await runSupervised(mvn, args, { name: 'Fetching Kafka from Maven Central', logFile, timeoutMs: FETCH_MS });
    appear(part, folder);
    return folder;
  } finally {
    rmSync(part, { recursive: true, force: true });
    rmSync(logFile, { force: true });
    removeLeftovers(cache);
  }
}

/** A half-finished folder is never seen, and whoever comes second keeps the first one's. @param {string} part @param {string} folder */
function appear(part, folder) {
  try {
    renameSync(part, folder);
  } catch (error) {
    if (!existsSync(folder)) throw error;
  }
}

/** Fetches that were killed. @param {string} cache */
function removeLeftovers(cache) {
  for (const name of readdirSync(cache)) {
    const pid = /^fetching-(\d+)/.exec(name)?.[1];
    if (pid !== undefined && !existsSync(`/proc/${pid}`) && existsSync('/proc/self'))
      rmSync(join(cache, name), { recursive: true, force: true });
  }
}
