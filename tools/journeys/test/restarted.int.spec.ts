import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { startServers } from '@postgang/deploy-local';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Mailing } from './mailing.js';
import { expectWhole } from './whole.js';
import { World } from './world.js';

type Servers = Awaited<ReturnType<typeof startServers>>;
type Which = 'kafka' | 'postgres';

const LETTERS = 30;
const dir = mkdtempSync(join(tmpdir(), 'postgang-restarted-'));
const running = new Map<Which, Servers>();
let world: World;

/** One server in a folder of its own; started again it finds its data and has its port. */
async function start(which: Which, port?: number): Promise<Servers> {
  const servers = await startServers({
    dir: join(dir, which),
    durable: false,
    keep: true,
    redis: false,
    kafka: which === 'kafka',
    postgres: which === 'postgres',
    ...(port === undefined ? {} : { ports: { [which]: port } }),
  });
  running.set(which, servers);
  return servers;
}

/** The broker is killed outright; PostgreSQL throws everybody out. */
async function restart(which: Which): Promise<void> {
  const { kafka, postgres, stop } = running.get(which) as Servers;
  const { port } = new URL(which === 'kafka' ? `tcp://${kafka.brokers[0]}` : postgres.url);
  await stop();
  await start(which, Number(port));
}

beforeAll(async () => {
  const [{ kafka }, { postgres }] = await Promise.all([start('kafka'), start('postgres')]);
  // tokens are shared over Redis; without it each process asks for its own
  world = await World.start({ servers: { kafka, postgres, redis: { url: 'redis://127.0.0.1:1' } } });
}, 120_000);
afterAll(async () => {
  await world?.stop();
  await Promise.all([...running.values()].map((servers) => servers.stop()));
  rmSync(dir, { recursive: true, force: true });
}, 60_000);

it.each<[string, Which]>([
  ['the broker is killed', 'kafka'],
  ['the database throws everybody out', 'postgres'],
])(
  'when %s and comes back in mid-flow, and Redis is away, each letter still comes to its end once',
  async (_what, which) => {
    const mailing = new Mailing(world);
    let restarted: Promise<void> | undefined;
    await mailing.handIn(LETTERS, which, (sent) => {
      if (sent === LETTERS / 2) restarted = restart(which);
    });
    expect(restarted).toBeDefined();
    await restarted;
    await mailing.ended(120_000);
    await expectWhole(world, mailing);
  },
  240_000,
);
