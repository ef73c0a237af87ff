import { scrub } from '../scrub.js';
import type { RuntimeConfig } from './config.js';
import { ConfigError } from './config.js';
import { startService, type RunningService, type Service } from './service.js';

/**
 * `src/main.ts` of a service: starts it from the environment, and stops it on SIGTERM or SIGINT: drained, committed, flushed. Exit codes: 0
 * stopped in time; 1 it could not start, did not stop in time (`SHUTDOWN_MS`) or met an error that nobody caught.
 */
export function run<C extends RuntimeConfig>(service: Service<C>): void {
  let running: RunningService | undefined;
  // Node would print the error with all that hangs on it: statements, parameters, payloads
  process.on('uncaughtException', (error: unknown) => {
    if (running === undefined) process.stderr.write(`${service.name}: ${told(error)}\n`);
    else running.log.fatal({ err: error }, 'an error that nobody caught; the process ends');
    process.exit(1);
  });
  startService(service, process.env).then(
    (started) => {
      running = started;
      stopOnSignal(started);
    },
    (error: unknown) => {
      process.stderr.write(
        error instanceof ConfigError ? `${error.message}\n` : `${service.name} could not start: ${told(error)}\n`,
      );
      process.exit(1);
    },
  );
}

/** However often it is told, it stops once. */
function stopOnSignal(running: RunningService): void {
  let stopping = false;
  const stop = (signal: NodeJS.Signals): void => {
    if (stopping) return;
    stopping = true;
    running.log.info({ signal }, 'stopping');
    setTimeout(() => {
      running.log.fatal({ afterMs: running.shutdownMs }, 'the stop took too long and is given up');
      process.exit(1);
    }, running.shutdownMs);
    running.stop().then(
      () => process.exit(0),
      (error: unknown) => {
        running.log.fatal({ err: error }, 'the stop failed');
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}

const told = (error: unknown): string =>
  error instanceof Error ? scrub(error.stack ?? error.message) : `thrown ${typeof error}`;
