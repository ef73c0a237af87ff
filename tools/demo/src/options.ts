import { parseArgs } from 'node:util';
import { CAST } from './cast.js';

export interface DemoOptions {
  readonly letters: number;
  readonly json: boolean;
  /** Data and logs stay when the demo has ended. */
  readonly keep: boolean;
  /** All goes on running when the letters have ended, for trying things out, until Ctrl-C. */
  readonly stay: boolean;
}

const USAGE = 'usage: npm run demo -- [--letters 1…100000] [--json] [--keep] [--stay]';

/** Ends the process with code 2 and the usage when the arguments are wrong. */
export function optionsFrom(args: readonly string[]): DemoOptions {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        letters: { type: 'string', default: String(CAST.length) },
        json: { type: 'boolean', default: false },
        keep: { type: 'boolean', default: false },
        stay: { type: 'boolean', default: false },
      },
    });
    const letters = Number(values.letters);
    if (!Number.isInteger(letters) || letters < 1 || letters > 100_000)
      throw new Error('--letters takes a whole number from 1 to 100000');
    return { letters, json: values.json, keep: values.keep, stay: values.stay };
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n${USAGE}\n`);
    process.exit(2);
  }
}
