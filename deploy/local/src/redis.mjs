import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inflateRawSync } from 'node:zlib';
import { brokerJars } from './jars.mjs';
import { portAnswers } from './ports.mjs';
import { spawnSupervised, untilReady } from './supervised.mjs';
import { MissingTool } from './tools.mjs';

const READY_MS = 20_000;

/**
 * The machine's redis-server, else the binary inside a jar of Maven Central. Nothing is saved: Redis holds only what may be lost.
 * @param {import('./servers.mjs').Place} place @param {{ port: number }} ports
 */
export async function startRedis({ dir, cache, log, note }, { port }) {
  const home = join(dir, 'redis');
  mkdirSync(home, { recursive: true });
  const installed = spawnSync('redis-server', ['--version'], { stdio: 'ignore' }).status === 0;
  const server = spawnSupervised(
    installed ? 'redis-server' : await bundled(cache, log),
    ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', home],
    { name: 'Redis', logFile: join(home, 'redis.log'), cwd: home, started: note },
  );
  await untilReady(server, (signal) => portAnswers(port, signal), READY_MS);
  return { url: `redis://127.0.0.1:${port}`, stop: () => server.stop(), kill: () => server.kill(), server };
}

/** @param {string} cache @param {(line: string) => void} log @returns {Promise<string>} path of the binary */
async function bundled(cache, log) {
  const jars = await brokerJars(cache, log);
  const jar = readdirSync(jars).find((name) => name.startsWith('embedded-redis-')) ?? '';
  const platform = `-${process.platform}-${process.arch === 'x64' ? 'amd64' : process.arch}`;
  const target = join(cache, `redis-server-${jar.replace(/\.jar$/, '')}${platform}`);
  if (existsSync(target)) return target;
  const content =
    jar === ''
      ? undefined
      : entryOf(readFileSync(join(jars, jar)), (name) => name.includes('redis-server') && name.endsWith(platform));
  if (content === undefined)
    throw new MissingTool(
      'There is no redis-server on this machine and none for it in the jar. On Debian or Ubuntu: sudo apt-get install redis-server',
    );
  const part = `${target}.${process.pid}`;
  writeFileSync(part, content, { mode: 0o755 });
  renameSync(part, target);
  return target;
}

/** One entry of a zip that we fetched ourselves. @param {Buffer} zip @param {(name: string) => boolean} matches @returns {Buffer | undefined} */
function entryOf(zip, matches) {
  const end = zip.lastIndexOf(Buffer.from([0x50, 0x4b, 5, 6]));
  let at = zip.readUInt32LE(end + 16);
  for (let left = zip.readUInt16LE(end + 10); left > 0; left--) {
    const nameLength = zip.readUInt16LE(at + 28);
    const name = zip.toString('utf8', at + 46, at + 46 + nameLength);
    if (matches(name)) {
      const local = zip.readUInt32LE(at + 42);
      const start = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28);
      const data = zip.subarray(start, start + zip.readUInt32LE(at + 20));
      return zip.readUInt16LE(at + 10) === 0 ? data : inflateRawSync(data);
    }
    at += 46 + nameLength + zip.readUInt16LE(at + 30) + zip.readUInt16LE(at + 32);
  }
  return undefined;
}
