import type { Logger } from 'pino';
import { describeError } from '../scrub.js';
import { ConfigError, parseConfig, type Environment, type RuntimeConfig } from './config.js';
import { createLogger } from './logging.js';
import { startService, type RunningService, type Service } from './service.js';

export interface Hosted<C extends RuntimeConfig = RuntimeConfig> {
  readonly service: Service<C>;
  readonly environment: Environment;
}

/**
 * `src/main.ts` of a service: starts it from the environment, and stops it on SIGTERM or SIGINT: drained, committed, flushed. Exit codes: 0
 * stopped in time; 1 it could not start, did not stop in time (`SHUTDOWN_MS`) or met an error that nobody caught.
 */
export function run<C extends RuntimeConfig>(service: Service<C>): void {
  runAll([{ service, environment: process.env }]);
}

/** Several in one process, started one after the other: they end together, by the same rules, also when one cannot start. */
export function runAll<C extends RuntimeConfig>(hosted: readonly Hosted<C>[]): void {
  let configs: C[];
  try {
    configs = hosted.map(({ service, environment }) => parseConfig(service.name, service.config, environment));
  } catch (error) {
    process.stderr.write(`${error instanceof ConfigError ? error.message : describeError(error)}\n`);
    process.exit(1);
  }
  const log = createLogger(hosted.map(({ service }) => service.name).join('+'), configs[0]?.LOG_LEVEL ?? 'info');
  const fatal = (error: unknown, message: string): never => {
    log.fatal({ err: error }, message);
    process.exit(1);
  };
  // Node would print the error with all that hangs on it: statements, parameters, payloads
  process.on('uncaughtException', (error: unknown) => fatal(error, 'an error that nobody caught; the process ends'));
  const starting = startAll(hosted);
  // from the first moment: records are in hand before the start is over
  const shutdownMs = Math.max(0, ...configs.map((config) => config.SHUTDOWN_MS));
  stopOnSignal(log, shutdownMs, async () => Promise.all((await starting).map((service) => service.stop())));
  starting.catch((error: unknown) => fatal(error, 'could not start'));
}

async function startAll<C extends RuntimeConfig>(hosted: readonly Hosted<C>[]): Promise<RunningService[]> {
  const running: RunningService[] = [];
  try {
    for (const { service, environment } of hosted) running.push(await startService(service, environment));
  } catch (error) {
    await Promise.allSettled(running.map((service) => service.stop()));
    throw error;
  }
  return running;
}

/** However often it is told, it stops once. */
function stopOnSignal(log: Logger, withinMs: number, stop: () => Promise<unknown>): void {
  let stopping = false;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (stopping) return;
    stopping = true;
    log.info({ signal }, 'stopping');
    setTimeout(() => {
      log.fatal({ withinMs }, 'the stop took too long and is given up');
      process.exit(1);
    }, withinMs);
    stop().then(
      () => process.exit(0),
      (error: unknown) => {
        log.fatal({ err: error }, 'the stop failed');
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
}
