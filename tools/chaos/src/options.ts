import { parseArgs } from 'node:util';
import { FAULT_NAMES, type FaultName } from './fault-kinds.js';

export interface ChaosOptions {
  readonly letters: number;
  /** They are handed in evenly over so many minutes. */
  readonly minutes: number;
  /** The same seed strikes the same targets with the same faults at the same letters. */
  readonly seed: number;
  readonly faults: number;
  /** Which may strike. */
  readonly kinds: readonly FaultName[];
  readonly layout: 'alone' | 'together';
  /** After the last letter and the last fault: how long the letters have to end. */
  readonly settleSeconds: number;
  readonly json: boolean;
  readonly keep: boolean;
}

export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export const USAGE = `npm run chaos [-- options]
  --letters N           letters (1000)
  --minutes M           they are handed in evenly over so long (2)
  --seed S              which faults strike whom and when (1)
  --faults F            how many strike (one for each ten seconds, at least one of each kind)
  --kinds A,B           which may strike (all): ${FAULT_NAMES.join(', ')}
  --layout alone|together   each service in processes of its own, or three to a process (alone); two of each in both
  --settle-seconds T    how long the letters have to end after the last one and the last fault (420)
  --json                one JSON document on stdout
  --keep                data and logs stay in .postgang/chaos-<pid> until the next run
`;

/** Throws UsageError. */
export function parseOptions(args: readonly string[]): ChaosOptions {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean', default: false } as const;
  const { values } = ((): { values: Record<string, string | boolean | undefined> } => {
    try {
      return parseArgs({
        args: [...args],
        options: {
          letters: text,
          minutes: text,
          seed: text,
          faults: text,
          kinds: text,
          layout: text,
          'settle-seconds': text,
          json: flag,
          keep: flag,
        },
      });
    } catch (error) {
      throw new UsageError((error as Error).message);
    }
  })();
  const number = (name: string, fallback: number, least: number, most: number, whole = true): number => {
    const value = values[name] === undefined ? fallback : Number(values[name]);
    if (!(value >= least && value <= most) || (whole && !Number.isInteger(value)))
      throw new UsageError(`--${name} takes a ${whole ? 'whole ' : ''}number from ${least} to ${most}`);
    return value;
  };
  const kinds = typeof values['kinds'] === 'string' ? values['kinds'].split(',') : [...FAULT_NAMES];
  const unknown = kinds.find((kind) => !(FAULT_NAMES as readonly string[]).includes(kind));
  if (unknown !== undefined) throw new UsageError(`--kinds: there is no fault ${unknown}`);
  const layout = values['layout'] ?? 'alone';
  if (layout !== 'alone' && layout !== 'together') throw new UsageError('--layout takes alone or together');
  const minutes = number('minutes', 2, 0.1, 1_440, false);
  return {
    letters: number('letters', 1_000, 1, 1_000_000),
    minutes,
    seed: number('seed', 1, 0, 2 ** 32 - 1),
    faults: number('faults', Math.max(kinds.length, Math.round(minutes * 6)), 0, 10_000),
    kinds: kinds as FaultName[],
    layout,
    settleSeconds: number('settle-seconds', 420, 1, 86_400),
    json: values['json'] === true,
    keep: values['keep'] === true,
  };
}
