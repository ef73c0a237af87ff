import { TransientError } from '@postgang/outside';
import type { z } from 'zod';
import { QuestionFailed, QuestionRefused } from './asking.js';

/** Ten persons in a thousand can be told apart as refused in so many calls. */
const MOST_REFUSED_CALLS = 200;
/** So many refusals and not one answer: it is not about single persons. */
const HOPELESS_CALLS = 25;

/** What the register says of a person, or why it says nothing that can be used. */
export type Answers<T> = Map<string, T | TransientError>;

/**
 * Asks about many persons at once. When the register refuses the question as such (400), or breaks on it (500), it is asked in halves, until those
 * it cannot be asked about are found: their letters wait, nobody else's. After too many such calls those not told apart by then wait with them: the
 * next time they are fewer. A register that breaks on all of them is asked no further unless it `maySearch`: most often it is down, and is spared.
 * Throws DependencyDown when the register is away; that nobody is answered about is for the whole look-up to judge.
 */
export async function askForPersons<T>(
  name: string,
  ids: readonly string[],
  lookUp: (ids: readonly string[]) => Promise<Answers<T>>,
  maySearch: () => boolean,
): Promise<Answers<T>> {
  const answers: Answers<T> = new Map();
  const parts: (readonly string[])[] = [ids];
  const askedTwice = new Set<string>();
  let refused = 0;
  let answered = false;
  let last: QuestionRefused | QuestionFailed | undefined;
  for (;;) {
    // to the bottom first, which tells some apart even where there are too many; from both ends in turn until there is an answer: a few beside each other are not everybody
    const fromEnd = answered || refused % 2 === 0;
    const some = fromEnd ? parts.pop() : parts.shift();
    if (some === undefined) return answers;
    if (refused >= (answered ? MOST_REFUSED_CALLS : HOPELESS_CALLS)) {
      for (const id of some)
        answers.set(id, new TransientError(`${name}: refuses too many questions`, { cause: last }));
      continue;
    }
    try {
      for (const [id, answer] of await lookUp(some)) answers.set(id, answer);
      answered = true;
    } catch (error) {
      if (!(error instanceof QuestionRefused || error instanceof QuestionFailed)) throw error;
      if (error instanceof QuestionFailed && !answered && !maySearch()) throw error;
      last = error;
      refused++;
      const [id] = some;
      const put = (...those: (readonly string[])[]): unknown =>
        fromEnd ? parts.push(...those) : parts.unshift(...those);
      if (some.length > 1 || id === undefined) {
        const half = Math.ceil(some.length / 2);
        put(some.slice(0, half), some.slice(half));
      } else if (error instanceof QuestionFailed && !askedTwice.has(id)) {
        // it breaks now and then on anybody; on this one for certain?
        askedTwice.add(id);
        put(some);
      } else {
        const why = error instanceof QuestionFailed ? 'breaks when it is asked' : 'will not be asked';
        answers.set(id, new TransientError(`${name}: ${why} about this person`, { cause: error }));
      }
    }
  }
}

/** Reads an answer person by person: an entry that is missing, doubled or not understood makes that one letter wait. */
export function readPersons<T>(
  name: string,
  asked: readonly string[],
  entries: readonly unknown[],
  idOf: (entry: Record<string, unknown>) => unknown,
  schema: z.ZodType<T>,
): Answers<T> {
  const found = new Map<unknown, unknown>();
  for (const entry of entries) {
    if (typeof entry !== 'object' || entry === null) continue;
    const id = idOf(entry as Record<string, unknown>);
    found.set(id, found.has(id) ? undefined : entry);
  }
  const answers: Answers<T> = new Map();
  for (const id of asked) {
    const checked = schema.safeParse(found.get(id));
    if (checked.success) {
      answers.set(id, checked.data);
    } else {
      // paths only: the values are personal. A person left out of the answer is not "not registered": it is no answer
      const place = found.has(id) ? `not understood at ${checked.error.issues[0]?.path.join('/') ?? ''}` : 'missing';
      answers.set(id, new TransientError(`${name}: the answer for this person is ${place}`));
    }
  }
  return answers;
}
