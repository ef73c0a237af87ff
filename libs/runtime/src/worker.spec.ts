import { describe, expect, it } from '@jest/globals';
import { DependencyDown } from '@postgang/outside';
import { eventually } from '@postgang/testing';
import { pino, type Logger } from 'pino';
import { startWorker } from './worker.js';

const HOUR_MS = 3_600_000;

function quiet(): { log: Logger; lines: string[] } {
  const lines: string[] = [];
  return { log: pino({}, { write: (line) => lines.push(line) }), lines };
}

describe('a worker', () => {
  it('goes on without waiting while there is more to do, then waits until it is woken', async () => {
    let left = 5;
    let turns = 0;
    const worker = startWorker('spec', HOUR_MS, async () => ((turns += 1), (left -= 1) > 0), quiet().log);
    await eventually('five turns', () => turns === 5 || undefined);
    left = 2;
    worker.wake();
    await eventually('two more', () => turns === 7 || undefined);
    await worker.stop();
    expect(turns).toBe(7);
  });

  it('that is woken in the middle of a turn takes another', async () => {
    let turns = 0;
    let end: () => void = () => undefined;
    const worker = startWorker(
      'spec',
      HOUR_MS,
      () => new Promise<boolean>((resolve) => ((turns += 1), (end = () => resolve(false)))),
      quiet().log,
    );
    await eventually('the first turn', () => turns === 1 || undefined);
    worker.wake();
    end();
    await eventually('the second turn', () => turns === 2 || undefined);
    end();
    await worker.stop();
  });

  it('survives errors, tells them, and waits as long as it is asked to', async () => {
    const { log, lines } = quiet();
    let turns = 0;
    const worker = startWorker(
      'spec',
      HOUR_MS,
      async () => {
        turns += 1;
        if (turns <= 2) throw new DependencyDown('smtp', { retryAfterMs: 1 });
        return false;
      },
      log,
    );
    await eventually('the third turn', () => turns === 3 || undefined);
    await worker.stop();
    expect(lines).toHaveLength(2);
    expect(JSON.parse(lines[0] as string)).toMatchObject({ worker: 'spec' });
  });

  it('stops when the turn in hand has ended, and never begins another', async () => {
    let turns = 0;
    let end: () => void = () => undefined;
    const worker = startWorker(
      'spec',
      1,
      () => new Promise<boolean>((resolve) => ((turns += 1), (end = () => resolve(true)))),
      quiet().log,
    );
    await eventually('the turn', () => turns === 1 || undefined);
    let stopped = false;
    const stopping = worker.stop().then(() => (stopped = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect(stopped).toBe(false);
    end();
    await stopping;
    expect(turns).toBe(1);
  });
});
