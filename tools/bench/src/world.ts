import { startServers } from '@postgang/deploy-local';
import { AgencyRegister } from '@postgang/integration-point';
import { launch, settingsFor, startSandboxProcess, type Launched, type Settings } from '@postgang/launch';
import { KeyRing } from '@postgang/outside';
import { readFileSync } from 'node:fs';
import { request } from 'undici';

/** Everything the benchmark needs running, each in a process of its own so that CPU and memory can be told apart. */
export interface World {
  readonly launched: Launched;
  readonly settings: Settings;
  readonly brokers: readonly string[];
  readonly sandboxUrl: string;
  readonly sandboxDir: string;
}

/** Few processes: on two cores each more costs CPU (the services start and scale by themselves all the same). */
const GROUPS = [
  ['integration-point', 'register-lookup'],
  ['encryption'],
  ['provider-dispatch', 'receipts', 'notification'],
] as const;

export async function startWorld(
  dir: string,
  options: { readonly verify: string; readonly senders: readonly string[]; readonly partitions: number },
  closing: (() => Promise<unknown>)[],
  say: (line: string) => void,
): Promise<World> {
  say('Starting Kafka, PostgreSQL and Redis …');
  const servers = await startServers({ dir, log: say });
  closing.push(() => servers.stop());
  const sandbox = await startSandboxProcess(dir, { verify: options.verify });
  closing.push(() => sandbox.stop());
  say('Starting the six services …');
  const settings = settingsFor(dir, servers, sandbox);
  const launched = await launch(dir, settings, GROUPS, { partitions: options.partitions });
  closing.push(() => launched.stop());
  await addAgencies(settings, sandbox.url, options.senders);
  return { launched, settings, brokers: servers.kafka.brokers, sandboxUrl: sandbox.url, sandboxDir: sandbox.dir };
}

async function addAgencies(settings: Settings, sandboxUrl: string, senders: readonly string[]): Promise<void> {
  const keys = KeyRing.parse(readFileSync(settings['KEY_RING_FILE'] as string, 'utf8'));
  const register = await AgencyRegister.open(settings['POSTGRES_URL'] as string, keys);
  try {
    for (const orgnr of senders) await register.add({ orgnr, name: `Etat ${orgnr}`, kafka: false });
  } finally {
    await register.close();
  }
  const answer = await request(`${sandboxUrl}/admin/agencies`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ agencies: senders }),
  });
  await answer.body.dump();
  if (answer.statusCode !== 204) throw new Error(`the sandbox did not take the agencies: ${answer.statusCode}`);
}
