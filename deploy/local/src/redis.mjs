import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { inflateRawSync } from 'node:zlib';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { brokerJars } from './jars.mjs';
import { freePorts, portAnswers } from './ports.mjs';
import { spawnSupervised, untilReady } from './supervised.mjs';

const READY_MS = 20_000;

/** The machine's redis-server, else the binary inside a jar of Maven Central. @param {{ dir: string, cache: string, log: (line: string) => void, port?: number }} options */
export async function startRedis({ dir, cache, log, port: wanted }) {
  const home = join(dir, 'redis');
  mkdirSync(home, { recursive: true });
  const port = wanted ?? (await freePorts(1))[0];
  const command =
    spawnSync('redis-server', ['--version'], { stdio: 'ignore' }).status === 0 ? 'redis-server' : bundled(cache, log);
  const server = spawnSupervised(
    command,
    ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', home],
    {
      name: 'Redis',
      logFile: join(home, 'redis.log'),
    },
  );
  await untilReady(server, (signal) => portAnswers(port, signal), READY_MS);
  return { url: `redis://127.0.0.1:${port}`, stop: () => server.stop(), pid: server.pid };
}

function bundled(cache, log) {
  const target = join(cache, 'redis-server');
  if (existsSync(target)) return target;
  const jars = brokerJars(cache, log);
  const jar = readdirSync(jars).find((name) => name.startsWith('embedded-redis-'));
  const wanted = `-${process.platform}-${process.arch === 'x64' ? 'amd64' : process.arch}`;
  const content =
    jar === undefined
      ? undefined
      : entryOf(readFileSync(join(jars, jar)), (name) => name.includes('redis-server') && name.endsWith(wanted));
  if (content === undefined)
    throw new Error(
      'there is no redis-server on this machine and none for it in the jar. On Debian or Ubuntu: sudo apt-get install redis-server',
    );
  writeFileSync(`${target}.${process.pid}`, content);
  chmodSync(`${target}.${process.pid}`, 0o755);
  spawnSync('mv', [`${target}.${process.pid}`, target]);
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
