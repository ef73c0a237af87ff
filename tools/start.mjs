#!/usr/bin/env node
/**
 * First step of every npm script. Needs nothing but Node ≥ 20: installs the dependencies when they are missing or stale, and goes on with the
 * project's own Node 24.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const BIN = join(ROOT, 'node_modules', '.bin');
const STAMP = join(ROOT, 'node_modules', '.postgang-installed');
const NODE = join(BIN, 'node');

const TASKS = {
  build: () => build(),
  check: async () =>
    (await run(TSC, ['-p', 'tsconfig.json'])) ||
    nx(['run-many', '-t', 'lint', '--outputStyle=static']) ||
    run(PRETTIER, ['--check', '--log-level', 'warn', '.']),
  format: () => run(PRETTIER, ['--write', '--log-level', 'warn', '.']),
  generate: () => nx(['build', 'pipeline']) || run(['libs/pipeline/dist/generate-main.js']),
  test: (args) =>
    run(
      [
        '--experimental-vm-modules',
        '--disable-warning=ExperimentalWarning',
        '--disable-warning=TimeoutNegativeWarning',
        'tools/test/run.mjs',
      ],
      args,
    ),
  demo: (args) => build() || run(['tools/demo/dist/main.js'], args),
  bench: (args) => build() || run(['tools/bench/dist/main.js'], args),
  sandbox: (args) => build() || run(['services/sandbox/dist/main.js'], args),
  cli: (args) => build() || run(['tools/cli/dist/main.js'], args),
};
const TSC = ['node_modules/typescript/bin/tsc'];
const PRETTIER = ['node_modules/prettier/bin/prettier.cjs'];

process.chdir(ROOT);
const [task, ...args] = process.argv.slice(2);
if (TASKS[task] === undefined) fail(`usage: node tools/start.mjs ${Object.keys(TASKS).join('|')}`, 2);
if (Number(process.versions.node.split('.')[0]) < 20)
  fail(
    `Postgang needs Node 20 or newer to start; this is ${process.version}. It brings its own Node 24 after that.`,
    2,
  );
install();
process.exit(await TASKS[task](args));

function install() {
  const wanted = createHash('sha256').update(readFileSync('package-lock.json')).digest('hex');
  const installed = () => existsSync(STAMP) && readFileSync(STAMP, 'utf8') === wanted && existsSync(NODE);
  if (installed()) return;
  const lock = join(ROOT, '.postgang-install-lock');
  if (!takeLock(lock, installed)) return;
  try {
    process.stderr.write('Installing dependencies (npm ci); this takes a minute or two the first time …\n');
    const npm = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
      stdio: ['ignore', 2, 2],
      shell: process.platform === 'win32',
    });
    if (npm.error !== undefined) fail('npm is not installed. It comes with Node: https://nodejs.org', 2);
    if (npm.status !== 0) fail('npm ci failed; its message is above.', 1);
    if (!existsSync(NODE))
      fail(
        "npm did not install the project's own Node 24: install scripts are switched off. Run: npm ci --ignore-scripts=false",
        1,
      );
    writeFileSync(STAMP, wanted);
  } finally {
    rmdirSync(lock);
  }
}

/** Another start may be installing: wait for it. The lock is a folder, for mkdir is atomic. Returns false when the other one did the work. */
function takeLock(lock, installed) {
  for (let waited = 0; waited < 600; waited++) {
    try {
      mkdirSync(lock);
      return true;
    } catch {
      if (installed()) return false;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_000);
    }
  }
  fail(
    'Another start has been installing for ten minutes. If none is running, remove the folder .postgang-install-lock',
    1,
  );
}

function build() {
  return nx(['run-many', '-t', 'build', '--outputStyle=static'], { quiet: true });
}

function nx(nxArgs, { quiet = false } = {}) {
  const result = spawnSync(NODE, ['node_modules/nx/dist/bin/nx.js', ...nxArgs], {
    env: environment(),
    encoding: 'utf8',
    stdio: quiet ? 'pipe' : ['ignore', 'inherit', 'inherit'],
  });
  if (quiet && result.status !== 0) process.stderr.write(`${result.stdout}${result.stderr}`);
  return result.status ?? 1;
}

function run(command, more = []) {
  const child = spawn(NODE, [...command, ...more], { stdio: 'inherit', env: environment() });
  // the terminal signals the whole group; the child decides how long it needs
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  return new Promise((resolve) => child.on('exit', (code, signal) => resolve(code ?? (signal === 'SIGINT' ? 130 : 1))));
}

function environment() {
  return {
    ...process.env,
    PATH: `${BIN}:${process.env.PATH}`,
    NX_DAEMON: 'false',
    NX_NO_CLOUD: 'true',
    NX_TUI: 'false',
    KAFKAJS_NO_PARTITIONER_WARNING: '1',
  };
}

function fail(message, code) {
  process.stderr.write(`${message}\n`);
  process.exit(code);
}
