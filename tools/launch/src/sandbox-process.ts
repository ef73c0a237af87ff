import { freePorts, spawnSupervised } from '@postgang/deploy-local';
import { DEFAULT_CLIENT_ID, DEFAULT_OPERATOR, type Sandbox } from '@postgang/sandbox';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

export interface SandboxProcess extends Pick<Sandbox, 'url' | 'issuer' | 'smtp' | 'dir' | 'operator'> {
  /** Where the sandbox itself listens; `url` is what everybody is told, which may be somebody in between. */
  readonly direct: string;
  stop(): Promise<void>;
}

export interface SandboxProcessOptions {
  /** How many packages its providers open: full, sample:N or cms-digest-only. */
  readonly verify?: string;
  readonly receiptDelayMs?: number;
  readonly rememberedDeliveries?: number;
  /** Else a free one. */
  readonly port?: number;
  /** Address that others use, where it is not its own. */
  readonly url?: string;
}

const READY_MS = 30_000;

/** All outer systems in a process of their own, with data and log in `dir`. Rejects with its last lines when it does not start. */
export async function startSandboxProcess(dir: string, options: SandboxProcessOptions = {}): Promise<SandboxProcess> {
  const { verify = 'full', receiptDelayMs = 0, rememberedDeliveries = 0 } = options;
  const [free = 0, smtpPort = 0] = await freePorts(2);
  const port = options.port ?? free;
  const folder = join(dir, 'sandbox');
  const main = join(dirname(createRequire(import.meta.url).resolve('@postgang/sandbox')), 'main.js');
  const child = spawnSupervised(
    process.execPath,
    [
      main.replace(/sandbox\/src\/main\.js$/, 'sandbox/dist/main.js'),
      ...['--port', String(port), '--smtp-port', String(smtpPort), '--dir', folder, '--verify', verify],
      ...['--receipt-delay-ms', String(receiptDelayMs), '--remembered-deliveries', String(rememberedDeliveries)],
      ...(options.url === undefined ? [] : ['--url', options.url]),
    ],
    { name: 'sandbox', logFile: join(dir, 'sandbox.log') },
  );
  const direct = `http://127.0.0.1:${port}`;
  const deadline = performance.now() + READY_MS;
  while (!(await answers(direct))) {
    if (performance.now() > deadline) {
      await child.stop();
      throw new Error(`the sandbox did not start:\n${child.lastLines()}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const url = options.url ?? direct;
  return {
    url,
    direct,
    issuer: `${url}/`,
    smtp: { host: '127.0.0.1', port: smtpPort },
    dir: folder,
    operator: { organisation: DEFAULT_OPERATOR, clientId: DEFAULT_CLIENT_ID },
    stop: () => child.stop(),
  };
}

const answers = (url: string): Promise<boolean> =>
  fetch(`${url}/admin/faults`, { signal: AbortSignal.timeout(2_000) }).then(
    ({ ok }) => ok,
    () => false,
  );
