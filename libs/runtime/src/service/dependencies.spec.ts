import { afterEach, expect, it } from '@jest/globals';
import { eventually } from '@postgang/testing';
import { pino } from 'pino';
import type { Worker } from '../worker.js';
import { watchDependencies } from './dependencies.js';

let worker: Worker | undefined;
const told: string[] = [];

function watch(probes: Record<string, () => Promise<unknown>>): void {
  told.length = 0;
  const tell = (name: string, up: boolean): void => void told.push(`${name} ${up ? 'up' : 'down'}`);
  worker = watchDependencies(probes, tell, pino({ level: 'silent' }), { everyMs: 1, patienceMs: 20 });
}

afterEach(() => worker?.stop());

it('tells the first answer, and then what changes', async () => {
  let answers = 0;
  const isAway = (): boolean => answers > 5 && answers <= 10;
  watch({ kafka: () => (++answers, isAway() ? Promise.reject(new Error('away')) : Promise.resolve()) });
  await eventually('an outage and its end', () => answers > 15 || undefined);
  expect(told).toEqual(['kafka up', 'kafka down', 'kafka up']);
});

it('takes silence for absence, and asks no second question into it', async () => {
  let asked = 0;
  let answer = (): void => undefined;
  watch({
    postgres: () => {
      asked += 1;
      return asked > 1 ? Promise.resolve() : new Promise<void>((resolve) => (answer = resolve));
    },
    kafka: () => Promise.resolve(),
  });
  await eventually('both told', () => told.length === 2 || undefined);
  expect(told).toEqual(['kafka up', 'postgres down']);
  expect(asked).toBe(1);
  answer();
  await eventually('the answer', () => told.includes('postgres up') || undefined);
});
