import { spawn } from 'node:child_process';
import { delimiter, resolve } from 'node:path';

const NX = 'node_modules/nx/dist/bin/nx.js';
const ANNOUNCE_MS = 1_500;
const END_WITH_PARENT = new URL('./end-with-parent.mjs', import.meta.url).href;

/**
 * Runs a script with the project's own Node. Signals are passed on and its exit code is ours; it ends when we are killed.
 * @param {string[]} args Node's arguments @param {{ quiet?: boolean }} [options] quiet: its output is shown only when it fails
 * @returns {Promise<number>}
 */
export function run(args, { quiet = false } = {}) {
  const child = spawn(resolve('node_modules/.bin/node'), ['--import', END_WITH_PARENT, ...args], {
    stdio: quiet ? ['ignore', 'pipe', 'pipe'] : 'inherit',
    env: environment(),
  });
  /** @type {Buffer[]} */
  const output = [];
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => output.push(chunk));
  /** @param {NodeJS.Signals} signal */
  const passOn = (signal) => {
    // a terminal's Ctrl-C reaches the child without us; sent twice it would look like impatience
    if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
  };
  /** @type {NodeJS.Signals[]} */
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of signals) process.on(signal, passOn);
  return new Promise((done, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      for (const each of signals) process.off(each, passOn);
      if (quiet && code !== 0) process.stderr.write(Buffer.concat(output));
      done(code ?? (signal === 'SIGINT' ? 130 : 1));
    });
  });
}

/**
 * @param {string[]} args @param {{ announce?: string }} [options] announce: said when it takes long; nothing else is, unless it fails
 * @returns {Promise<number>}
 */
export async function nx(args, { announce } = {}) {
  if (announce === undefined) return run([NX, ...args]);
  const timer = setTimeout(() => process.stderr.write(`${announce}\n`), ANNOUNCE_MS);
  try {
    return await run([NX, ...args], { quiet: true });
  } finally {
    clearTimeout(timer);
  }
}

/** Nx and its tasks find Node 24 first, start no daemon and ask nothing of anybody outside. */
function environment() {
  return {
    ...process.env,
    PATH: `${resolve('node_modules/.bin')}${delimiter}${process.env.PATH}`,
    NX_DAEMON: 'false',
    NX_NO_CLOUD: 'true',
    NX_TUI: 'false',
    // plugins in processes of their own outlive an Nx that is killed while it reads the project graph
    NX_ISOLATE_PLUGINS: 'false',
    KAFKAJS_NO_PARTITIONER_WARNING: '1',
  };
}
