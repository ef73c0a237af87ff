import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';

/**
 * W3C Trace Context: which letter (or batch) the work at hand belongs to, so that a call to the outside can be found again in both logs. Carried
 * beside the call stack: code in between need not know of it.
 */
const current = new AsyncLocalStorage<string | undefined>();

/** Runs `work` as a part of that trace; undefined: of none. */
export const withTrace = <T>(traceparent: string | undefined, work: () => T): T => current.run(traceparent, work);

export const currentTrace = (): string | undefined => current.getStore();

const TRACEPARENT = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

export const isTraceparent = (text: string): boolean => TRACEPARENT.test(text);

/** The beginning of a trace, not sampled. Node keeps random UUIDs in store; fetching random bytes each time costs ten times as much. */
export function newTrace(): string {
  const trace = randomUUID().replaceAll('-', '');
  // the half without the version digit
  const span = randomUUID().replaceAll('-', '').slice(16);
  return `00-${trace}-${span}-00`;
}
