import { freePorts, spawnSupervised } from '@postgang/deploy-local';
import type { ServiceName } from '@postgang/pipeline';
import { createTopics, kafkaClient, startService, createLogger, type RunningService } from '@postgang/runtime';
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { serviceNamed } from './services.js';
import type { Settings } from './settings.js';

type Supervised = ReturnType<typeof spawnSupervised>;

export interface Launched {
  /** Base URL of the integration point. */
  readonly api: string;
  readonly processes: readonly {
    readonly services: readonly ServiceName[];
    readonly pid: number;
    readonly managementUrls: readonly string[];
  }[];
  stop(): Promise<void>;
}

const HOST = fileURLToPath(new URL('./host.js', import.meta.url));
const READY_MS = 60_000;

/** Creates the topics, then starts each group of services in a process of its own; `[]` hosts all inside this process. */
export async function launch(
  dir: string,
  settings: Settings,
  groups: readonly (readonly ServiceName[])[],
  inside: readonly ServiceName[] = [],
): Promise<Launched> {
  const log = createLogger('launch', settings['LOG_LEVEL'] ?? 'warn');
  const kafka = kafkaClient({ brokers: (settings['KAFKA_BROKERS'] ?? '').split(','), topicPrefix: '' }, 'launch', log);
  await createTopics(kafka, [], { prefix: settings['TOPIC_PREFIX'] ?? '', replication: 1 });
  const [apiPort = 0, ...ports] = await freePorts(1 + groups.flat().length);
  const withApi = { ...settings, HTTP_PORT: String(apiPort) };
  const logs = join(resolve(dir), 'logs');
  mkdirSync(logs, { recursive: true });
  const children: Supervised[] = [];
  const hosted: RunningService[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all([...children.map((child) => child.stop()), ...hosted.map((service) => service.stop())]);
  };
  const processes: Launched['processes'][number][] = [];
  try {
    for (const services of groups) {
      const mine = services.map(() => ports.shift() as number);
      const child = spawnSupervised(
        process.execPath,
        [
          '--disable-warning=TimeoutNegativeWarning',
          HOST,
          services.map((name, index) => `${name}:${mine[index]}`).join(','),
        ],
        {
          name: services.join('+'),
          logFile: join(logs, `${services.join('+')}.log`),
          env: { ...process.env, ...withApi },
          graceMs: 15_000,
        },
      );
      children.push(child);
      processes.push({
        services,
        pid: child.pid as number,
        managementUrls: mine.map((port) => `http://127.0.0.1:${port}`),
      });
    }
    for (const name of inside) hosted.push(await startService(serviceNamed(name), withApi));
    await Promise.all(
      processes.map((process_, index) => untilReady(process_.managementUrls, children[index] as Supervised)),
    );
    return { api: `http://127.0.0.1:${apiPort}`, processes, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function untilReady(urls: readonly string[], child: Supervised): Promise<void> {
  const deadline = performance.now() + READY_MS;
  let ended = false;
  void child.exited.then(() => (ended = true));
  for (const url of urls) {
    for (;;) {
      if (ended || performance.now() > deadline)
        throw new Error(`${child.name} did not become ready. Its last lines:\n${child.lastLines()}`);
      const ready = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(2_000) }).then(
        (answer) => answer.ok,
        () => false,
      );
      if (ready) break;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
