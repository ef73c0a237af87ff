import { connect, createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** Below the range from which systems take ports for outgoing connections, so that none is snatched between our look and the server's start. */
const FIRST = 20_000;
const LAST = 32_000;
const TRIES = 200;

/** Ports of the loopback address that are free now, all different. @param {number} count @returns {Promise<number[]>} */
export async function freePorts(count) {
  /** @type {Set<number>} */
  const found = new Set();
  for (let tries = 0; found.size < count; tries++) {
    if (tries === TRIES) throw new Error(`no free port found between ${FIRST} and ${LAST}`);
    const port = FIRST + Math.floor(Math.random() * (LAST - FIRST));
    if (await isFree(port)) found.add(port);
  }
  return [...found];
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
