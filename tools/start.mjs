#!/usr/bin/env node
/**
 * First step of every npm script. Needs nothing but Node ≥ 20: installs the dependencies when they are missing or stale, and goes on with the
 * project's own Node 24.
 */
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { install } from './start/install.mjs';
import { lint } from './start/lint.mjs';
import { nx, run } from './start/run.mjs';
import { endWithParent } from './start/end-with-parent.mjs';

const TSC = 'node_modules/typescript/bin/tsc';
// Node's warning about its own module loader
const JEST_FLAGS = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'];
const PRETTIER = 'node_modules/prettier/bin/prettier.cjs';

/** Each answers with its exit code. @type {Record<string, (args: string[]) => Promise<number>>} */
const TASKS = {
  build: () => build(),
  check: async () => {
    // all three, whatever the first finds: one run tells everything
    const types = await run([TSC, '-p', 'tsconfig.json']);
    const lints = await lint();
    const format = await run([PRETTIER, '--check', '--log-level', 'warn', '.']);
    return types || lints || format;
  },
  format: () => run([PRETTIER, '--write', '--log-level', 'warn', '.']),
  generate: async () => (await nx(['build', 'pipeline'])) || (await run(['libs/pipeline/dist/generate-main.js'])),
  test: async (args) => (needsBuild(args) && (await build())) || run([...JEST_FLAGS, 'tools/start/jest.mjs', ...args]),
  demo: (args) => built('tools/demo/dist/main.js', args),
  bench: (args) => built('tools/bench/dist/main.js', args),
  chaos: (args) => built('tools/chaos/dist/main.js', args),
  sandbox: (args) => built('services/sandbox/dist/main.js', args),
  cli: (args) => built('tools/cli/dist/main.js', args),
};

/** Once in a run: Nx takes what is built away before it puts the same there, and the specs beside the one that starts a demo need it. */
const build = async () => {
  if (process.env.POSTGANG_BUILT === 'yes') return 0;
  const code = await nx(['run-many', '-t', 'build', '--outputStyle=static'], { announce: 'Building …' });
  if (code === 0) process.env.POSTGANG_BUILT = 'yes';
  return code;
};

/** Only journeys and the starts themselves run what is built; who asks for other specs does not wait. @param {string[]} args Jest's */
const needsBuild = (args) => {
  const paths = args.filter((argument) => !argument.startsWith('-'));
  return paths.length === 0 || paths.some((path) => /(^|\/)tools(\/|$)|^\.$/.test(path));
};

/** @param {string} main @param {string[]} args */
const built = async (main, args) => (await build()) || (await run([main, ...args]));

const [name = '', ...args] = process.argv.slice(2);
process.chdir(dirname(dirname(fileURLToPath(import.meta.url))));
if (process.env.npm_lifecycle_event !== undefined) endWithParent({ throughShell: true });
try {
  const task = Object.hasOwn(TASKS, name) ? TASKS[name] : undefined;
  if (task === undefined) throw new Error(`usage: node tools/start.mjs ${Object.keys(TASKS).join('|')}`);
  if (Number(process.versions.node.split('.')[0]) < 20)
    throw new Error(
      `Postgang needs Node 20 or newer to start (it brings its own Node 24); this is ${process.version}.`,
    );
  await install();
  process.exitCode = await task(args);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}
process.exit();
