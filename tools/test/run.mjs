/** Runs Jest over the given paths (all when none) and ends with the line that CI reads: `N passed, N failed, N skipped`. */
import { runCLI } from 'jest';

const paths = process.argv.slice(2);
const { results } = await runCLI(
  {
    _: paths,
    $0: 'jest',
    config: 'jest.config.js',
    ci: process.env.CI === 'true',
    passWithNoTests: paths.length > 0,
    forceExit: true,
  },
  [process.cwd()],
);
const failed = results.numFailedTests + results.numRuntimeErrorTestSuites;
process.stdout.write(`\n${results.numPassedTests} passed, ${failed} failed, ${results.numPendingTests} skipped\n`);
process.exit(results.success ? 0 : 1);
