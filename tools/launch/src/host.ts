import 'reflect-metadata';
import { startService, type RunningService } from '@postgang/runtime';
import { serviceNamed } from './services.js';

/** `host.js name:managementPort,…`: hosts any set of services in one process, from the environment. */
const wanted = (process.argv[2] ?? '').split(',').map((part) => part.split(':') as [string, string | undefined]);
const running: RunningService[] = [];
let stopping = false;

async function stop(code: number): Promise<void> {
  if (stopping) return;
  stopping = true;
  await Promise.allSettled(running.map((service) => service.stop()));
  process.exit(code);
}

process.on('SIGTERM', () => void stop(0));
process.on('SIGINT', () => void stop(0));
try {
  for (const [name, port] of wanted) {
    running.push(
      await startService(await serviceNamed(name), {
        ...process.env,
        ...(port === undefined ? {} : { MANAGEMENT_PORT: port }),
      }),
    );
  }
} catch (error) {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  await stop(1);
}
