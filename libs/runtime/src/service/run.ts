import type { Logger } from 'pino';
import { describeError } from '../scrub.js';
import { ConfigError, parseConfig, type RuntimeConfig } from './config.js';
import { createLogger } from './logging.js';
import { startService, type Service } from './service.js';

/**
 * `src/main.ts` of a service: starts it from the environment, and stops it on SIGTERM or SIGINT: drained, committed, flushed. Exit codes: 0
 * stopped in time; 1 it could not start, did not stop in time (`SHUTDOWN_MS`) or met an error that nobody caught.
 */
export function run<C extends RuntimeConfig>(service: Service<C>): void {
  let config: C;
  try {
    config = parseConfig(service.name, service.config, process.env);
  } catch (error) {
    process.stderr.write(`${error instanceof ConfigError ? error.message : describeError(error)}\n`);
    process.exit(1);
  }
  const log = createLogger(service.name, config.LOG_LEVEL);
  const fatal = (error: unknown, message: string): never => {
    log.fatal({ err: error }, message);
    process.exit(1);
  };
  // Node would print the error with all that hangs on it: statements, parameters, payloads
  process.on('uncaughtException', (error: unknown) => fatal(error, 'an error that nobody caught; the process ends'));
  const starting = startService(service, process.env);
  // from the first moment: records are in hand before the start is over
  stopOnSignal(log, config.SHUTDOWN_MS, async () => (await starting).stop());
  starting.catch((error: unknown) => fatal(error, 'could not start'));
}

/** However often it is told, it stops once. */
function stopOnSignal(log: Logger, withinMs: number, stop: () => Promise<void>): void {
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
