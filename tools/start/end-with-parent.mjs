import { isMainThread } from 'node:worker_threads';

const LOOK_MS = 500;
const GRACE_MS = 3_000;

/**
 * Ends this process, gently and then by force, when its parent is gone: a killed `npm run demo` must not leave a pipeline behind, and a
 * SIGKILL tells nobody. Loaded with `--import` it does so at once; processes that Node forks from such a one inherit it.
 */
export function endWithParent() {
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), GRACE_MS).unref();
    process.kill(process.pid, 'SIGTERM');
  }, LOOK_MS);
  timer.unref();
}

if (isMainThread && process.execArgv.some((argument) => argument.endsWith('end-with-parent.mjs'))) endWithParent();
