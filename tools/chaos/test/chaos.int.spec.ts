import { afterAll, describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { FAULT_NAMES, type ChaosReport } from '../src/index.js';

/** Where no small disk can be mounted the disk is not filled; the run says so itself. */
const MAY_BE_SKIPPED = ['disk-full'];
const children: ReturnType<typeof spawn>[] = [];
afterAll(() => {
  for (const { pid, exitCode } of children) if (pid !== undefined && exitCode === null) process.kill(-pid, 'SIGTERM');
});

/** `npm run chaos` as a person types it. */
function chaos(...args: string[]): Promise<{ code: number | null; out: string; said: string }> {
  const child = spawn('npm', ['run', '--silent', 'chaos', '--', ...args], {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  let [out, said] = ['', ''];
  child.stdout.on('data', (bytes: Buffer) => (out += bytes.toString()));
  child.stderr.on('data', (bytes: Buffer) => (said += bytes.toString()));
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, out, said })));
}

describe('a small run of chaos', () => {
  it('strikes with every kind of fault, and in the end no letter is lost, doubled or stuck', async () => {
    const { code, out, said } = await chaos(
      ...['--letters', '300', '--minutes', '1', '--seed', '7', '--layout', 'together', '--json'],
    );
    if (!out.startsWith('{')) throw new Error(`there is no report:\n${said}`);
    const report = JSON.parse(out) as ChaosReport;
    const { handedIn, byStatus } = report.letters;
    expect({ differences: report.differences, code }).toEqual({ differences: [], code: 0 });
    expect(handedIn).toBe(300);
    // of the cast's fifteen, twelve are carried
    expect(report.sandbox.messages).toMatchObject({ accepted: 240, distinctMessageIds: 240, duplicatesRefused: 0 });
    const ended = Object.entries(byStatus).filter(([status]) =>
      /^(DELIVERED|OPENED|POSTED|RETURNED|REFUSED|FAILED)$/.test(status),
    );
    expect(ended.reduce((sum, [, letters]) => sum + letters, 0) + report.waiting.length).toBe(300);
    const struck = new Set([...Object.keys(report.faults.byKind), ...report.faults.skipped]);
    expect([...struck].sort()).toEqual([...FAULT_NAMES].sort());
    expect(report.faults.skipped.filter((name) => !MAY_BE_SKIPPED.includes(name))).toEqual([]);
  }, 900_000);

  it('tells how it is used, and starts nothing, when it does not understand', async () => {
    const { code, said } = await chaos('--kinds', 'earthquake');
    expect(code).toBe(2);
    expect(said).toContain('there is no fault earthquake');
    expect(said).toContain('npm run chaos');
  }, 120_000);
});
