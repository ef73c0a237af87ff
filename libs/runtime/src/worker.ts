import { DependencyDown } from '@postgang/outside';
import type { Logger } from 'pino';

/**
 * A loop beside the stages: pollers, ledger workers, sweeps. `turn` returns true when there may be more to do at once. An error is logged and
 * waited out; the loop never ends by itself.
 */
export interface Worker {
  /** Look for work now instead of at the next tick. */
  wake(): void;
  stop(): Promise<void>;
}

const AFTER_ERROR_MS = 1_000;

export function startWorker(name: string, everyMs: number, turn: () => Promise<boolean>, log: Logger): Worker {
  let stopped = false;
  let woken = false;
  let wake = (): void => undefined;
  const sleep = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  const run = async (): Promise<void> => {
    while (!stopped) {
      woken = false;
      try {
        if (await turn()) continue;
        if (!stopped && !woken) await sleep(everyMs);
      } catch (error) {
        log.warn({ err: error, worker: name }, 'worker turn failed; it is tried again');
        const wait = error instanceof DependencyDown ? (error.retryAfterMs ?? AFTER_ERROR_MS) : AFTER_ERROR_MS;
        if (!stopped) await sleep(wait);
      }
    }
  };
  const running = run();
  return {
    wake: () => {
      woken = true;
      wake();
    },
    stop: async () => {
      stopped = true;
      wake();
      await running;
    },
  };
}
