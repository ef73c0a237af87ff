import type { BenchOptions } from './options.js';
import type { Counters } from './counters.js';
import type { Seen } from './observer.js';
import type { Usage } from './processes.js';
import { median, percentile, type Yardstick } from './yardstick.js';

/** What was measured around one run at full speed. */
export interface RunMeasure {
  readonly letters: number;
  readonly seconds: number;
  readonly unhappy: number;
  readonly usage: { readonly before: ReadonlyMap<string, Usage>; readonly after: ReadonlyMap<string, Usage> };
  readonly counters: { readonly before: Counters; readonly after: Counters };
  /** CPU of one signature, before and after: the mean. */
  readonly signMs: number;
  readonly diskBytes: { readonly before: number; readonly after: number };
}

export interface SteadyMeasure {
  readonly rate: number;
  readonly letters: number;
  readonly seen: readonly Seen[];
}

export interface Percentiles {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

/** A count per 1,000 letters, and whose it is. */
export interface PerService {
  readonly total: number;
  readonly byService: Readonly<Record<string, number>>;
}

export interface Report {
  readonly options: BenchOptions;
  readonly lettersPerSecond: { readonly median: number; readonly runs: readonly number[] };
  /** Milliseconds, at `rate` letters/s. */
  readonly latency?: { readonly rate: number; readonly handedOver: Percentiles; readonly delivered: Percentiles };
  readonly cpuMsPerLetter: { readonly total: number; readonly byProcess: Readonly<Record<string, number>> };
  /** CPU of a letter in all processes ÷ CPU of its three RSA-2048 signatures (package, message, receipt), measured before and after its run. Floor 1. */
  readonly cpuToThreeSignatures: number;
  /** Of one core, with nothing to carry. */
  readonly idleCpuPercent: Readonly<Record<string, number>>;
  readonly memoryMb: Readonly<Record<string, { readonly atOneThird: number; readonly atTheEnd: number }>>;
  readonly per1000Letters: { readonly produceRequests: PerService; readonly sqlStatements: PerService };
  readonly diskBytesPerLetter: number;
  readonly yardstick: Yardstick & { readonly sealsToHalfOfSigns: number };
  readonly sandboxAgrees: boolean;
  readonly machine: string;
}

export function reportOf(
  options: BenchOptions,
  runs: readonly RunMeasure[],
  steady: SteadyMeasure | undefined,
  memory: { readonly third: ReadonlyMap<string, Usage>; readonly end: ReadonlyMap<string, Usage> },
  yardstick: Yardstick,
  more: Pick<Report, 'sandboxAgrees' | 'idleCpuPercent' | 'machine'>,
): Report {
  const over = (figure: (run: RunMeasure) => number): number => round(median(runs.map(figure)));
  const names = [...(runs[0]?.usage.after.keys() ?? [])];
  const cpu = (run: RunMeasure, name: string): number =>
    ((run.usage.after.get(name)?.cpuMs ?? 0) - (run.usage.before.get(name)?.cpuMs ?? 0)) / run.letters;
  const byProcess = Object.fromEntries(names.map((name) => [name, over((run) => cpu(run, name))]));
  const totalOf = (run: RunMeasure): number => names.reduce((sum, name) => sum + cpu(run, name), 0);
  const per1000 = (what: keyof Counters): PerService => {
    const of = ({ counters: { before, after }, letters }: RunMeasure, service: string): number =>
      (((after[what][service] ?? 0) - (before[what][service] ?? 0)) / letters) * 1_000;
    const services = Object.keys(runs[0]?.counters.after[what] ?? {});
    return {
      total: over((run) => services.reduce((sum, service) => sum + of(run, service), 0)),
      byService: Object.fromEntries(services.map((service) => [service, over((run) => of(run, service))])),
    };
  };
  const rates = runs.map((run) => round(run.letters / run.seconds));
  return {
    options,
    lettersPerSecond: { median: median(rates), runs: rates },
    ...(steady === undefined ? {} : { latency: latencyOf(steady) }),
    cpuMsPerLetter: { total: over(totalOf), byProcess },
    cpuToThreeSignatures: over((run) => totalOf(run) / (3 * run.signMs)),
    memoryMb: Object.fromEntries(
      names.map((name) => [
        name,
        { atOneThird: megabytes(memory.third.get(name)), atTheEnd: megabytes(memory.end.get(name)) },
      ]),
    ),
    per1000Letters: {
      produceRequests: per1000('produceRequests'),
      sqlStatements: per1000('sqlStatements'),
    },
    diskBytesPerLetter: over((run) => (run.diskBytes.after - run.diskBytes.before) / run.letters),
    yardstick: { ...yardstick, sealsToHalfOfSigns: round(yardstick.sealsPerSecond / (yardstick.signsPerSecond / 2)) },
    ...more,
  };
}

function latencyOf({ rate, seen }: SteadyMeasure): NonNullable<Report['latency']> {
  const of = (end: (letter: Seen) => number | undefined): Percentiles => {
    const times = seen.map((letter) => (end(letter) ?? Number.POSITIVE_INFINITY) - letter.submittedAt);
    return {
      p50: round(percentile(times, 0.5)),
      p95: round(percentile(times, 0.95)),
      p99: round(percentile(times, 0.99)),
    };
  };
  return { rate, handedOver: of(({ handedOverAt }) => handedOverAt), delivered: of(({ endedAt }) => endedAt) };
}

const round = (value: number): number => Number(value.toPrecision(4));
const megabytes = (usage: Usage | undefined): number => Math.round((usage?.rssBytes ?? 0) / 1_048_576);

/** The table on standard output. */
export function print(report: Report): void {
  const { lettersPerSecond, latency, cpuMsPerLetter, per1000Letters, yardstick, options } = report;
  console.table(
    Object.fromEntries(
      Object.entries(cpuMsPerLetter.byProcess).map(([name, cpu]) => [
        name,
        {
          'CPU ms/letter': cpu,
          'idle %': report.idleCpuPercent[name],
          'MB at 1/3': report.memoryMb[name]?.atOneThird,
          'MB at end': report.memoryMb[name]?.atTheEnd,
        },
      ]),
    ),
  );
  const lines = [
    ['letters/s, end to end', `${lettersPerSecond.median} (runs: ${lettersPerSecond.runs.join(', ')})`],
    ...(latency === undefined
      ? []
      : [
          [`submit → handed over at ${latency.rate}/s, ms`, percentilesOf(latency.handedOver)],
          [`submit → delivered at ${latency.rate}/s, ms`, percentilesOf(latency.delivered)],
        ]),
    ['CPU ms/letter, all processes', String(cpuMsPerLetter.total)],
    ['… ÷ its three RSA-2048 signatures', String(report.cpuToThreeSignatures)],
    ['produce requests per 1,000 letters', perServiceOf(per1000Letters.produceRequests)],
    ['SQL statements per 1,000 letters', perServiceOf(per1000Letters.sqlStatements)],
    ['disk bytes/letter', String(report.diskBytesPerLetter)],
    [
      'seals/s beside crypto.sign/s (CPU time)',
      `${Math.round(yardstick.sealsPerSecond)} beside ${Math.round(yardstick.signsPerSecond)}: ${yardstick.sealsToHalfOfSigns} of half the sign rate`,
    ],
    ['packages opened by the simulated providers', options.verify],
    ['sandbox counts what we count', report.sandboxAgrees ? 'yes' : 'NO'],
  ];
  for (const [what, figure] of lines) process.stdout.write(`${(what as string).padEnd(46)} ${figure}\n`);
}

const perServiceOf = ({ total, byService }: PerService): string =>
  `${total} (${Object.entries(byService)
    .map(([service, count]) => `${service} ${count}`)
    .join(', ')})`;
const percentilesOf = ({ p50, p95, p99 }: Percentiles): string => `p50 ${p50}  p95 ${p95}  p99 ${p99}`;
