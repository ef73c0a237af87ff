import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

/**
 * The canary: were lint to let violations through — as plain ESLint does where Nx has stored no project graph — nobody would see it. A
 * workspace with our settings and packages, but no code of ours and no graph, gets one violation per file; lint must name each.
 */
const IMPORTS = '@nx/enforce-module-boundaries';
const BANNED = 'no-restricted-imports';
const IMPURE = 'no-restricted-syntax';

/** File, its text, the rule that must refuse it. @type {[string, string, string][]} */
const REFUSED = [
  ['libs/rules/src/uses-lib.ts', "import '@postgang/outside';", BANNED],
  ['libs/rules/src/uses-lib-by-path.ts', "import '../../outside/src/index.js';", IMPORTS],
  ['libs/rules/src/uses-npm.ts', "import 'zod';", BANNED],
  ['libs/rules/src/uses-files.ts', "import 'node:fs';", BANNED],
  ['libs/rules/src/loads-files.ts', "export const files = import('node:fs');", IMPURE],
  ['libs/rules/src/reads-clock.ts', 'export const now = Date.now();', IMPURE],
  ['libs/rules/src/makes-now.ts', 'export const now = new Date();', IMPURE],
  ['libs/rules/src/throws-dice.ts', 'export const dice = Math.random();', IMPURE],
  ['libs/rules/src/waits.ts', 'export const wait = () => setTimeout(() => undefined, 1);', 'no-restricted-globals'],
  ['libs/pipeline/src/uses-outside.ts', "import '@postgang/outside';", IMPORTS],
  ['libs/outside/src/uses-pipeline.ts', "import '@postgang/pipeline';", IMPORTS],
  ['libs/runtime/src/uses-rules.ts', "import '@postgang/rules';", IMPORTS],
  ['libs/runtime/src/uses-service.ts', "import '@postgang/receipts';", IMPORTS],
  ['libs/runtime/src/uses-kafkajs.ts', "import 'kafkajs';", BANNED],
  ['libs/registers/src/uses-providers.ts', "import '@postgang/providers';", IMPORTS],
  ['libs/document-store/src/uses-runtime.ts', "import '@postgang/runtime';", IMPORTS],
  ['services/receipts/src/uses-service.ts', "import '@postgang/encryption';", IMPORTS],
  ['services/receipts/src/uses-service-by-path.ts', "import '../../encryption/src/index.js';", IMPORTS],
  ['services/receipts/src/uses-tool.ts', "import '@postgang/launch';", IMPORTS],
  ['services/receipts/src/other.spec.ts', "import '@postgang/encryption';", IMPORTS],
  ['services/receipts/src/uses-testing.ts', "import '@postgang/testing';", BANNED],
  ['services/receipts/src/uses-kafkajs-types.ts', "export type { Kafka } from 'kafkajs';", BANNED],
  ['services/receipts/src/loads-kafkajs.ts', "export const kafka = import('kafkajs');", IMPURE],
  [
    'services/receipts/src/reads-environment.ts',
    "export const home = process.env['HOME'];",
    'no-restricted-properties',
  ],
  ['services/receipts/src/imports-process.ts', "import 'node:process';", BANNED],
  ['services/receipts/src/prints.ts', "console.log('here');", 'no-console'],
  [
    'services/receipts/src/forgets-promise.ts',
    'export const f = () => { Promise.resolve(1); };',
    '@typescript-eslint/no-floating-promises',
  ],
  [
    'services/receipts/src/misuses-promise.ts',
    'export const f = (wait: () => Promise<boolean>) => (wait() ? 1 : 2);',
    '@typescript-eslint/no-misused-promises',
  ],
  ['services/receipts/src/any.ts', 'export const f = (x: any): unknown => x;', '@typescript-eslint/no-explicit-any'],
  ['tools/demo/src/uses-testing.ts', "import '@postgang/testing';", BANNED],
  ['services/receipts/src/makes-faults.ts', "import '@postgang/testing/faults';", BANNED],
  ['libs/runtime/src/kafka/makes-faults.ts', "import '@postgang/testing/faults';", BANNED],
];

/** @type {[string, string][]} */
const ALLOWED = [
  ['libs/rules/src/pure.ts', "export const at = (now: Date): Date => new Date(now);\nexport * from './empty.js';"],
  ['libs/rules/src/empty.ts', 'export const nothing = null;'],
  ['libs/runtime/src/kafka/client.ts', "import 'kafkajs';\nimport '@postgang/pipeline';\nimport '@postgang/outside';"],
  ['libs/runtime/test/stage.int.spec.ts', "import '@postgang/testing';\nimport 'kafkajs';"],
  ['libs/testing/src/index.ts', "import '@postgang/runtime';\nexport const home = process.env['HOME'];"],
  ['libs/providers/src/seals.ts', "import '@postgang/document-package';"],
  ['services/receipts/src/config.ts', "export const home = process.env['HOME'];"],
  ['services/receipts/src/uses-libs.ts', "import '@postgang/rules';\nimport '@postgang/runtime';"],
  ['services/receipts/test/receipts.int.spec.ts', "import '@postgang/testing';\nimport '@postgang/sandbox';"],
  ['tools/chaos/src/makes-faults.ts', "import '@postgang/testing/faults';"],
  ['tools/launch/src/launch.ts', "import '@postgang/receipts';\nimport '@postgang/deploy-local';\nimport 'kafkajs';"],
];

const ROOT = resolve('.');
/** @type {string} */
let workspace;
/** @type {Map<string, string[]>} */
let findings;

/** @param {string} file @param {string} text */
function write(file, text) {
  mkdirSync(dirname(join(workspace, file)), { recursive: true });
  writeFileSync(join(workspace, file), `${text}\n`);
}

beforeAll(async () => {
  workspace = realpathSync(mkdtempSync(join(tmpdir(), 'postgang-lint-')));
  for (const file of ['eslint.config.js', 'nx.json', 'package.json', 'tsconfig.json', 'tsconfig.base.json'])
    copyFileSync(join(ROOT, file), join(workspace, file));
  mkdirSync(join(workspace, 'node_modules/@postgang'), { recursive: true });
  for (const name of readdirSync('node_modules'))
    if (name !== '@postgang') symlinkSync(join(ROOT, 'node_modules', name), join(workspace, 'node_modules', name));
  for (const folder of ['libs', 'services', 'tools', 'deploy'])
    for (const name of readdirSync(folder).filter((each) => existsSync(join(folder, each, 'package.json'))))
      writePackage(join(folder, name));
  // Nx finds what an import means in another way once a package is built
  for (const built of ['libs/outside', 'services/encryption']) write(`${built}/dist/index.js`, 'export {};');
  for (const [file, text] of [...REFUSED, ...ALLOWED]) write(file, text);
  findings = await lintWorkspace();
}, 120_000);
afterAll(() => rmSync(workspace, { recursive: true, force: true }));

/** @param {string} folder */
function writePackage(folder) {
  const manifest = readFileSync(join(folder, 'package.json'), 'utf8');
  write(join(folder, 'package.json'), manifest);
  if (!folder.startsWith('deploy')) write(join(folder, 'src/index.ts'), 'export {};');
  symlinkSync(join(workspace, folder), join(workspace, 'node_modules', JSON.parse(manifest).name));
}

/** Rules broken, by file. @returns {Promise<Map<string, string[]>>} */
async function lintWorkspace() {
  const report = join(workspace, 'report.json');
  const source = `import { lint } from ${JSON.stringify(new URL('./lint.mjs', import.meta.url).href)};
    process.exit(await lint(['--format', 'json', '--output-file', ${JSON.stringify(report)}]));`;
  // when Nx runs this spec it tells its children about our own workspace
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('NX_')));
  const child = spawn(process.execPath, ['--input-type=module', '-e', source], {
    cwd: workspace,
    env,
    stdio: 'inherit',
  });
  const code = await new Promise((done) => child.once('exit', done));
  expect(code).toBe(1);
  /** @type {{ filePath: string, messages: { ruleId: string | null, message: string }[] }[]} */
  const results = JSON.parse(readFileSync(report, 'utf8'));
  return new Map(
    results.map(({ filePath, messages }) => [
      filePath.slice(workspace.length + 1),
      messages.map(({ ruleId, message }) => ruleId ?? message),
    ]),
  );
}

describe('lint in a fresh checkout', () => {
  it.each(REFUSED)('refuses %s (%s)', (file, _text, rule) => {
    expect(findings.get(file)).toContain(rule);
  });

  it.each(ALLOWED)('lets %s through', (file) => {
    expect(findings.get(file)).toEqual([]);
  });
});
