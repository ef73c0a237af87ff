import type { PlannedFault } from '@postgang/testing/faults';
import { cpus } from 'node:os';
import type { Audit } from './audit.js';
import type { Difference, Waiting } from './books.js';
import type { StruckFault } from './executor.js';
import type { ChaosOptions } from './options.js';

export interface Measured {
  readonly plan: readonly PlannedFault[];
  readonly struck: readonly StruckFault[];
  readonly revived: readonly { readonly process: string; readonly why: string }[];
  readonly attempts: number;
  readonly handedIn: number;
  readonly handedInMs: number;
  readonly faultsOverMs: number;
  readonly balancedMs: number;
  readonly books: Audit;
  readonly skipped: readonly string[];
}

export interface ChaosReport {
  readonly options: Omit<ChaosOptions, 'json' | 'keep'>;
  readonly machine: string;
  readonly letters: {
    readonly handedIn: number;
    readonly attempts: number;
    readonly byStatus: Readonly<Record<string, number>>;
  };
  readonly lost: number;
  readonly doubled: number;
  readonly differences: readonly Difference[];
  readonly waiting: readonly Waiting[];
  readonly sandbox: Audit['sandbox'];
  readonly setAside: Audit['setAside'];
  readonly seconds: { readonly handingIn: number; readonly faultsOver: number; readonly balanced: number };
  readonly faults: {
    readonly planned: number;
    readonly byKind: Readonly<Record<string, number>>;
    readonly skipped: readonly string[];
    readonly revived: Measured['revived'];
    readonly struck: readonly StruckFault[];
  };
}

export function reportOf({ json, keep, ...options }: ChaosOptions, measured: Measured): ChaosReport {
  void json;
  void keep;
  const { plan, struck, revived, attempts, handedIn, books, skipped } = measured;
  const count = (what: Difference['what']): number => books.differences.filter((each) => each.what === what).length;
  const seconds = (ms: number): number => Math.round(ms / 1_000);
  return {
    options,
    machine: `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, Node ${process.version}, ${process.platform} ${process.arch}`,
    letters: { handedIn, attempts, byStatus: books.byStatus },
    lost: count('lost'),
    doubled: count('doubled'),
    differences: books.differences,
    waiting: books.waiting,
    sandbox: books.sandbox,
    setAside: books.setAside,
    seconds: {
      handingIn: seconds(measured.handedInMs),
      faultsOver: seconds(measured.faultsOverMs),
      balanced: seconds(measured.balancedMs),
    },
    faults: {
      planned: plan.length,
      byKind: Object.fromEntries(
        [...Map.groupBy(struck, ({ fault }) => fault)].sort().map(([name, all]) => [name, all.length]),
      ),
      skipped,
      revived,
      struck: [...struck].sort((one, other) => one.number - other.number),
    },
  };
}

const SHOWN = 50;

export function print(report: ChaosReport): void {
  const say = (line: string): void => void process.stdout.write(`${line}\n`);
  const { letters, faults, sandbox, seconds, differences, waiting } = report;
  say(`\nSeed ${report.options.seed}, ${report.machine}`);
  say(`letters handed in    ${letters.handedIn} in ${letters.attempts} attempts, ${seconds.handingIn} s`);
  say(`their status         ${list(letters.byStatus)}`);
  say(
    `at the providers     ${sandbox.messages.accepted} accepted, ${sandbox.messages.distinctMessageIds} distinct, ${sandbox.messages.duplicatesRefused} refused as doubles`,
  );
  say(`receipts             ${list(sandbox.receipts.sent)}; lost ${list(sandbox.receipts.lost)}`);
  say(
    `faults               ${list(faults.byKind)}${faults.skipped.length > 0 ? `; skipped ${faults.skipped.join(', ')}` : ''}`,
  );
  say(`started again        ${faults.revived.length} processes that ended by themselves`);
  say(`records set aside    ${list(report.setAside)}`);
  say(`balanced after       ${seconds.balanced} s; the faults were over after ${seconds.faultsOver} s`);
  say(
    `waiting for others   ${waiting.length}${waiting.length > 0 ? `: ${list(tally(waiting.map(({ awaits, owedBy }) => `${awaits} from ${owedBy}`)))}` : ''}`,
  );
  say(`lost ${report.lost}, doubled ${report.doubled}, differences ${differences.length}`);
  for (const { what, letterId, reference, detail } of differences.slice(0, SHOWN))
    say(`  ${what}  ${letterId ?? ''} ${reference ?? ''}  ${detail}`);
  if (differences.length > SHOWN) say(`  … and ${differences.length - SHOWN} more (--json lists all)`);
}

const tally = (names: readonly string[]): Record<string, number> =>
  Object.fromEntries([...Map.groupBy(names, (name) => name)].map(([name, all]) => [name, all.length]));

const list = (counted: Readonly<Record<string, number>>): string =>
  Object.entries(counted)
    .map(([name, count]) => `${count} ${name}`)
    .join(', ') || 'none';
