import { expect, it } from '@jest/globals';
import { DependencyDown } from '@postgang/outside';
import { Patience } from './patience.js';

const never = (): Promise<never> => new Promise(() => undefined);

it('gives what comes in time, and what went wrong', async () => {
  const patience = new Patience('kafka', 1_000);
  await expect(patience.wait(() => Promise.resolve(1))).resolves.toBe(1);
  await expect(patience.wait(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
  await expect(patience.wait(() => Promise.resolve(2))).resolves.toBe(2);
});

it.each(['answers', 'fails'])('asks nothing more of one that is late, until it %s', async (how) => {
  const patience = new Patience('kafka', 1);
  let end = (): void => undefined;
  const slow = new Promise<void>((resolve, reject) => {
    end = () => (how === 'answers' ? resolve() : reject(new Error('late')));
  });
  await expect(patience.wait(() => slow)).rejects.toBeInstanceOf(DependencyDown);
  let asked = false;
  const ask = (): Promise<void> => {
    asked = true;
    return Promise.resolve();
  };
  await expect(patience.wait(ask)).rejects.toBeInstanceOf(DependencyDown);
  expect(asked).toBe(false);
  end();
  await slow.catch(() => undefined);
  await patience.wait(ask);
  expect(asked).toBe(true);
});

it('is lost by each for itself', async () => {
  await expect(new Patience('postgres', 1).wait(never)).rejects.toMatchObject({ dependency: 'postgres' });
  await expect(new Patience('kafka', 1).wait(() => Promise.resolve(3))).resolves.toBe(3);
});
