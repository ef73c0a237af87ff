/** Runs Jest with the given arguments (all specs when none) and ends with the line that CI reads: `N passed, N failed, N skipped`. */
import { buildArgv, runCLI } from 'jest';

try {
  const { results } = await runCLI(await buildArgv(process.argv.slice(2)), [process.cwd()]);
  // a spec file that cannot be loaded is one failure
  close(results.numPassedTests, results.numFailedTests + results.numRuntimeErrorTestSuites, results.numPendingTests);
  process.exitCode = results.success ? 0 : 1;
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  close(0, 1, 0);
  process.exitCode = 1;
}
process.exit();

/** @param {number} passed @param {number} failed @param {number} skipped */
function close(passed, failed, skipped) {
  process.stdout.write(`\n${passed} passed, ${failed} failed, ${skipped} skipped\n`);
}
