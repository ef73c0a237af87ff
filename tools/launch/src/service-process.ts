import { spawnSupervised } from '@postgang/deploy-local';
import type { ServiceName } from '@postgang/pipeline';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Settings } from './settings.js';

/** Built, also when this module runs from its source: Node itself cannot run decorated classes. */
const HOST = fileURLToPath(new URL('../dist/host.js', import.meta.url));
/** It ends also when its supervisor was killed. */
const WITH_PARENT = new URL('../../start/end-with-parent.mjs', import.meta.url).href;
/** Of the heap's young space (`--max-semi-space-size`), for each service in the process: more costs memory, less makes the collector come more often. */
const YOUNG_MB = 8;
/**
 * Of the heap's old space (`--max-old-space-size`). Below a limit of 2048 MB V8 13 lets a heap, and the buffers that hang on it, grow to twice what was
 * alive at most, else to four times: a fifth less memory, at no cost that could be told from noise. In a container V8 knows how much there is.
 */
const OLD_MB = 2_000;
/** glibc keeps what each thread of the crypto pool once needed; two arenas make that a fifth of the process less, at no cost seen. */
const MEMORY = { MALLOC_ARENA_MAX: '2' };
const READY_MS = 60_000;
/** Everything is to be gone ten seconds after Ctrl-C; whatever a service is cut off from, it takes up again at its next start. */
const GRACE_MS = 4_000;
/** Lines of a log among which its last fatal one is looked for. */
const FATAL_WITHIN = 50;

/** The first of several has the plain name. */
export const processName = (services: readonly ServiceName[], number: number): string =>
  services.join('+') + (number === 1 ? '' : `-${number}`);

/** One or several services in a process of their own, under a supervisor, always on the same ports. `number` tells several of the same apart. */
export class ServiceProcess {
  readonly managementUrls: readonly string[];
  readonly logFile: string;
  readonly name: string;
  private child: ReturnType<typeof spawnSupervised> | undefined;

  constructor(
    readonly services: readonly ServiceName[],
    private readonly ports: readonly number[],
    private readonly settings: Settings,
    logs: string,
    readonly number = 1,
  ) {
    this.managementUrls = ports.map((port) => `http://127.0.0.1:${port}`);
    this.name = processName(services, number);
    this.logFile = join(logs, `${this.name}.log`);
  }

  /** Of the supervisor. */
  get pid(): number {
    return this.child?.pid ?? 0;
  }

  /** Resolves to its exit code, however it ends; at once when it was never started. */
  get exited(): Promise<number> {
    return this.child?.exited ?? Promise.resolve(0);
  }

  /** Does not wait until it is ready. */
  start(): void {
    const wanted = this.services.map((name, index) => `${name}:${this.ports[index]}`).join(',');
    const heap = [`--max-semi-space-size=${YOUNG_MB * this.services.length}`, `--max-old-space-size=${OLD_MB}`];
    this.child = spawnSupervised(process.execPath, [...heap, `--import=${WITH_PARENT}`, HOST, wanted], {
      name: this.name,
      logFile: this.logFile,
      env: { ...MEMORY, ...process.env, ...this.settings },
      graceMs: GRACE_MS,
    });
  }

  /** SIGKILL: no drain, no commit, no goodbye to the broker. */
  async kill(): Promise<void> {
    await this.child?.kill();
  }

  /** SIGSTOP to the services themselves, not to their supervisor: they hold still with every connection open. */
  pause(): void {
    this.child?.pause();
  }

  /** SIGCONT. */
  resume(): void {
    this.child?.resume();
  }

  async stop(): Promise<void> {
    await this.child?.stop();
  }

  /** Why it ended by itself, as far as its log says; undefined when it says nothing. */
  get diedOf(): string | undefined {
    const fatal = this.child?.lastLines(FATAL_WITHIN).split('\n').findLast(isFatal);
    if (fatal === undefined) return undefined;
    const { msg, err } = JSON.parse(fatal) as { msg: string; err?: { type?: string; message?: string } };
    return [msg, err?.type, err?.message].filter((part) => part !== undefined).join(': ');
  }

  /** Rejects with the last lines of the log when the process ends first, or takes longer than a minute. */
  async ready(): Promise<void> {
    const { child } = this;
    if (child === undefined) throw new Error(`${this.name} was not started`);
    const deadline = performance.now() + READY_MS;
    let ended = false;
    void child.exited.then(() => (ended = true));
    for (const url of this.managementUrls) {
      while (!(await isReady(url))) {
        if (ended || performance.now() > deadline)
          throw new Error(`${child.name} did not become ready. Its last lines:\n${child.lastLines()}`);
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  }
}

const isFatal = (line: string): boolean => line.startsWith('{"level":"fatal"') && line.endsWith('}');

const isReady = (url: string): Promise<boolean> =>
  fetch(`${url}/readyz`, { signal: AbortSignal.timeout(2_000) }).then(
    (answer) => answer.ok,
    () => false,
  );
