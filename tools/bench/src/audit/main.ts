import { startServers } from '@postgang/deploy-local';
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { UsageError } from '../options.js';
import { fill, makeTables, writeReport } from './fill.js';

const FROM = new Date('2026-11-02T00:00:00Z');
const TO = '2026-11-20';
const MEMORY_EVERY_MS = 100;

export const AUDIT_USAGE = `npm run bench -- audit [options]
  --letters N           letters whose books are closed (1000000)
  --runs N              runs; the report gives their median (3)
`;

interface Place {
  readonly dir: string;
  /** What must be undone in the end, last first. */
  readonly closing: (() => Promise<unknown>)[];
  readonly say: (line: string) => void;
}

interface Run {
  readonly seconds: number;
  readonly peakMegabytes: number | undefined;
}

/** How long it takes to close the books of N letters: real chains, the provider's report of all, on a PostgreSQL of its own. */
export async function benchAudit(args: readonly string[], { dir, closing, say }: Place): Promise<number> {
  const { letters, runs } = optionsOf(args);
  mkdirSync(dir, { recursive: true });
  closing.push(() => Promise.resolve(rmSync(dir, { recursive: true, force: true })));
  say('Starting the servers …');
  const servers = await startServers({ dir, log: say });
  closing.push(() => servers.stop());
  const { url } = servers.postgres;
  await makeTables(url);
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  say(`Writing the books of ${letters} letters …`);
  await fill(client, letters, FROM, say);
  const report = join(dir, 'provider-report.csv');
  await writeReport(client, report);
  await client.end();
  const measured: Run[] = [];
  for (let number = 1; number <= runs; number++) {
    const run = await closeOnce(url, report, letters);
    measured.push(run);
    say(
      `Run ${number} of ${runs}: ${run.seconds.toFixed(1)} s${run.peakMegabytes === undefined ? '' : `, at most ${run.peakMegabytes} MB`}`,
    );
  }
  const seconds = measured.map((run) => run.seconds).sort((a, b) => a - b)[Math.floor(runs / 2)] as number;
  process.stdout.write(
    `${JSON.stringify({ letters, medianSeconds: Number(seconds.toFixed(1)), lettersPerSecond: Math.round(letters / seconds), runs: measured }, undefined, 2)}\n`,
  );
  return 0;
}

function optionsOf(args: readonly string[]): { letters: number; runs: number } {
  let values: { letters?: string; runs?: string };
  try {
    values = parseArgs({ args: [...args], options: { letters: { type: 'string' }, runs: { type: 'string' } } }).values;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  const whole = (name: 'letters' | 'runs', fallback: number, most: number): number => {
    const value = values[name] === undefined ? fallback : Number(values[name]);
    if (!Number.isInteger(value) || value < 1 || value > most)
      throw new UsageError(`--${name} takes a whole number from 1 to ${most}`);
    return value;
  };
  return { letters: whole('letters', 1_000_000, 10_000_000), runs: whole('runs', 3, 20) };
}

/** The command as an operator runs it; throws when the books do not close. */
async function closeOnce(url: string, report: string, letters: number): Promise<Run> {
  const began = performance.now();
  const child = spawn(
    process.execPath,
    [
      'tools/cli/bin/postgang.mjs',
      'audit',
      '--from',
      FROM.toISOString(),
      '--to',
      TO,
      '--provider-report',
      report,
      '--json',
    ],
    { stdio: ['ignore', 'pipe', 'inherit'], env: { PATH: process.env['PATH'], POSTGRES_URL: url } },
  );
  let peakMegabytes: number | undefined;
  const watch = setInterval(() => (peakMegabytes = peakOf(child.pid) ?? peakMegabytes), MEMORY_EVERY_MS);
  let out = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  const code = await new Promise<number | null>((resolve, reject) =>
    child.once('close', resolve).once('error', reject),
  );
  clearInterval(watch);
  const { accepted } = (code === 0 ? JSON.parse(out) : {}) as { accepted?: number };
  if (accepted !== letters)
    throw new Error(`the books of ${letters} letters did not close: exit code ${code}\n${out.slice(0, 2_000)}`);
  return { seconds: (performance.now() - began) / 1_000, peakMegabytes };
}

/** The most that the process has had in memory so far; Linux only. */
function peakOf(pid: number | undefined): number | undefined {
  try {
    const match = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    return match === null ? undefined : Math.round(Number(match[1]) / 1024);
  } catch {
    return undefined;
  }
}
