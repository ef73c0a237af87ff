import { createRequire } from 'node:module';

/**
 * kafkajs 2.2.4 looks every millisecond, on every connection and for ever, whether a request waits that it could send: its timer is set anew
 * at each look, also when nothing waits, and to a moment long past, which makes a millisecond of it. A process with some ten connections wakes
 * up ten thousand times a second for nothing, and Node warns of a negative time-out. Here the timer runs only while something waits.
 */
export interface RequestQueue {
  readonly pending: readonly unknown[];
  /** Until when the broker wants nothing from us, milliseconds since the epoch; in the past when it does not mind. */
  readonly throttledUntil: number;
  throttleCheckTimeoutId: NodeJS.Timeout | null;
  checkPendingRequests(): void;
}

/** Too many are on their way: each answer sends the next, this is for those that never come. */
const LOOK_MS = 10;

/** `this`: whoever pushes a request that must wait calls it, and so does every look. */
export function scheduleCheckPendingRequests(this: RequestQueue): void {
  if (this.pending.length === 0 || this.throttleCheckTimeoutId !== null) return;
  const wait = this.throttledUntil - Date.now();
  this.throttleCheckTimeoutId = setTimeout(
    () => {
      this.throttleCheckTimeoutId = null;
      this.checkPendingRequests();
    },
    wait > 0 ? wait : LOOK_MS,
  );
}

const require = createRequire(import.meta.url);
const Kafkajs = require('kafkajs/src/network/requestQueue/index.js') as { prototype: Partial<RequestQueue> };
const { prototype } = Kafkajs;
if (!('scheduleCheckPendingRequests' in prototype)) throw new Error('kafkajs has another request queue than 2.2.4');
Object.assign(prototype, { scheduleCheckPendingRequests });
