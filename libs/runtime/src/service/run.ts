import type { RuntimeConfig } from './config.js';
import { ConfigError } from './config.js';
import { startService, type Service } from './service.js';

const SHUTDOWN_MS = 20_000;

/** `src/main.ts` of a service: starts it from the environment and stops it on SIGTERM or SIGINT: drained, committed, flushed. */
export function run<C extends RuntimeConfig>(service: Service<C>): void {
  process.on('warning', () => undefined);
  startService(service, process.env).then(
    (running) => {
      let stopping = false;
      const stop = (): void => {
        if (stopping) return;
        stopping = true;
        setTimeout(() => process.exit(1), SHUTDOWN_MS).unref();
        running.stop().then(
          () => process.exit(0),
          () => process.exit(1),
        );
      };
      process.on('SIGTERM', stop);
      process.on('SIGINT', stop);
    },
    (error: unknown) => {
      process.stderr.write(
        error instanceof ConfigError
          ? `${error.message}\n`
          : `${service.name} could not start: ${(error as Error).stack ?? String(error)}\n`,
      );
      process.exit(1);
    },
  );
}
