import { freePorts } from '@postgang/deploy-local';
import type { ServiceName } from '@postgang/pipeline';
import { createTopics, kafkaClient, startService, createLogger, type RunningService } from '@postgang/runtime';
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { processName, ServiceProcess } from './service-process.js';
import { serviceNamed } from './services.js';
import type { Settings } from './settings.js';

export interface Launched {
  /** Base URL of the integration point; of the first where there are several. */
  readonly api: string;
  /** One of each instance of the integration point. */
  readonly apis: readonly string[];
  readonly processes: readonly ServiceProcess[];
  stop(): Promise<void>;
}

export interface LaunchOptions {
  /** Hosted inside this process. */
  readonly inside?: readonly ServiceName[];
  /** Most partitions of a topic; fewer where many Postgangs share one small broker. */
  readonly partitions?: number;
  /** How many processes of each group; they share topics, database and document store. */
  readonly instances?: number;
  /** What one process is told otherwise than the rest, whose settings these are. */
  readonly settingsOf?: (name: string, settings: Settings) => Settings;
}

/** Creates the topics, then starts each group of services in a process of its own, or in several. Resolves when all are ready. */
export async function launch(
  dir: string,
  settings: Settings,
  groups: readonly (readonly ServiceName[])[],
  { inside = [], partitions, instances = 1, settingsOf = (_name, same) => same }: LaunchOptions = {},
): Promise<Launched> {
  // a new topic is unknown for a moment, which the client would warn of
  const log = createLogger('launch', 'error');
  const kafka = kafkaClient({ brokers: (settings['KAFKA_BROKERS'] ?? '').split(','), topicPrefix: '' }, 'launch', log);
  const prefix = settings['TOPIC_PREFIX'] ?? '';
  await createTopics(kafka, [], { prefix, replication: 1, ...(partitions === undefined ? {} : { partitions }) });
  const ports = await freePorts(instances * (2 + groups.flat().length));
  const take = (): number => ports.pop() ?? 0;
  const logs = join(resolve(dir), 'logs');
  mkdirSync(logs, { recursive: true });
  const apis: string[] = [];
  const processes: ServiceProcess[] = [];
  let withApi = settings;
  for (let number = 1; number <= instances; number++) {
    const [apiPort, internalPort] = [take(), take()];
    apis.push(`http://127.0.0.1:${apiPort}`);
    withApi = {
      ...settings,
      HTTP_PORT: String(apiPort),
      INTERNAL_PORT: String(internalPort),
      REGISTER_LOOKUP_URL: `http://127.0.0.1:${internalPort}`,
    };
    for (const services of groups) {
      const own = settingsOf(processName(services, number), withApi);
      processes.push(new ServiceProcess(services, services.map(take), own, logs, number));
    }
  }
  const hosted: RunningService[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all([...processes.map((each) => each.stop()), ...hosted.map((service) => service.stop())]);
  };
  try {
    for (const each of processes) each.start();
    for (const name of inside) hosted.push(await startService(await serviceNamed(name), withApi));
    await Promise.all(processes.map((each) => each.ready()));
    return { api: apis[0] ?? '', apis, processes, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
