import type { ServiceProcess } from '@postgang/launch';
import type { PlannedFault } from '@postgang/testing/faults';
import type { FaultName } from './fault-kinds.js';
import type { World } from './world.js';

export interface StruckFault extends PlannedFault {
  /** Milliseconds since the first letter. */
  readonly fromMs: number;
  readonly toMs: number;
}

const STEP_MS = 100;
/** An orchestrator starts again what ended by itself, and what says that it is not alive three times in a row. */
const REVIVE_MS = 1_000;
const PROBE_MS = 5_000;
const DEAD_AFTER = 3;
const PERCENT = 25;
const LATE_MS = 2_000;

/** Makes the planned faults happen. Those of one target wait for each other; those of several strike at the same time. */
export class Executor {
  readonly struck: StruckFault[] = [];
  /** Processes that ended, or stopped being alive, though nobody told them to; each was started again. */
  readonly revived: { readonly process: string; readonly why: string }[] = [];
  private readonly chains = new Map<string, Promise<void>>();
  private readonly ours = new Set<ServiceProcess>();
  private readonly processes: ReadonlyMap<string, ServiceProcess>;
  private began = performance.now();
  private closing = false;
  private readonly prober: NodeJS.Timeout;
  private readonly deaf = new Map<string, number>();

  constructor(
    private readonly world: World,
    private readonly say: (line: string) => void,
  ) {
    this.processes = new Map(world.launched.processes.map((each) => [each.name, each]));
    for (const each of world.launched.processes) this.watch(each);
    this.prober = setInterval(() => void this.probe(), PROBE_MS);
  }

  begin(): void {
    this.began = performance.now();
  }

  /** Returns at once. */
  strike(planned: PlannedFault): void {
    const target = planned.fault.startsWith('receipts-') ? `${planned.target} ${planned.fault}` : planned.target;
    void this.inTurn(target, async () => {
      const fromMs = Math.round(performance.now() - this.began);
      this.say(`${seconds(fromMs)} s, letter ${planned.atLetter}: ${planned.fault} ${planned.target} ${planned.ms} ms`);
      await this.happen(planned);
      this.struck.push({ ...planned, fromMs, toMs: Math.round(performance.now() - this.began) });
    });
  }

  /** Resolves when every fault is over and everything runs. Rejects with the first that could not be made or undone. */
  async settled(): Promise<void> {
    for (let size = -1; size !== this.chains.size;) {
      size = this.chains.size;
      await Promise.all(this.chains.values());
    }
  }

  /** From here on processes may end. */
  close(): void {
    this.closing = true;
    clearInterval(this.prober);
  }

  private inTurn(target: string, work: () => Promise<void>): Promise<void> {
    const next = (this.chains.get(target) ?? Promise.resolve()).then(work);
    this.chains.set(target, next);
    // told of by `settled`
    next.catch(() => undefined);
    return next;
  }

  private async happen({ fault, target, ms }: PlannedFault): Promise<void> {
    switch (fault as FaultName) {
      case 'kill':
        return this.restart(this.process(target), (each) => each.kill(), ms);
      case 'pause':
      case 'zombie':
        return during(ms, this.process(target));
      case 'rolling-restart':
        for (const each of this.processes.values())
          await this.inTurn(each.name, () => this.restart(each, (one) => one.stop(), 0));
        return;
      case 'server-kill':
        return this.serverDown(target, 'kill', ms);
      case 'server-restart':
        return this.serverDown(target, 'stop', ms);
      case 'server-pause':
        return during(ms, this.server(target));
      case 'link-cut':
        return this.onLink(target, ms, (proxy) => proxy.cut());
      case 'link-half-open':
        return this.onLink(target, ms, (proxy) => proxy.halfOpen());
      case 'link-slow':
        return this.onLink(target, ms, (proxy) => proxy.slow(20 + (ms % 300)));
      case 'disk-full':
        return this.diskFull(ms);
      case 'answer-dropped':
        return this.outside({ system: target, mode: 'drop-answer-after-effect', percent: PERCENT }, ms);
      case 'provider-off':
        return this.outside({ system: target, mode: 'off' }, ms);
      case 'provider-error':
        return this.outside({ system: target, mode: 'status', status: 503, retryAfterSeconds: 1 }, ms);
      case 'provider-slow':
        return this.outside({ system: target, mode: 'latency', ms: LATE_MS }, ms);
      case 'receipts-doubled':
        return this.outside({ system: target, mode: 'duplicate', percent: PERCENT }, ms);
      case 'receipts-delayed':
        return this.outside({ system: target, mode: 'delay', percent: PERCENT, ms: LATE_MS }, ms);
      case 'receipts-reordered':
        return this.outside({ system: target, mode: 'reorder', percent: 2 * PERCENT }, ms);
      case 'receipts-lost':
        return this.outside({ system: target, mode: 'silent', percent: PERCENT }, ms);
    }
  }

  private async restart(
    each: ServiceProcess,
    end: (each: ServiceProcess) => Promise<void>,
    downMs: number,
  ): Promise<void> {
    this.ours.add(each);
    await end(each);
    await sleep(downMs);
    await this.startUntilReady(each);
  }

  /** What cannot start (its broker is away, say) ends, or is not ready after a minute, and is started again, as an orchestrator does. */
  private async startUntilReady(each: ServiceProcess): Promise<void> {
    for (;;) {
      each.start();
      const ended = each.exited.then(() => 'ended' as const);
      const ready = each.ready().then(
        () => 'ready' as const,
        () => 'late' as const,
      );
      const first = await Promise.race([ended, ready]);
      if (first === 'ready' || this.closing) {
        this.ours.delete(each);
        this.watch(each);
        return;
      }
      await each.kill();
      await sleep(REVIVE_MS);
    }
  }

  private watch(each: ServiceProcess): void {
    void each.exited.then(async (code) => {
      if (this.closing || this.ours.has(each)) return;
      const reason = each.diedOf === undefined ? '' : ` (${each.diedOf})`;
      this.revive(each, `ended by itself with code ${code}${reason}`, async () => undefined);
    });
  }

  private revive(each: ServiceProcess, why: string, end: (each: ServiceProcess) => Promise<void>): void {
    this.ours.add(each);
    this.revived.push({ process: each.name, why });
    this.say(`${each.name} ${why}: started again`);
    void this.inTurn(each.name, () => this.restart(each, end, REVIVE_MS));
  }

  /** Only a clear no counts: who is held still or swamped answers late, and that is no reason to kill it. */
  private async probe(): Promise<void> {
    for (const each of this.processes.values()) {
      if (this.ours.has(each)) continue;
      const dead = await Promise.all(each.managementUrls.map(saysItIsDead));
      const times = dead.some(Boolean) ? (this.deaf.get(each.name) ?? 0) + 1 : 0;
      this.deaf.set(each.name, times);
      if (times < DEAD_AFTER || this.closing || this.ours.has(each)) continue;
      this.deaf.set(each.name, 0);
      this.revive(each, 'says it is not alive', (one) => one.kill());
    }
  }

  private async serverDown(target: string, how: 'kill' | 'stop', ms: number): Promise<void> {
    const server = this.server(target);
    await server[how]();
    await sleep(ms);
    await server.startAgain();
  }

  private async onLink(target: string, ms: number, strike: (proxy: Link) => void): Promise<void> {
    const proxy = this.world.links.get(target);
    if (proxy === undefined) throw new Error(`there is no link ${target}`);
    strike(proxy);
    await sleep(ms);
    proxy.heal();
  }

  private async diskFull(ms: number): Promise<void> {
    const { disk } = this.world;
    const until = performance.now() + ms;
    // who deletes something finds room again
    for (; performance.now() < until; await sleep(STEP_MS)) disk?.fill();
    disk?.free();
  }

  private async outside(fault: Record<string, unknown>, ms: number): Promise<void> {
    const answer = await fetch(`${this.world.sandboxUrl}/admin/faults`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...fault, seconds: ms / 1_000 }),
    });
    if (!answer.ok) throw new Error(`the sandbox did not take the fault: ${answer.status} ${await answer.text()}`);
    await sleep(ms);
  }

  private process(name: string): ServiceProcess {
    const found = this.processes.get(name);
    if (found === undefined) throw new Error(`there is no process ${name}`);
    return found;
  }

  private server(name: string): Server {
    const found = this.world.servers.get(name);
    if (found === undefined) throw new Error(`there is no server ${name}`);
    return found;
  }
}

type Link = NonNullable<ReturnType<World['links']['get']>>;
type Server = NonNullable<ReturnType<World['servers']['get']>>;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const seconds = (ms: number): string => (ms / 1_000).toFixed(1);

async function during(ms: number, each: { pause(): void; resume(): void }): Promise<void> {
  each.pause();
  await sleep(ms);
  each.resume();
}

const saysItIsDead = (url: string): Promise<boolean> =>
  fetch(`${url}/livez`, { signal: AbortSignal.timeout(2_000) }).then(
    ({ status }) => status === 503,
    () => false,
  );
