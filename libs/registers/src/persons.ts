import { DependencyDown, TransientError } from '@postgang/outside';
import type { z } from 'zod';
import { QuestionRefused } from './asking.js';

/** Ten persons in a thousand can be told apart as refused in so many calls. */
const MOST_REFUSED_CALLS = 200;
/** So many refusals and not one answer: it is not about single persons. */
const HOPELESS_CALLS = 25;

/** What the register says of a person, or why it says nothing that can be used. */
export type Answers<T> = Map<string, T | TransientError>;

/**
 * Asks about many persons at once. When the register refuses the question as such (400) it is asked in halves, until those it will not be asked
 * about are found: their letters wait, nobody else's. Throws DependencyDown when it answers nothing.
 */
export async function askForPersons<T>(
  name: string,
  ids: readonly string[],
  lookUp: (ids: readonly string[]) => Promise<Answers<T>>,
): Promise<Answers<T>> {
  const answers: Answers<T> = new Map();
  let refused = 0;
  let answered = false;
  const part = async (some: readonly string[]): Promise<void> => {
    try {
      for (const [id, answer] of await lookUp(some)) answers.set(id, answer);
      answered = true;
    } catch (error) {
      if (!(error instanceof QuestionRefused)) throw error;
      refused++;
      if (refused >= (answered ? MOST_REFUSED_CALLS : HOPELESS_CALLS) || ids.length === 1) throw error;
      const [id] = some;
      if (some.length === 1 && id !== undefined) {
        answers.set(id, new TransientError(`${name}: will not be asked about this person`, { cause: error }));
        return;
      }
      const half = Math.ceil(some.length / 2);
      await part(some.slice(0, half));
      await part(some.slice(half));
    }
  };
  await part(ids);
  if (!answered) throw new DependencyDown(name, { cause: new Error('every single question is refused') });
  return answers;
}

/**
 * Reads an answer person by person: an entry that is missing, doubled or not understood makes that one letter wait. Throws DependencyDown when
 * not a single one is understood: then the register has changed, or is not itself.
 */
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
  let first: TransientError | undefined;
  let understood = 0;
  for (const id of asked) {
    const checked = schema.safeParse(found.get(id));
    if (checked.success) {
      answers.set(id, checked.data);
      understood++;
    } else {
      // paths only: the values are personal
      const place = found.has(id) ? `not understood at ${checked.error.issues[0]?.path.join('/') ?? ''}` : 'missing';
      const error = new TransientError(`${name}: the answer for this person is ${place}`);
      first ??= error;
      answers.set(id, error);
    }
  }
  // a person left out of the answer is not "not registered": it is no answer
  if (understood === 0) throw new DependencyDown(name, { cause: first });
  return answers;
}
