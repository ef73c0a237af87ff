import { afterAll, describe, expect, it } from '@jest/globals';
import { eventually } from '@postgang/testing';
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { connect } from 'node:net';

const GONE_MS = 10_000;
const started: ChildProcess[] = [];
afterAll(() => started.forEach(({ pid }) => pid !== undefined && quietly(() => process.kill(-pid, 'SIGKILL'))));

/** `npm run demo` as a person types it, in a group of its own as a terminal makes it. */
function demo(...args: string[]): { npm: ChildProcess; ended: Promise<number | null>; says: () => string } {
  const npm = spawn('npm', ['run', '--silent', 'demo', '--', ...args], {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  started.push(npm);
  let text = '';
  for (const stream of [npm.stdout, npm.stderr]) stream?.on('data', (chunk: Buffer) => (text += chunk.toString()));
  return { npm, ended: new Promise((done) => npm.once('exit', done)), says: () => text };
}

interface Running {
  readonly pid: number;
  /** When it was started, for process ids are used again. */
  readonly since: string;
}

/** All processes below `root`, which the servers' supervisors and their groups are as long as nobody in between has died. */
function descendants(root: number): Running[] {
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => statOf(Number(name)));
  const below = new Set([root]);
  for (let size = 0; size !== below.size;) {
    size = below.size;
    for (const { pid, parent } of all) if (below.has(parent)) below.add(pid);
  }
  return all.filter(({ pid }) => below.has(pid));
}

function statOf(pid: number): (Running & { parent: number })[] {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    return fields[0] === 'Z' ? [] : [{ pid, parent: Number(fields[1]), since: fields[19] ?? '' }];
  } catch {
    return [];
  }
}

const commandOf = (pid: number): string =>
  quietly(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')) ?? '';

const alive = ({ pid, since }: Running): boolean => statOf(pid).some((now) => now.since === since);

/** Local ports that one of the processes listens on. */
function portsOf(processes: readonly Running[]): number[] {
  const sockets = new Set(
    processes.flatMap(({ pid }) => quietly(() => readdirSync(`/proc/${pid}/fd`).map((fd) => linkOf(pid, fd))) ?? []),
  );
  // Java listens on the IPv4 address as IPv6
  return ['/proc/net/tcp', '/proc/net/tcp6']
    .flatMap((table) => quietly(() => readFileSync(table, 'utf8').split('\n')) ?? [])
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[3] === '0A' && sockets.has(`socket:[${fields[9]}]`))
    .map((fields) => Number.parseInt(fields[1]?.split(':')[1] ?? '', 16));
}

const linkOf = (pid: number, fd: string): string => quietly(() => readlinkSync(`/proc/${pid}/fd/${fd}`)) ?? '';

function quietly<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined; // gone meanwhile
  }
}

const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => (socket.destroy(), resolve(true)));
    socket.once('error', () => resolve(false));
  });

/** Processes are found in /proc. */
const onLinux = existsSync('/proc/net/tcp') ? describe : describe.skip;

onLinux('npm run demo', () => {
  it('killed in mid-run leaves no process and no port behind', async () => {
    const { npm, says } = demo('--letters', '5000');
    await eventually('letters in flow', () => (says().includes('Handing in') ? true : undefined), 90_000);
    const processes = descendants(npm.pid ?? 0);
    const ports = portsOf(processes);
    // broker, controller, database, cache, sandbox with mail, API, six management ports
    expect(ports.length).toBeGreaterThanOrEqual(13);
    npm.kill('SIGKILL');
    await eventually('the end of all processes', () => (processes.some(alive) ? undefined : true), GONE_MS);
    expect(await Promise.all(ports.map(answers))).not.toContain(true);
  }, 120_000);

  it('started again brings every letter of its cast to the end it must have', async () => {
    const { ended, says } = demo('--json');
    expect(await ended).toBe(0);
    expect(JSON.parse(says().slice(says().indexOf('{')))).toMatchObject({ ok: true });
    expect(foldersLeft()).toEqual([]);
  }, 120_000);

  it('asked to stay says where it is, answers whoever reads that, and ends with Ctrl-C leaving nothing', async () => {
    const { npm, ended, says } = demo('--letters', '1', '--stay');
    const [, file = ''] = await eventually(
      'it says where it is',
      () => /In another shell: \. (\S+)/.exec(says()) ?? undefined,
      90_000,
    );
    await eventually('it stays', () => says().includes('goes on running') || undefined, 60_000);
    const { API, SANDBOX } = inShell(file, ['API', 'SANDBOX']);
    const { access_token: token } = (await answerOf(`${SANDBOX}/admin/tokens`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ organisation: '310000027', audience: 'https://postgang.example/v1' }),
    })) as { access_token: string };
    const headers = { authorization: `Bearer ${token}` };
    expect(await answerOf(`${API}/v1/letters?reference=demo-1`, { headers })).toMatchObject({
      letters: [{ reference: 'demo-1', status: 'DELIVERED' }],
    });
    // whoever kills a service sees it, and letters wait for it; with a supervisor its service ends as well
    const hosts = descendants(npm.pid ?? 0).filter(({ pid }) => commandOf(pid).includes('host.js'));
    const isSupervisor = ({ pid }: Running): boolean => commandOf(pid).includes('supervisor.mjs');
    const [encryption, dispatch] = ['encryption:', 'provider-dispatch:'].map((name) =>
      hosts.filter(({ pid }) => commandOf(pid).includes(`host.js ${name}`)),
    );
    const killed = [encryption?.find((one) => !isSupervisor(one)), dispatch?.find(isSupervisor)];
    for (const one of killed) process.kill(one?.pid ?? 0, 'SIGKILL');
    for (const name of ['encryption', 'provider-dispatch'])
      await eventually(`${name} again`, () => says().includes(`${name} is back.`) || undefined, 60_000);
    expect(says()).toContain('encryption has ended and is started again in 5 s.');
    expect([...(encryption ?? []), ...(dispatch ?? [])].filter(alive)).toEqual([]);
    // it names the keys
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const processes = descendants(npm.pid ?? 0);
    const ports = portsOf(processes);
    expect(ports.length).toBeGreaterThanOrEqual(13);
    // a terminal sends it to everybody of the group
    process.kill(-(npm.pid ?? 0), 'SIGINT');
    await ended;
    await eventually('the end of all processes', () => (processes.some(alive) ? undefined : true), GONE_MS);
    expect(await Promise.all(ports.map(answers))).not.toContain(true);
    expect({ file: existsSync(file), folders: foldersLeft() }).toEqual({ file: false, folders: [] });
    expect(says()).toContain('Every letter ended as it must.');
  }, 120_000);
});

const foldersLeft = (): string[] => readdirSync('.postgang').filter((name) => name.startsWith('demo-'));

/** Variables as a shell has them that has read the file. */
function inShell(file: string, names: readonly string[]): Record<string, string> {
  const script = [`. ${file}`, ...names.map((name) => `printf '%s\\n' "$${name}"`)].join('\n');
  const values = execFileSync('sh', ['-c', script], { encoding: 'utf8' }).split('\n');
  return Object.fromEntries(names.map((name, index) => [name, values[index] ?? '']));
}

async function answerOf(url: string, init: RequestInit): Promise<unknown> {
  const answer = await fetch(url, { ...init, signal: AbortSignal.timeout(10_000) });
  expect(answer.ok).toBe(true);
  return answer.json();
}
