import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { LocalServer, type ServerName } from '@postgang/testing/faults';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Mailing } from './mailing.js';
import { expectWhole } from './whole.js';
import { World } from './world.js';

const LETTERS = 30;
const dir = mkdtempSync(join(tmpdir(), 'postgang-restarted-'));
const running = new Map<ServerName, LocalServer>();
let world: World;

async function start(which: ServerName): Promise<LocalServer> {
  const server = await LocalServer.start(which, { dir });
  running.set(which, server);
  return server;
}

beforeAll(async () => {
  const [broker, postgres] = await Promise.all([start('kafka'), start('postgres')]);
  const kafka = { brokers: [`127.0.0.1:${broker.port}`] };
  // tokens are shared over Redis; without it each process asks for its own
  world = await World.start({ servers: { kafka, postgres, redis: { url: 'redis://127.0.0.1:1' } } });
}, 120_000);
afterAll(async () => {
  await world?.stop();
  await Promise.all([...running.values()].map((servers) => servers.stop()));
  rmSync(dir, { recursive: true, force: true });
}, 60_000);

it.each<[string, ServerName, 'kill' | 'stop']>([
  ['the broker is killed', 'kafka', 'kill'],
  ['the database throws everybody out', 'postgres', 'stop'],
  ['the database crashes', 'postgres', 'kill'],
])(
  'when %s and comes back in mid-flow, and Redis is away, each letter still comes to its end once',
  async (_what, which, how) => {
    const mailing = new Mailing(world);
    const server = running.get(which);
    let restarted: Promise<void> | undefined;
    await mailing.handIn(LETTERS, `${which}-${how}`, (sent) => {
      if (sent === LETTERS / 2) restarted = server?.[how]().then(() => server.startAgain());
    });
    expect(restarted).toBeDefined();
    await restarted;
    await mailing.ended(120_000);
    await expectWhole(world, mailing);
  },
  240_000,
);
