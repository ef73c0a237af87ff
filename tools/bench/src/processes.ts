import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

export interface Usage {
  /** User and system time, milliseconds. */
  readonly cpuMs: number;
  readonly rssBytes: number;
}

/** Linux counts in ticks of 10 ms (`getconf CLK_TCK` = 100 on every architecture Node runs on). */
const TICK_MS = 10;
const PAGE_BYTES = 4_096;

/** Names the process behind a command line, or undefined for those in between (supervisors, npm). */
function nameOf(command: readonly string[]): string | undefined {
  const line = command.join(' ');
  // its command line holds that of whom it supervises
  if (/supervisor\.mjs/.test(line)) return undefined;
  const host = command.findIndex((part) => part.endsWith('host.js'));
  if (host > 0) return command[host + 1]?.replaceAll(/:\d+/g, '').replaceAll(',', '+');
  if (/sandbox\/dist\/main\.js/.test(line)) return 'sandbox';
  if (/kafka\.Kafka/.test(line)) return 'kafka';
  if (/postgres/.test(command[0] ?? '')) return 'postgres';
  if (/redis-server/.test(command[0] ?? '')) return 'redis';
  return undefined;
}

/**
 * CPU and memory of this process and all that it started, by name. Reads /proc, so it works on Linux only.
 * PostgreSQL's processes share memory, which is counted in each: its figure is proportional set size where the kernel tells it.
 */
export function usageByProcess(): Map<string, Usage> {
  const all = readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((pid) => statOf(Number(pid)));
  const children = Map.groupBy(all, ({ parent }) => parent);
  const usage = new Map<string, Usage>();
  const visit = (pid: number, inherited: string | undefined): void => {
    for (const process_ of children.get(pid) ?? []) {
      const name = nameOf(commandOf(process_.pid)) ?? inherited;
      if (name !== undefined) {
        const before = usage.get(name) ?? { cpuMs: 0, rssBytes: 0 };
        const rssBytes = name === 'postgres' ? proportional(process_.pid, process_.rssBytes) : process_.rssBytes;
        usage.set(name, { cpuMs: before.cpuMs + process_.cpuMs, rssBytes: before.rssBytes + rssBytes });
      }
      visit(process_.pid, name);
    }
  };
  visit(process.pid, undefined);
  const own = process.cpuUsage();
  usage.set('load generator', { cpuMs: (own.user + own.system) / 1_000, rssBytes: process.memoryUsage.rss() });
  return usage;
}

function statOf(pid: number): { pid: number; parent: number; cpuMs: number; rssBytes: number }[] {
  try {
    // the name in parentheses may hold spaces; fields count from behind it
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    const [utime, stime] = [Number(fields[11]), Number(fields[12])];
    return [
      { pid, parent: Number(fields[1]), cpuMs: (utime + stime) * TICK_MS, rssBytes: Number(fields[21]) * PAGE_BYTES },
    ];
  } catch {
    return []; // ended meanwhile
  }
}

function commandOf(pid: number): string[] {
  try {
    const parts = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').filter(Boolean);
    return parts.length > 0 ? parts : [readlinkSync(`/proc/${pid}/exe`)];
  } catch {
    return [];
  }
}

function proportional(pid: number, otherwise: number): number {
  try {
    const kilobytes = /^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1];
    return kilobytes === undefined ? otherwise : Number(kilobytes) * 1_024;
  } catch {
    return otherwise;
  }
}
