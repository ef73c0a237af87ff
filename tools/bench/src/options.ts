import { parseVerification } from '@postgang/sandbox';
import { parseArgs } from 'node:util';

/** What a run looks like; every figure of the report depends on these. */
export interface BenchOptions {
  readonly letters: number;
  readonly warmUp: number;
  readonly runs: number;
  /** Letters/s of the steady phase; undefined = half of what the runs reached. */
  readonly rate: number | undefined;
  readonly steadySeconds: number;
  readonly senders: number;
  readonly documentBytes: number;
  readonly requestsAtOnce: number;
  /** Most partitions of a topic: each one more makes batches smaller, and on one small broker nothing else. */
  readonly partitions: number;
  /** How many packages the simulated providers open (services/sandbox, --verify). */
  readonly verify: string;
  readonly out: string;
}

export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export const USAGE = `npm run bench [-- options]
  --letters N           letters of a run (20000)
  --warm-up N           letters before the first run (2000)
  --runs N              runs; the report gives their median (3)
  --rate R              letters/s of the steady phase (half of the median)
  --steady-seconds S    length of the steady phase; 0 leaves it out (60)
  --senders N           agencies; a fiftieth of them send four fifths (500)
  --document-bytes B    size of a letter's document (10000)
  --requests-at-once N  open requests of the load generator (64)
  --partitions N        most partitions of a topic (3)
  --verify MODE         packages the simulated providers open: full, sample:N, cms-digest-only (sample:100)
  --out FILE            where the JSON report goes (.postgang/bench/report.json)
`;

/** Throws UsageError. */
export function parseOptions(args: readonly string[]): BenchOptions {
  const names = USAGE.matchAll(/^ {2}--([a-z-]+)/gm);
  let values: Record<string, string | undefined>;
  try {
    values = parseArgs({
      args: [...args],
      options: Object.fromEntries([...names].map(([, name]) => [name as string, { type: 'string' as const }])),
    }).values;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  const whole = (name: string, fallback: number, least: number, most: number): number => {
    const value = values[name] === undefined ? fallback : Number(values[name]);
    if (!Number.isInteger(value) || value < least || value > most)
      throw new UsageError(`--${name} takes a whole number from ${least} to ${most}`);
    return value;
  };
  const verify = values['verify'] ?? 'sample:100';
  if (parseVerification(verify) === undefined) throw new UsageError('--verify takes full, sample:N or cms-digest-only');
  return {
    letters: whole('letters', 20_000, 1, 1_000_000),
    warmUp: whole('warm-up', 2_000, 0, 100_000),
    runs: whole('runs', 3, 1, 20),
    rate: values['rate'] === undefined ? undefined : whole('rate', 0, 1, 10_000),
    steadySeconds: whole('steady-seconds', 60, 0, 3_600),
    senders: whole('senders', 500, 1, 10_000),
    documentBytes: whole('document-bytes', 10_000, 200, 5_000_000),
    requestsAtOnce: whole('requests-at-once', 64, 1, 1_000),
    partitions: whole('partitions', 3, 1, 6),
    verify,
    out: values['out'] ?? '.postgang/bench/report.json',
  };
}
