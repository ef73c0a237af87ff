import js from '@eslint/js';
import nx from '@nx/eslint-plugin';
import tseslint from 'typescript-eslint';

const LIBRARIES = ['lib:rules', 'lib:pipeline', 'lib:outside'];
const KAFKAJS = {
  name: 'kafkajs',
  message: 'kafkajs has traps; it is used in libs/runtime/src/kafka only.',
  allowTypeImports: true,
};
const TESTING = { name: '@postgang/testing', message: 'Only specs import the test harness.' };
const specs = ['**/*.spec.ts', '**/test/**/*.ts', 'libs/testing/**/*.ts'];

/** Who may import whom (README, "Layout"). The Nx rule needs the project graph: run lint through `npm run check`, never as plain eslint. */
const boundaries = {
  allow: [],
  depConstraints: [
    { sourceTag: 'lib:rules', onlyDependOnLibsWithTags: [] },
    { sourceTag: 'lib:pipeline', onlyDependOnLibsWithTags: [] },
    { sourceTag: 'lib:outside', onlyDependOnLibsWithTags: [] },
    { sourceTag: 'lib:runtime', onlyDependOnLibsWithTags: ['lib:pipeline', 'lib:outside'] },
    { sourceTag: 'lib:document-package', onlyDependOnLibsWithTags: LIBRARIES },
    { sourceTag: 'lib:document-store', onlyDependOnLibsWithTags: LIBRARIES },
    { sourceTag: 'lib:maskinporten', onlyDependOnLibsWithTags: LIBRARIES },
    { sourceTag: 'lib:registers', onlyDependOnLibsWithTags: [...LIBRARIES, 'lib:maskinporten'] },
    {
      sourceTag: 'lib:providers',
      onlyDependOnLibsWithTags: [...LIBRARIES, 'lib:document-package', 'lib:maskinporten'],
    },
    { sourceTag: 'lib:testing', onlyDependOnLibsWithTags: [...LIBRARIES, 'lib:runtime'] },
    { sourceTag: 'kind:service', onlyDependOnLibsWithTags: ['kind:lib'] },
    { sourceTag: 'kind:tool', onlyDependOnLibsWithTags: ['kind:lib', 'kind:service', 'kind:tool'] },
  ],
};

export default tseslint.config(
  { ignores: ['**/dist/**', '**/node_modules/**', '.nx/**', '.postgang/**', 'libs/pipeline/src/generated/**'] },
  {
    files: ['**/*.ts'],
    extends: [js.configs.recommended, ...tseslint.configs.recommendedTypeChecked],
    plugins: { '@nx': nx },
    languageOptions: { parserOptions: { project: './tsconfig.json', tsconfigRootDir: import.meta.dirname } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      '@nx/enforce-module-boundaries': ['error', boundaries],
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
      'no-restricted-imports': ['error', { paths: [KAFKAJS, TESTING] }],
    },
  },
  {
    files: ['libs/runtime/src/kafka/**', 'tools/**'],
    rules: { 'no-restricted-imports': ['error', { paths: [TESTING] }] },
  },
  { files: specs, rules: { 'no-restricted-imports': 'off' } },
  {
    files: ['**/config.ts', 'libs/runtime/src/service/run.ts', 'tools/**', ...specs],
    rules: { 'no-restricted-properties': 'off' },
  },
  { files: ['tools/**'], rules: { 'no-console': 'off' } },
  {
    files: specs,
    rules: {
      '@typescript-eslint/no-unsafe-assignment': 'off',
      // specs import libs/testing, which no production code may
      '@nx/enforce-module-boundaries': [
        'error',
        { ...boundaries, depConstraints: [{ sourceTag: '*', onlyDependOnLibsWithTags: ['*'] }] },
      ],
    },
  },
  {
    files: ['libs/rules/src/**/*.ts'],
    ignores: ['**/*.spec.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        { patterns: [{ regex: '^(?!\\./|@navikt/fnrvalidator$)', message: 'Rules are pure: no I/O, no npm.' }] },
      ],
      'no-restricted-syntax': [
        'error',
        {
          selector: "NewExpression[callee.name='Date'][arguments.length=0]",
          message: 'Rules have no clock: take `now` as an argument.',
        },
        {
          selector: "MemberExpression[object.name='Date'][property.name='now']",
          message: 'Rules have no clock: take `now` as an argument.',
        },
        {
          selector: "MemberExpression[object.name='Math'][property.name='random']",
          message: 'Rules are deterministic.',
        },
      ],
    },
  },
);
