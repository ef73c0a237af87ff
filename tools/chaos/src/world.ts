import { Agency } from '@postgang/demo';
import { freePorts } from '@postgang/deploy-local';
import {
  addLocalAgency,
  launch,
  processName,
  settingsFor,
  startSandboxProcess,
  type Launched,
  type Settings,
} from '@postgang/launch';
import type { ServiceName } from '@postgang/pipeline';
import { LocalServer, SmallDisk, TcpProxy, type ServerName } from '@postgang/testing/faults';
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { ChaosOptions } from './options.js';

/** Valid, synthetic (it begins with 3). */
export const AGENCY = '310000027';
export const INSTANCES = 2;
/** Shorter than in production, so that a process that was given up is given up while the run lasts (milliseconds). */
export const SESSION_MS = 8_000;

const GROUPS: Record<ChaosOptions['layout'], readonly (readonly ServiceName[])[]> = {
  alone: [
    ['integration-point'],
    ['register-lookup'],
    ['encryption'],
    ['provider-dispatch'],
    ['notification'],
    ['receipts'],
  ],
  together: [
    ['integration-point', 'register-lookup', 'encryption'],
    ['provider-dispatch', 'notification', 'receipts'],
  ],
};

/** Documents and packages of a letter, generously; and room for what nobody has dropped yet. */
const DISK_MB = 256;
const DISK_KB_PER_LETTER = 24;

/** Everything that runs, and everything in between that can be made to fail. */
export interface World {
  readonly dir: string;
  /** Past every proxy: for those who look, not for the services. */
  readonly settings: Settings;
  readonly sandboxUrl: string;
  readonly launched: Launched;
  readonly servers: ReadonlyMap<string, LocalServer>;
  /** By name, `receipts-2 to postgres` for instance. */
  readonly links: ReadonlyMap<string, TcpProxy>;
  readonly disk: SmallDisk | undefined;
  /** The agency's way in, once per instance of the integration point. */
  readonly agencies: readonly Agency[];
}

/** Two instances of every service on shared servers, with somebody in between on each of their connections. Steps to undo it go to `closing`. */
export async function startWorld(
  options: ChaosOptions,
  closing: (() => Promise<unknown>)[],
  say: (line: string) => void,
): Promise<World> {
  const dir = resolve(`.postgang/chaos-${process.pid}`);
  sweep(resolve('.postgang'));
  mkdirSync(dir, { recursive: true });
  closing.push(() => Promise.resolve(options.keep || rmSync(dir, { recursive: true, force: true })));

  const groups = GROUPS[options.layout];
  const names = Array.from({ length: INSTANCES }, (_, index) =>
    groups.map((services) => processName(services, index + 1)),
  ).flat();
  const links = new Map<string, TcpProxy>();
  const link = async (name: string, upstreamPort: number): Promise<TcpProxy> => {
    const proxy = await TcpProxy.start(upstreamPort);
    links.set(name, proxy);
    closing.push(() => proxy.stop());
    return proxy;
  };

  say('Starting Kafka, PostgreSQL and Redis …');
  // the broker tells its clients where to come to, so it must know those in between
  const behind = await freePorts(names.length);
  const toKafka = await Promise.all(names.map((name, index) => link(`${name} to kafka`, behind[index] as number)));
  const servers = new Map<string, LocalServer>();
  const start = async (name: ServerName): Promise<LocalServer> => {
    const advertised = toKafka.map(({ port }, index) => ({ port: behind[index] as number, advertised: port }));
    const server = await LocalServer.start(name, {
      dir,
      log: say,
      ...(name === 'kafka' ? { behind: advertised } : {}),
    });
    servers.set(name, server);
    closing.push(() => server.stop());
    return server;
  };
  const [kafka, postgres, redis] = await Promise.all([start('kafka'), start('postgres'), start('redis')]);

  const [sandboxPort = 0] = await freePorts(1);
  const toSandbox = await link('all to sandbox', sandboxPort);
  const sandbox = await startSandboxProcess(dir, {
    port: sandboxPort,
    url: `http://127.0.0.1:${toSandbox.port}`,
    verify: options.letters > 5_000 ? 'sample:20' : 'full',
    receiptDelayMs: 5,
  });
  closing.push(() => sandbox.stop());

  const disk = options.kinds.includes('disk-full') ? smallDisk(dir, options.letters, closing) : undefined;
  const settings = settingsFor(dir, { kafka: { brokers: [`127.0.0.1:${kafka.port}`] }, postgres, redis }, sandbox, {
    KAFKA_SESSION_MS: String(SESSION_MS),
  });
  const own = new Map<string, Settings>();
  for (const [index, name] of names.entries()) {
    const ports = {
      postgres: (await link(`${name} to postgres`, postgres.port)).port,
      redis: (await link(`${name} to redis`, redis.port)).port,
      smtp: name.includes('notification') ? (await link(`${name} to smtp`, sandbox.smtp.port)).port : 0,
    };
    own.set(name, {
      KAFKA_BROKERS: `127.0.0.1:${toKafka[index]?.port}`,
      POSTGRES_URL: postgres.url.replace(`:${postgres.port}/`, `:${ports.postgres}/`),
      REDIS_URL: `redis://127.0.0.1:${ports.redis}`,
      SMTP_PORT: String(ports.smtp),
    });
  }
  say(`Starting the six services, ${INSTANCES} of each, in ${names.length} processes …`);
  const launched = await launch(dir, settings, groups, {
    instances: INSTANCES,
    settingsOf: (name, same) => ({ ...same, ...own.get(name) }),
  });
  closing.push(() => launched.stop());
  const access = await addLocalAgency(settings, sandbox.direct, { orgnr: AGENCY, kafka: true });
  const agencies: Agency[] = [];
  for (const [index, api] of launched.apis.entries()) {
    const { port } = await link(`agency to integration-point-${index + 1}`, Number(new URL(api).port));
    agencies.push(new Agency(`http://127.0.0.1:${port}`, access));
  }
  return { dir, settings, sandboxUrl: sandbox.direct, launched, servers, links, disk, agencies };
}

/** Removes what runs that have ended left, killed ones with their disk still mounted. Others may be running. */
function sweep(parent: string): void {
  if (!existsSync(parent)) return;
  for (const name of readdirSync(parent)) {
    const pid = /^chaos-(\d+)$/.exec(name)?.[1];
    if (pid === undefined || isAlive(Number(pid))) continue;
    SmallDisk.unmountLeft(join(parent, name, 'documents'));
    rmSync(join(parent, name), { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** The document store alone lies on it. */
function smallDisk(dir: string, letters: number, closing: (() => Promise<unknown>)[]): SmallDisk | undefined {
  const megabytes = DISK_MB + Math.ceil((letters * DISK_KB_PER_LETTER) / 1_024);
  const disk = SmallDisk.mount(join(dir, 'documents'), megabytes);
  if (disk !== undefined) closing.push(() => Promise.resolve(disk.unmount()));
  return disk;
}
