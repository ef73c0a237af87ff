import { TransientError } from '@postgang/outside';
import { bySender, chunks, QuestionFailed, RegisterDenied, type Asked, type RegisterName } from './asking.js';
import type { Doubt } from './doubt.js';
import { askForPersons, type Answers } from './persons.js';

const MOST_PER_CALL = 1_000;

/** How one register is asked about persons, and what its answer about one of them means. */
export interface Reading<T, A> {
  readonly name: RegisterName;
  readonly doubt: Doubt;
  /** At most a thousand persons, with this agency's token. */
  readonly ask: (sender: string, ids: readonly string[]) => Promise<Answers<T>>;
  readonly answerOf: (found: T) => A;
}

/**
 * One answer per question, in order: what the register says, RegisterDenied for all of an agency that may not ask, or a TransientError when there is
 * no usable answer for that person. Nothing that is about one agency's persons is held against the others. Throws DependencyDown when the register
 * is away, and when it is in doubt.
 */
export async function lookUp<T, A>(
  asked: readonly Asked[],
  { name, doubt, ask, answerOf }: Reading<T, A>,
): Promise<(A | RegisterDenied | TransientError)[]> {
  const answers = new Array<A | RegisterDenied | TransientError>(asked.length);
  const unanswered = new Set<string>();
  let anybody = false;
  let reason: TransientError | undefined;
  let broke: QuestionFailed | undefined;
  let search: boolean | undefined;
  const maySearch = (): boolean => anybody || (search ??= doubt.maySearch());
  await Promise.all(
    bySender(asked).map(async ([sender, questions]) => {
      try {
        for (const part of chunks(questions, MOST_PER_CALL)) {
          const ids = [...new Set(part.map(({ nationalId }) => nationalId))];
          const found = await askForPersons(name, ids, (some) => ask(sender, some), maySearch);
          for (const { nationalId, index } of part) {
            const one = found.get(nationalId) as T | TransientError;
            if (one instanceof TransientError) {
              unanswered.add(nationalId);
              answers[index] = reason = one;
              if (one.cause instanceof QuestionFailed) broke = one.cause;
            } else {
              anybody = true;
              answers[index] = answerOf(one);
            }
          }
        }
      } catch (error) {
        if (!(error instanceof RegisterDenied)) throw error;
        for (const { index } of questions) answers[index] = error;
      }
    }),
  );
  // a register that breaks on every question is down, also when it is asked about one person only
  if (!anybody && broke !== undefined) throw broke;
  doubt.weigh({ anybody, unanswered: unanswered.size, reason });
  return answers;
}
