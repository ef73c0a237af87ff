import { afterAll, describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { brokerJars } from './jars.mjs';
import { freePorts, isFree } from './ports.mjs';
import { startServers } from './servers.mjs';

const INDEX = new URL('./index.mjs', import.meta.url).href;
const TMP = tmpdir();
const GONE_MS = 10_000;

const parent = mkdtempSync(join(TMP, 'postgang-servers-'));
afterAll(() => rmSync(parent, { recursive: true, force: true }));

/** Supervisors and servers all work inside the servers' folder. @param {string} dir */
function processesIn(dir) {
  return readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readlinkSync(`/proc/${pid}/cwd`).startsWith(dir);
    } catch {
      return false;
    }
  });
}

/** @param {number[]} ports @param {string} dir */
async function expectNothingLeft(ports, dir) {
  const deadline = performance.now() + GONE_MS;
  const left = async () => [...processesIn(dir), ...(await Promise.all(ports.map(isFree))).filter((free) => !free)];
  while ((await left()).length > 0 && performance.now() < deadline) await new Promise((done) => setTimeout(done, 50));
  expect(await left()).toEqual([]);
}

/** @param {string} options source text @param {NodeJS.ProcessEnv} [env] */
function parentProcess(options, env = process.env) {
  const source = `import { startServers } from ${JSON.stringify(INDEX)};
    startServers(${options}).then((servers) => console.log(JSON.stringify(servers)), (error) => { console.log(error.message); process.exit(1); });`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', source], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  /** @type {Promise<string>} */
  const firstLine = new Promise((done) => createInterface({ input: child.stdout }).once('line', done));
  return { child, firstLine };
}

/** @param {{ kafka: { brokers: string[] }, postgres: { url: string }, redis: { url: string } }} servers */
const portsOf = ({ kafka, postgres, redis }) =>
  [`tcp://${kafka.brokers[0]}`, postgres.url, redis.url].map((url) => Number(new URL(url).port));

/** Folders are looked up in /proc. */
const onLinux = existsSync('/proc/self/cwd') ? describe : describe.skip;

onLinux('the local servers', () => {
  it('leave no process and no port when their parent is killed, and the next start goes on with the kept data', async () => {
    const dir = join(parent, 'killed');
    const options = JSON.stringify({ dir, keep: true, durable: false });
    const { child, firstLine } = parentProcess(options);
    const ports = portsOf(JSON.parse(await firstLine));
    expect(processesIn(dir).length).toBeGreaterThanOrEqual(6);
    child.kill('SIGKILL');
    // at once, while the old servers may still be leaving
    const again = await startServers({ dir, keep: true, durable: false });
    await expectNothingLeft(ports, '/nowhere');
    await again.stop();
    await expectNothingLeft(portsOf(again), dir);
    expect(existsSync(join(dir, 'postgres', 'data', 'PG_VERSION'))).toBe(true);
  }, 60_000);

  it('leave nothing when one of them fails to start, and tell its last lines', async () => {
    const dir = join(parent, 'failing');
    const cache = join(parent, 'cache-without-broker');
    // an empty folder where the jars should be: Java finds no broker in it
    mkdirSync(join(cache, (await brokerJars('.postgang/cache', () => undefined)).split('/').at(-1) ?? ''), {
      recursive: true,
    });
    await expect(startServers({ dir, cache, redis: false, durable: false })).rejects.toThrow(
      /Formatting Kafka's storage failed[^]*ClassNotFoundException/,
    );
    await expectNothingLeft([], dir);
    expect(existsSync(dir)).toBe(false);
  });

  it('refuse a wanted port that somebody else has, and stop the others', async () => {
    const dir = join(parent, 'taken');
    const [port = 0] = await freePorts(1);
    const stranger = createServer().listen(port, '127.0.0.1');
    const starting = startServers({ dir, kafka: false, durable: false, ports: { postgres: port } });
    await expect(starting).rejects.toThrow(`port ${port}, wanted for PostgreSQL, is taken`);
    await expectNothingLeft([], dir);
    stranger.close();
  });

  it('say in one sentence how to mend a missing Java', async () => {
    const dir = join(parent, 'no-java');
    const { firstLine } = parentProcess(JSON.stringify({ dir, redis: false, postgres: false }), {
      PATH: dirname(process.execPath),
    });
    expect(await firstLine).toMatch(/^The local Kafka needs Java 17 or newer\. .*(apt-get|brew) install openjdk/);
    await expectNothingLeft([], dir);
  });
});
