import 'reflect-metadata';
import { MissingTool } from '@postgang/deploy-local';
import { chaos } from './chaos.js';
import { parseOptions, USAGE, UsageError } from './options.js';
import { print } from './report.js';

const say = (line: string): void => void process.stderr.write(`${line}\n`);
const closing: (() => Promise<unknown>)[] = [];
async function close(): Promise<void> {
  for (const step of closing.splice(0).reverse())
    await step().catch((error: unknown) => say(`closing: ${String(error)}`));
}
let interrupted: Promise<void> | undefined;
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => void (interrupted ??= close().then(() => process.exit(130))));

try {
  const options = parseOptions(process.argv.slice(2));
  const report = await chaos(options, closing, say);
  if (options.json) process.stdout.write(`${JSON.stringify(report, undefined, 2)}\n`);
  else print(report);
  process.exitCode = report.differences.length === 0 ? 0 : 1;
} catch (error) {
  process.exitCode = error instanceof UsageError ? 2 : 1;
  if (error instanceof UsageError) say(`${error.message}\n\n${USAGE}`);
  else if (error instanceof MissingTool) say(error.message);
  else say(`The run failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
} finally {
  await close();
}
// whatever a run full of faults has left open ends here
process.exit();
