import type { Logger } from 'pino';
import { startWorker, type Worker } from '../worker.js';

const EVERY_MS = 5_000;
const PATIENCE_MS = 3_000;

/**
 * Asks what a service cannot do without, every five seconds, whether it is there: a service that has nothing to do finds out of itself that its
 * database is away, and one that waits for Kafka does not wait for its client to give up. Only changes are told, beginning with the first answer;
 * what the work itself finds away stays so until the work says otherwise.
 */
export function watchDependencies(
  probes: Readonly<Record<string, () => Promise<unknown>>>,
  tell: (dependency: string, up: boolean) => void,
  log: Logger,
  { everyMs = EVERY_MS, patienceMs = PATIENCE_MS }: { readonly everyMs?: number; readonly patienceMs?: number } = {},
): Worker {
  const told = new Map<string, boolean>();
  /** Nobody is asked again before the last question has come back. */
  const asked = new Map<string, Promise<boolean>>();
  const look = async ([name, probe]: readonly [string, () => Promise<unknown>]): Promise<void> => {
    let answer = asked.get(name);
    if (answer === undefined) {
      const failed = (error: unknown): boolean => {
        log.debug({ err: error, dependency: name }, 'dependency does not answer');
        return false;
      };
      answer = probe().then(() => true, failed);
      asked.set(name, answer);
      void answer.then(() => asked.delete(name));
    }
    const up = await within(answer, patienceMs);
    if (up === told.get(name)) return;
    if (!up) log.warn({ dependency: name }, 'dependency does not answer');
    else if (told.has(name)) log.info({ dependency: name }, 'dependency is back');
    told.set(name, up);
    tell(name, up);
  };
  const turn = async (): Promise<boolean> => {
    await Promise.all(Object.entries(probes).map(look));
    return false;
  };
  return startWorker('dependencies', everyMs, turn, log);
}

async function within(answer: Promise<boolean>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  return Promise.race([answer, late]).finally(() => clearTimeout(timer));
}
