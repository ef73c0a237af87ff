import 'reflect-metadata';
import { MissingTool } from '@postgang/deploy-local';
import { signingIdentityFromPem, type SigningIdentity } from '@postgang/document-package';
import { X509Certificate } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname, join } from 'node:path';
import { request } from 'undici';
import { AUDIT_USAGE, benchAudit } from './audit/main.js';
import { readCounters } from './counters.js';
import { documentOf, senderNumbers } from './letters.js';
import { Load } from './load.js';
import { Observer } from './observer.js';
import { parseOptions, USAGE, UsageError, type BenchOptions } from './options.js';
import { usageByProcess, type Usage } from './processes.js';
import { print, reportOf, type RunMeasure, type SteadyMeasure } from './report.js';
import { Tokens } from './tokens.js';
import { startWorld, type World } from './world.js';
import { measureSign, measureYardstick, median } from './yardstick.js';

const IDLE_MS = 5_000;
const DIR = `.postgang/bench-${process.pid}`;
const say = (line: string): void => void process.stderr.write(`${line}\n`);
const closing: (() => Promise<unknown>)[] = [];
async function close(): Promise<void> {
  for (const step of closing.splice(0).reverse()) await step().catch(() => undefined);
}
let interrupted: Promise<void> | undefined;
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => void (interrupted ??= close().then(() => process.exit(130))));

try {
  const [task, ...args] = process.argv.slice(2);
  process.exitCode =
    task === 'audit'
      ? await benchAudit(args, { dir: DIR, closing, say })
      : await bench(parseOptions(process.argv.slice(2)));
} catch (error) {
  process.exitCode = error instanceof UsageError ? 2 : 1;
  if (error instanceof UsageError) say(`${error.message}\n\n${USAGE}\n${AUDIT_USAGE}`);
  else if (error instanceof MissingTool) say(error.message);
  else say(`The benchmark failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
} finally {
  await close();
}

async function bench(options: BenchOptions): Promise<number> {
  mkdirSync(DIR, { recursive: true });
  closing.push(() => Promise.resolve(rmSync(DIR, { recursive: true, force: true })));
  const senders = senderNumbers(options.senders);
  const world = await startWorld(DIR, { ...options, senders }, closing, say);
  // while the heap is small: what the collector does for all the letters sent is no cost of a seal
  const signer = signerOf(world);
  const document = documentOf(options.documentBytes)('yardstick');
  const yardstick = await measureYardstick(signer, recipientOf(world), document);
  const observer = new Observer(world.brokers);
  await observer.start();
  closing.push(() => observer.stop());
  const load = new Load({
    api: world.launched.api,
    tokens: new Tokens(world.sandboxUrl),
    senders,
    observer,
    documentBytes: options.documentBytes,
    requestsAtOnce: options.requestsAtOnce,
  });
  closing.push(() => load.close());

  if (options.warmUp > 0) {
    say(`Warming up with ${options.warmUp} letters …`);
    observer.begin();
    await load.all(options.warmUp);
    await observer.ended(options.warmUp, giveUpMs(options.warmUp));
  }
  const idle = await idlePercent();
  const third = Math.max(1, Math.ceil(options.runs / 3));
  let atOneThird: ReadonlyMap<string, Usage> = usageByProcess();
  const runs: RunMeasure[] = [];
  for (let number = 1; number <= options.runs; number++) {
    const run = await fullSpeed(options.letters, world, load, observer, () => measureSign(signer, document));
    runs.push(run);
    say(`Run ${number} of ${options.runs}: ${Math.round(run.letters / run.seconds)} letters/s`);
    if (number === third) atOneThird = usageByProcess();
  }
  const rate = options.rate ?? Math.max(1, Math.round(median(runs.map((run) => run.letters / run.seconds)) / 2));
  const steady = options.steadySeconds > 0 ? await steadyLoad(rate, options.steadySeconds, load, observer) : undefined;
  const end = usageByProcess();

  const letters = options.warmUp + options.letters * options.runs + (steady?.letters ?? 0);
  const unhappy = runs.reduce((sum, run) => sum + run.unhappy, 0);
  const counts = await sandboxCounts(world.sandboxUrl);
  const sandboxAgrees = unhappy === 0 && counts.accepted === letters && counts.distinctMessageIds === letters;
  const report = reportOf(options, runs, steady, { third: atOneThird, end }, yardstick, {
    sandboxAgrees,
    idleCpuPercent: idle,
    machine: `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, Node ${process.version}, ${process.platform} ${process.arch}`,
  });
  mkdirSync(dirname(options.out), { recursive: true });
  writeFileSync(options.out, `${JSON.stringify(report, undefined, 2)}\n`);
  print(report);
  say(`The report is in ${options.out}`);
  return sandboxAgrees ? 0 : 1;
}

function signerOf({ sandboxDir }: World): SigningIdentity {
  return signingIdentityFromPem(
    readFileSync(join(sandboxDir, 'operator.key.pem'), 'utf8'),
    readFileSync(join(sandboxDir, 'operator.chain.pem'), 'utf8'),
  );
}

function recipientOf({ sandboxDir }: World): X509Certificate {
  return new X509Certificate(readFileSync(join(sandboxDir, 'digipost.chain.pem')));
}

function giveUpMs(letters: number): number {
  return 60_000 + letters * 20;
}

async function fullSpeed(
  letters: number,
  world: World,
  load: Load,
  observer: Observer,
  signMs: () => Promise<number>,
): Promise<RunMeasure> {
  const urls = world.launched.processes.map(({ managementUrls }) => managementUrls[0] as string);
  observer.begin();
  const signsBefore = await signMs();
  const before = { usage: usageByProcess(), counters: await readCounters(urls), disk: folderBytes(DIR) };
  const began = performance.now();
  await Promise.all([load.all(letters), observer.ended(letters, giveUpMs(letters))]);
  const seconds = (performance.now() - began) / 1_000;
  const after = { usage: usageByProcess(), counters: await readCounters(urls), disk: folderBytes(DIR) };
  return {
    letters,
    seconds,
    unhappy: observer.unhappy,
    usage: { before: before.usage, after: after.usage },
    counters: { before: before.counters, after: after.counters },
    diskBytes: { before: before.disk, after: after.disk },
    signMs: (signsBefore + (await signMs())) / 2,
  };
}

/** CPU of each process with nothing to carry, in percent of one core. */
async function idlePercent(): Promise<Record<string, number>> {
  const before = usageByProcess();
  await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
  return Object.fromEntries(
    [...usageByProcess()].map(([name, { cpuMs }]) => [
      name,
      Number((((cpuMs - (before.get(name)?.cpuMs ?? 0)) / IDLE_MS) * 100).toFixed(1)),
    ]),
  );
}

async function steadyLoad(rate: number, seconds: number, load: Load, observer: Observer): Promise<SteadyMeasure> {
  say(`${rate} letters/s for ${seconds} s …`);
  observer.begin();
  const letters = await load.steady(rate, seconds);
  await observer.ended(letters, giveUpMs(letters));
  return { rate, letters, seen: observer.seen };
}

async function sandboxCounts(url: string): Promise<{ accepted: number; distinctMessageIds: number }> {
  const { body } = await request(`${url}/admin/counts`);
  return ((await body.json()) as { messages: { accepted: number; distinctMessageIds: number } }).messages;
}

/** Blocks really used, so that preallocated files do not count. */
function folderBytes(dir: string): number {
  let sum = 0;
  for (const entry of readdirSync(dir, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    try {
      sum += statSync(join(entry.parentPath, entry.name)).blocks * 512;
    } catch {
      // deleted meanwhile
    }
  }
  return sum;
}
