import { readFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

const LOOK_MS = 500;
const GRACE_MS = 3_000;

/**
 * Ends this process, gently and then by force, when its parent is gone: a killed `npm run demo` must not leave a pipeline behind, and a
 * SIGKILL tells nobody. Loaded with `--import` it does so at once; processes that Node forks from such a one inherit it.
 * @param {{ throughShell?: boolean }} [options] throughShell: started by npm, whose shell would outlive it
 */
export function endWithParent({ throughShell = false } = {}) {
  const parents = () => `${process.ppid} ${throughShell ? parentOf(process.ppid) : ''}`;
  const before = parents();
  const timer = setInterval(() => {
    if (parents() === before) return;
    clearInterval(timer);
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), GRACE_MS).unref();
    process.kill(process.pid, 'SIGTERM');
  }, LOOK_MS);
  timer.unref();
}

/** Only where there is /proc; elsewhere a killed npm is noticed when its shell ends. @param {number} pid @returns {string} */
function parentOf(pid) {
  try {
    // the name before the bracket may hold blanks
    return readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) \S /s, '')
      .split(' ', 1)
      .join();
  } catch {
    return '';
  }
}

if (isMainThread && process.execArgv.some((argument) => argument.endsWith('end-with-parent.mjs'))) endWithParent();
