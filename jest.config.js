/** One run over all suites: the servers are started once (libs/testing) and every spec file gets its own database and topic prefix. */
export default {
  testEnvironment: 'node',
  testEnvironmentOptions: { customExportConditions: ['source', 'node', 'node-addons'] },
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '^.+\\.ts$': ['@swc/jest', { swcrc: true }] },
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  testMatch: ['<rootDir>/{libs,services,tools,deploy}/**/*.spec.{ts,mjs}'],
  testPathIgnorePatterns: ['/node_modules/', '/dist/'],
  modulePathIgnorePatterns: ['/dist/', '/.postgang/'],
  globalSetup: '<rootDir>/libs/testing/src/global-setup.mjs',
  globalTeardown: '<rootDir>/libs/testing/src/global-teardown.mjs',
  testTimeout: 30_000,
  // twice the cores it is meant for: half of the time specs wait, for sessions, leases and retry tiers to end
  maxWorkers: 4,
  // the modules of every spec file stay in a worker's memory; begun anew, it has room for the next
  workerIdleMemoryLimit: '1GB',
};
