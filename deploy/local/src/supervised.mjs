import { spawn } from 'node:child_process';
import { openSync, closeSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const SUPERVISOR = fileURLToPath(new URL('./supervisor.mjs', import.meta.url));

/**
 * A process that ends when we end, whatever ends us.
 * @typedef {{ name: string, pid: number, exited: Promise<number>, stop(): Promise<void>, lastLines(count?: number): string }} Supervised
 * @param {string} command
 * @param {string[]} args
 * @param {{ name: string, logFile: string, env?: NodeJS.ProcessEnv, cwd?: string, graceMs?: number, uid?: number, gid?: number }} options
 * @returns {Supervised}
 */
export function spawnSupervised(command, args, options) {
  const log = openSync(options.logFile, 'a');
  const child = spawn(process.execPath, [SUPERVISOR, String(options.graceMs ?? 5_000), command, ...args], {
    // a group of its own: Ctrl-C in the terminal reaches us alone, and we stop the servers in order
    detached: true,
    stdio: ['pipe', log, log],
    env: options.env ?? process.env,
    cwd: options.cwd,
    uid: options.uid,
    gid: options.gid,
  });
  closeSync(log);
  child.stdin.on('error', () => undefined);
  const exited = new Promise((resolve) => child.once('exit', (code) => resolve(code ?? 1)));
  child.once('error', () => undefined);
  return {
    name: options.name,
    pid: child.pid,
    exited,
    stop: async () => {
      child.stdin.end();
      await exited;
    },
    lastLines: (count = 20) => {
      try {
        return readFileSync(options.logFile, 'utf8').trimEnd().split('\n').slice(-count).join('\n');
      } catch {
        return '';
      }
    },
  };
}

/**
 * Waits for `ready`, but gives up when the process ends or the time is over, telling the last lines of its log.
 * @param {Supervised} process_ @param {(signal: AbortSignal) => Promise<void>} ready @param {number} timeoutMs
 */
export async function untilReady(process_, ready, timeoutMs) {
  const gaveUp = new AbortController();
  const timer = setTimeout(() => gaveUp.abort(new Error(`not ready after ${timeoutMs / 1000} s`)), timeoutMs);
  try {
    await Promise.race([
      ready(gaveUp.signal),
      process_.exited.then((code) => {
        throw new Error(`ended with exit code ${code}`);
      }),
    ]);
  } catch (error) {
    gaveUp.abort(error);
    await process_.stop();
    throw new Error(`${process_.name} ${error.message}. Its last lines:\n${process_.lastLines()}`, { cause: error });
  } finally {
    clearTimeout(timer);
  }
}
