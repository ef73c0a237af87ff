import { optionsFrom, SandboxConfigError } from './config.js';
import { greeting } from './greeting.js';
import { startSandbox } from './sandbox.js';

const PARENT_LOOK_MS = 1_000;

try {
  const sandbox = await startSandbox(optionsFrom(process.argv.slice(2)));
  process.stdout.write(greeting(sandbox));
  let stopping = false;
  const stop = (): void => {
    if (stopping) return;
    stopping = true;
    sandbox.stop().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop);
  // a parent that was killed cannot tell us; its place is then taken by another process
  const parent = process.ppid;
  setInterval(() => process.ppid !== parent && stop(), PARENT_LOOK_MS).unref();
} catch (error) {
  process.stderr.write(
    error instanceof SandboxConfigError ? `${error.message}\n` : `The sandbox could not start: ${String(error)}\n`,
  );
  process.exit(1);
}
