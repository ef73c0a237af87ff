import { connect, createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** Below the range from which systems take ports for outgoing connections, so that none is snatched between our look and the server's start. */
const FIRST = 20_000;
const LAST = 32_000;
/** Processes that start side by side have neighbouring ids: each takes its ports from a place of its own. */
const EACH = 97;

let next = (process.pid * EACH) % (LAST - FIRST);

/**
 * Ports of the loopback address that are free now. A port is given once: whoever got it may not listen on it yet.
 * @param {number} count @returns {Promise<number[]>}
 */
export async function freePorts(count) {
  /** @type {number[]} */
  const found = [];
  for (let tries = 0; found.length < count; tries++) {
    if (tries === LAST - FIRST) throw new Error(`no ${count} free ports between ${FIRST} and ${LAST}`);
    const port = FIRST + next;
    next = (next + 1) % (LAST - FIRST);
    if (await isFree(port)) found.push(port);
  }
  return found;
}

/** @param {number} port @returns {Promise<boolean>} */
export function isFree(port) {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** Resolves when something answers on the port; rejects when `signal` aborts. @param {number} port @param {AbortSignal} signal */
export async function portAnswers(port, signal) {
  for (;;) {
    signal.throwIfAborted();
    const answered = await new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1');
      socket.once('connect', () => (socket.destroy(), resolve(true)));
      socket.once('error', () => resolve(false));
    });
    if (answered) return;
    await delay(50);
  }
}
