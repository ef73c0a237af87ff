import { freePorts } from '@postgang/deploy-local';
import type { ServiceName } from '@postgang/pipeline';
import { createTopics, kafkaClient, startService, createLogger, type RunningService } from '@postgang/runtime';
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { ServiceProcess } from './service-process.js';
import { serviceNamed } from './services.js';
import type { Settings } from './settings.js';

export interface Launched {
  /** Base URL of the integration point. */
  readonly api: string;
  readonly processes: readonly ServiceProcess[];
  stop(): Promise<void>;
}

export interface LaunchOptions {
  /** Hosted inside this process. */
  readonly inside?: readonly ServiceName[];
  /** Most partitions of a topic; fewer where many Postgangs share one small broker. */
  readonly partitions?: number;
}

/** Creates the topics, then starts each group of services in a process of its own. Resolves when all are ready. */
export async function launch(
  dir: string,
  settings: Settings,
  groups: readonly (readonly ServiceName[])[],
  { inside = [], partitions }: LaunchOptions = {},
): Promise<Launched> {
  // a new topic is unknown for a moment, which the client would warn of
  const log = createLogger('launch', 'error');
  const kafka = kafkaClient({ brokers: (settings['KAFKA_BROKERS'] ?? '').split(','), topicPrefix: '' }, 'launch', log);
  const prefix = settings['TOPIC_PREFIX'] ?? '';
  await createTopics(kafka, [], { prefix, replication: 1, ...(partitions === undefined ? {} : { partitions }) });
  const [apiPort = 0, internalPort = 0, ...ports] = await freePorts(2 + groups.flat().length);
  const withApi = {
    ...settings,
    HTTP_PORT: String(apiPort),
    INTERNAL_PORT: String(internalPort),
    REGISTER_LOOKUP_URL: `http://127.0.0.1:${internalPort}`,
  };
  const logs = join(resolve(dir), 'logs');
  mkdirSync(logs, { recursive: true });
  const processes = groups.map(
    (services) => new ServiceProcess(services, ports.splice(0, services.length), withApi, logs),
  );
  const hosted: RunningService[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all([...processes.map((each) => each.stop()), ...hosted.map((service) => service.stop())]);
  };
  try {
    for (const each of processes) each.start();
    for (const name of inside) hosted.push(await startService(await serviceNamed(name), withApi));
    await Promise.all(processes.map((each) => each.ready()));
    return { api: `http://127.0.0.1:${apiPort}`, processes, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
