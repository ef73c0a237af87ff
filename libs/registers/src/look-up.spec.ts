import { describe, expect, it } from '@jest/globals';
import { DependencyDown, TransientError } from '@postgang/outside';
import { QuestionFailed, QuestionRefused, RegisterDenied, type Asked } from './asking.js';
import { Doubt } from './doubt.js';
import { lookUp, type Reading } from './look-up.js';
import type { Answers } from './persons.js';

const [ONE, OTHER] = ['310000027', '310000108'] as const;
const of = (sender: string, ...ids: string[]): Asked[] => ids.map((nationalId) => ({ sender, nationalId }));
const numbered = (count: number): string[] => Array.from({ length: count }, (_, index) => `p${index}`);

/** Leaves out who is called `missing…`; refuses every question with a `refused…` in it, breaks on one with a `broken…`; `calls` are the questions it was asked. */
function register(): Reading<string, string> & { readonly calls: (readonly string[])[] } {
  const calls: (readonly string[])[] = [];
  return {
    name: 'krr',
    doubt: new Doubt('krr'),
    calls,
    ask: (_sender, ids): Promise<Answers<string>> => {
      calls.push(ids);
      if (ids.some((id) => id.startsWith('refused'))) return Promise.reject(new QuestionRefused('krr'));
      if (ids.some((id) => id.startsWith('broken'))) return Promise.reject(new QuestionFailed('krr'));
      return Promise.resolve(
        new Map(ids.map((id) => [id, id.startsWith('missing') ? new TransientError('krr: missing') : id])),
      );
    },
    answerOf: (found) => found.toUpperCase(),
  };
}

describe('the only person of one agency without an answer', () => {
  it.each(['missing', 'refused', 'broken'])('holds up nobody of another (%s)', async (id) => {
    const [mine, ...others] = await lookUp([...of(ONE, id), ...of(OTHER, 'a', 'b')], register());
    expect(mine).toBeInstanceOf(TransientError);
    expect(others).toEqual(['A', 'B']);
  });

  it.each(['missing', 'refused'])('is tried later when nobody else is asked about (%s)', async (id) => {
    const [mine] = await lookUp([...of(ONE, id), ...of(OTHER, id)], register());
    expect(mine).toBeInstanceOf(TransientError);
  });
});

it('several persons and not one answer, over all agencies: the register counts as away', async () => {
  const krr = register();
  await expect(lookUp([...of(ONE, 'missing1'), ...of(OTHER, 'refused2')], krr)).rejects.toBeInstanceOf(DependencyDown);
  await lookUp(of(ONE, 'a'), krr);
  const again = await lookUp([...of(ONE, 'missing1'), ...of(OTHER, 'refused2')], krr);
  expect(again.every((answer) => answer instanceof TransientError)).toBe(true);
});

it('a register that is away for one agency is away', async () => {
  const krr = { ...register(), ask: () => Promise.reject(new DependencyDown('krr')) };
  await expect(lookUp(of(ONE, 'a'), krr)).rejects.toBeInstanceOf(DependencyDown);
});

it('an agency without access is told so, and speaks neither for nor against the register', async () => {
  const { ask, ...rest } = register();
  const krr: Reading<string, string> = {
    ...rest,
    ask: (sender, ids) =>
      sender === ONE ? Promise.reject(new RegisterDenied('krr', ONE, 'has no token')) : ask(sender, ids),
  };
  const [denied, missing] = await lookUp([...of(ONE, 'a'), ...of(OTHER, 'missing')], krr);
  expect(denied).toBeInstanceOf(RegisterDenied);
  expect(missing).toBeInstanceOf(TransientError);
});

describe('an agency about whose persons the register refuses to be asked', () => {
  it('has them told apart, however close together they stand', async () => {
    const krr = register();
    const ids = [...numbered(12).map((id) => `refused-${id}`), ...numbered(900)];
    const answers = await lookUp(of(ONE, ...ids), krr);
    expect(answers.filter((answer) => answer instanceof TransientError)).toHaveLength(12);
    expect(krr.calls.length).toBeLessThan(60);
  });

  it('has the rest wait after too many refusals, while those of others go, and gets on each time', async () => {
    const krr = register();
    const ids = numbered(1_000).map((id, index) => (index % 10 === 0 ? `refused-${id}` : id));
    let waiting: readonly string[] = ids;
    for (let attempt = 0; attempt < 5; attempt++) {
      krr.calls.length = 0;
      const answers = await lookUp([...of(ONE, ...waiting), ...of(OTHER, 'a')], krr);
      expect(answers.at(-1)).toBe('A');
      expect(krr.calls.length).toBeLessThan(500);
      waiting = waiting.filter((_, index) => answers[index] instanceof TransientError);
    }
    expect(waiting.filter((id) => id.startsWith('refused'))).toHaveLength(100);
    expect(waiting.length).toBeLessThan(500);
  });

  it('has all wait when not one question is answered', async () => {
    const krr = register();
    const ids = numbered(1_000).map((id) => `refused-${id}`);
    const answers = await lookUp([...of(ONE, ...ids), ...of(OTHER, 'a')], krr);
    expect(answers.at(-1)).toBe('A');
    expect(answers.slice(0, -1).every((answer) => answer instanceof TransientError)).toBe(true);
    expect(krr.calls.length).toBeLessThan(30);
  });
});

describe('a register that breaks (500)', () => {
  it('on one person among a thousand answers about the others in a few calls, and that one is asked about twice', async () => {
    const krr = register();
    const answers = await lookUp(of(ONE, ...numbered(700), 'broken', ...numbered(299)), krr);
    expect(answers.filter((answer) => answer instanceof TransientError)).toHaveLength(1);
    expect(answers[700]).toMatchObject({ message: 'krr: breaks when it is asked about this person' });
    expect(krr.calls.filter((ids) => ids.includes('broken') && ids.length === 1)).toHaveLength(2);
    expect(krr.calls.length).toBeLessThan(30);
  });

  it('on two of a thousand, at either end, is not down', async () => {
    const answers = await lookUp(of(ONE, 'broken1', ...numbered(998), 'broken2'), register());
    expect(answers.filter((answer) => answer instanceof TransientError)).toHaveLength(2);
  });

  it('on every question is down, is spared but for every half minute, and costs no letter an attempt', async () => {
    let now = 0;
    const krr = { ...register(), doubt: new Doubt('krr', () => now) };
    const all = [...of(ONE, ...numbered(1_000).map((id) => `broken-${id}`)), ...of(OTHER, 'broken')];
    const calls: number[] = [];
    for (; now <= 30_000; now += 10_000) {
      krr.calls.length = 0;
      await expect(lookUp(all, krr)).rejects.toBeInstanceOf(QuestionFailed);
      calls.push(krr.calls.length);
    }
    expect(calls.map((count) => count > 2)).toEqual([true, false, false, true]);
    expect(Math.max(...calls)).toBeLessThan(30);
    await expect(lookUp(of(ONE, 'broken'), krr)).rejects.toBeInstanceOf(QuestionFailed);
  });

  it('now and then costs nobody an attempt', async () => {
    const { ask, ...rest } = register();
    let calls = 0;
    const krr = {
      ...rest,
      ask: (sender: string, ids: readonly string[]) =>
        calls++ % 2 === 0 ? Promise.reject(new QuestionFailed('krr')) : ask(sender, ids),
    };
    const answers = await lookUp(of(ONE, ...numbered(40)), krr);
    expect(answers.every((answer) => typeof answer === 'string')).toBe(true);
  });
});
