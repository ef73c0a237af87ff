import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const SUPERVISOR = fileURLToPath(new URL('./supervisor.mjs', import.meta.url));
const LAST_LINES = 20;
const STDERR = 2;

/**
 * A process that ends when we end, whatever ends us. `stop` asks it to end, `kill` (SIGKILL) does not ask; `quit` is SIGQUIT. `pause` (SIGSTOP)
 * stops it in its tracks with every connection open, `resume` (SIGCONT) lets it go on.
 * @typedef {{ name: string, pid: number | undefined, exited: Promise<number>, stop: () => Promise<void>, kill: () => Promise<void>, quit: () => Promise<void>, pause: () => void, resume: () => void, lastLines: (count?: number) => string }} Supervised
 *
 * `graceMs`: after that long the process and what it started are killed. `stopSignal`: what it is asked with. `uid`, `gid`: whom it runs as.
 * `started` hears the supervisor's process id at once.
 * @typedef {{ name: string, logFile?: string, env?: NodeJS.ProcessEnv, cwd?: string, graceMs?: number, stopSignal?: NodeJS.Signals, uid?: number, gid?: number, started?: (pid: number | undefined) => void }} SupervisedOptions
 */

/**
 * Its output is appended to `logFile`, or shown on stderr without one. A command that cannot be started at all ends with code 127 and says so there.
 * @param {string} command @param {readonly string[]} args @param {SupervisedOptions} options @returns {Supervised}
 */
export function spawnSupervised(command, args, options) {
  const { graceMs, stopSignal, uid, gid } = options;
  const log = options.logFile === undefined ? STDERR : openSync(options.logFile, 'a');
  const child = spawn(
    process.execPath,
    [SUPERVISOR, JSON.stringify({ graceMs, stopSignal, uid, gid }), command, ...args],
    {
      // a group of its own: Ctrl-C in the terminal reaches us alone, and we stop the servers in order
      detached: true,
      stdio: ['pipe', log, log],
      env: options.env ?? process.env,
      cwd: options.cwd,
    },
  );
  if (log !== STDERR) closeSync(log);
  options.started?.(child.pid);
  child.stdin?.on('error', () => undefined);
  /** @type {Promise<number>} */
  const exited = new Promise((resolve) => {
    child.once('exit', (code) => resolve(code ?? 1));
    // without a process there is no exit
    child.once('error', () => child.pid === undefined && resolve(127));
  });
  return {
    name: options.name,
    pid: child.pid,
    exited,
    stop: async () => {
      child.stdin?.end();
      await exited;
    },
    kill: async () => {
      child.stdin?.write('k');
      await exited;
    },
    quit: async () => {
      child.stdin?.write('q');
      await exited;
    },
    pause: () => void child.stdin?.write('s'),
    resume: () => void child.stdin?.write('c'),
    lastLines: (count = LAST_LINES) => {
      if (options.logFile === undefined) return '';
      try {
        return readFileSync(options.logFile, 'utf8').trimEnd().split('\n').slice(-count).join('\n');
      } catch {
        return '';
      }
    },
  };
}

/**
 * Runs a command to its end; it ends with us. Fails with the last lines of its output.
 * @param {string} command @param {readonly string[]} args @param {SupervisedOptions & { timeoutMs: number }} options
 */
export async function runSupervised(command, args, options) {
  const child = spawnSupervised(command, args, options);
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    void child.stop();
  }, options.timeoutMs);
  const code = await child.exited;
  clearTimeout(timer);
  if (code === 0) return;
  const what = late ? `was not done after ${options.timeoutMs / 1000} s` : `failed with exit code ${code}`;
  const told = options.logFile === undefined ? 'Its message is above.' : `Its last lines:\n${child.lastLines()}`;
  throw new Error(`${child.name} ${what}. ${told}`);
}

/**
 * Waits for `ready`, but gives up when the process ends or the time is over, telling the last lines of its log. After a failure it is stopped.
 * @param {Supervised} child @param {(signal: AbortSignal) => Promise<void>} ready @param {number} timeoutMs
 */
export async function untilReady(child, ready, timeoutMs) {
  const gaveUp = new AbortController();
  const timer = setTimeout(() => gaveUp.abort(new Error(`was not ready after ${timeoutMs / 1000} s`)), timeoutMs);
  try {
    await Promise.race([
      ready(gaveUp.signal),
      child.exited.then((code) => {
        throw new Error(`ended with exit code ${code}`);
      }),
    ]);
  } catch (error) {
    gaveUp.abort(error);
    await child.stop();
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`${child.name} ${why}. Its last lines:\n${child.lastLines()}`, { cause: error });
  } finally {
    clearTimeout(timer);
  }
}
