import js from '@eslint/js';
import nx from '@nx/eslint-plugin';
import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';

const LIBRARIES = ['lib:rules', 'lib:pipeline', 'lib:outside'];

/** Who may import whom. The Nx rule needs the project graph and is silent without one: lint through `npm run check`, never as plain eslint. */
const IMPORTS = [
  { sourceTag: 'lib:rules', onlyDependOnLibsWithTags: [] },
  { sourceTag: 'lib:pipeline', onlyDependOnLibsWithTags: [] },
  { sourceTag: 'lib:outside', onlyDependOnLibsWithTags: [] },
  { sourceTag: 'lib:runtime', onlyDependOnLibsWithTags: ['lib:pipeline', 'lib:outside'] },
  { sourceTag: 'lib:document-package', onlyDependOnLibsWithTags: LIBRARIES },
  { sourceTag: 'lib:document-store', onlyDependOnLibsWithTags: LIBRARIES },
  { sourceTag: 'lib:evidence', onlyDependOnLibsWithTags: [...LIBRARIES, 'lib:document-package'] },
  { sourceTag: 'lib:maskinporten', onlyDependOnLibsWithTags: LIBRARIES },
  { sourceTag: 'lib:registers', onlyDependOnLibsWithTags: [...LIBRARIES, 'lib:maskinporten'] },
  { sourceTag: 'lib:providers', onlyDependOnLibsWithTags: [...LIBRARIES, 'lib:document-package', 'lib:maskinporten'] },
  { sourceTag: 'lib:redrive', onlyDependOnLibsWithTags: ['lib:pipeline', 'lib:outside', 'lib:runtime'] },
  { sourceTag: 'lib:testing', onlyDependOnLibsWithTags: [...LIBRARIES, 'lib:runtime', 'kind:deploy'] },
  { sourceTag: 'kind:deploy', onlyDependOnLibsWithTags: [] },
  { sourceTag: 'kind:service', onlyDependOnLibsWithTags: ['kind:lib'] },
  { sourceTag: 'kind:tool', onlyDependOnLibsWithTags: ['kind:lib', 'kind:service', 'kind:tool', 'kind:deploy'] },
];

/** Specs may use any library and the simulated outer systems, but no service looks into another. */
const IMPORTS_OF_SPECS = [
  { sourceTag: 'kind:lib', onlyDependOnLibsWithTags: ['kind:lib', 'service:sandbox', 'kind:deploy'] },
  { sourceTag: 'kind:deploy', onlyDependOnLibsWithTags: ['kind:lib'] },
  { sourceTag: 'kind:service', onlyDependOnLibsWithTags: ['kind:lib', 'service:sandbox', 'kind:deploy'] },
  { sourceTag: 'kind:tool', onlyDependOnLibsWithTags: ['*'] },
];

const SPECS = ['**/*.spec.{ts,mjs}', '**/test/**/*.ts', 'libs/testing/**/*.{ts,mjs}'];
const TOOLS = ['tools/**', 'deploy/**'];

const KAFKAJS = { name: 'kafkajs', message: 'kafkajs has traps: it is used in libs/runtime/src/kafka only.' };
const TESTING = { name: '@postgang/testing', message: 'Only specs import the test harness.' };
// `npm run chaos` does to a running Postgang what specs do, so the faults are an entry of their own: free of Jest, and open to tools
const FAULTS = { name: '@postgang/testing/faults', message: 'Only specs and tools make faults.' };
const PROCESS = ['process', 'node:process'].map((name) => ({
  name,
  message: 'The global is watched, the import is not.',
}));
const noImportOf = (...paths) => ['error', { paths: [...paths, ...PROCESS] }];
/** `no-restricted-imports` looks at declarations only. */
const noDynamicImportOf = (...paths) => [
  'error',
  ...paths.map(({ name, message }) => ({ selector: `ImportExpression[source.value='${name}']`, message })),
];

const NO_CLOCK = 'Rules have no clock: take `now` as an argument.';
const IMPURE = ['performance', 'process', 'crypto', 'fetch', 'console', 'setTimeout', 'setInterval', 'setImmediate'];

export default defineConfig(
  globalIgnores(['**/dist/**', '**/node_modules/**', '.nx/**', '.postgang/**', 'libs/pipeline/src/generated/**']),
  {
    // the two configuration files in the root belong to no project
    files: ['**/*.ts', '**/*.mjs'],
    extends: [js.configs.recommended, tseslint.configs.recommendedTypeChecked],
    plugins: { '@nx': nx },
    languageOptions: { parserOptions: { project: './tsconfig.json', tsconfigRootDir: import.meta.dirname } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      '@nx/enforce-module-boundaries': ['error', { depConstraints: IMPORTS }],
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      // interfaces ask for a promise where one implementation has nothing to wait for
      '@typescript-eslint/require-await': 'off',
      'no-control-regex': 'off',
      'no-console': 'error',
      'no-restricted-properties': [
        'error',
        { object: 'process', property: 'env', message: 'Only config.ts reads the environment.' },
      ],
      'no-restricted-imports': noImportOf(KAFKAJS, TESTING, FAULTS),
      'no-restricted-syntax': noDynamicImportOf(KAFKAJS, TESTING, FAULTS),
    },
  },
  {
    files: ['**/*.mjs'],
    rules: {
      // tsc knows the globals; and JSDoc casts at every JSON.parse would hide more than they show
      'no-undef': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
    },
  },
  {
    files: ['libs/runtime/src/kafka/**'],
    rules: {
      'no-restricted-imports': noImportOf(TESTING, FAULTS),
      'no-restricted-syntax': noDynamicImportOf(TESTING, FAULTS),
    },
  },
  {
    files: TOOLS,
    rules: { 'no-restricted-imports': noImportOf(TESTING), 'no-restricted-syntax': noDynamicImportOf(TESTING) },
  },
  { files: ['**/config.ts', 'libs/runtime/src/service/run.ts'], rules: { 'no-restricted-properties': 'off' } },
  { files: TOOLS, rules: { 'no-console': 'off', 'no-restricted-properties': 'off' } },
  {
    files: SPECS,
    rules: {
      'no-restricted-imports': 'off',
      'no-restricted-properties': 'off',
      'no-restricted-syntax': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@nx/enforce-module-boundaries': [
        'error',
        // the harness builds on libraries whose specs use it: a circle of packages, not of modules
        { depConstraints: IMPORTS_OF_SPECS, ignoredCircularDependencies: [['*', '@postgang/testing']] },
      ],
    },
  },
  {
    files: ['libs/rules/src/**/*.ts'],
    ignores: SPECS,
    rules: {
      'no-restricted-imports': [
        'error',
        { patterns: [{ regex: '^(?!\\.|@navikt/fnrvalidator$)', message: 'Rules are pure: no I/O, no npm.' }] },
      ],
      'no-restricted-globals': ['error', ...IMPURE.map((name) => ({ name, message: 'Rules are pure.' }))],
      'no-restricted-syntax': [
        'error',
        { selector: 'ImportExpression', message: 'Rules are pure: no I/O, no npm.' },
        { selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: NO_CLOCK },
        { selector: "CallExpression[callee.name='Date']", message: NO_CLOCK },
        { selector: "MemberExpression[object.name='Date'][property.name='now']", message: NO_CLOCK },
        { selector: "MemberExpression[object.name='Math'][property.name='random']", message: 'Rules decide alike.' },
      ],
    },
  },
);
