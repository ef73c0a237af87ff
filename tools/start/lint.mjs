import { nx, run } from './run.mjs';

const ESLINT = 'node_modules/eslint/bin/eslint.js';

/**
 * Lints the workspace in the current folder: in one process, for the type-checker's start is what costs (one per project took five times as
 * long). The import rule reads the stored project graph and passes everything where there is none, as in a fresh clone: hence the graph first.
 * @param {string[]} [args] further arguments of ESLint @returns {Promise<number>} exit code
 */
export async function lint(args = []) {
  const graph = await nx(['show', 'projects'], { announce: 'Reading the project graph …' });
  return graph || run([ESLINT, '--max-warnings', '0', ...args, '.']);
}
