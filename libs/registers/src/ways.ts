import { DependencyDown } from '@postgang/outside';
import {
  chooseChannel,
  decidePaper,
  type PaperRule,
  type RegisterEntry,
  type RouteDecision,
  type RoutedLetter,
} from '@postgang/rules';
import type { Asked } from './asking.js';
import type { ContactRegister } from './contact-register.js';
import { PAPER_REGISTER, type PopulationRegister } from './population-register.js';

export interface Registers {
  readonly contacts: ContactRegister;
  readonly population: PopulationRegister;
}

/** Whom a letter is for, and what decides how it may go. */
export type Reaching = Asked & RoutedLetter;

/** How a letter would go, with the register entry that said so. */
export interface Way {
  readonly decision: RouteDecision;
  readonly entry: RegisterEntry;
}

/**
 * How each of the letters may go: one call per agency to the contact register for all, then the postal address of those that must go on paper
 * only (data minimisation). One result per letter: the way, or the error of that letter alone; DependencyDown for those on paper while the register
 * that is asked for paper only is away. Throws DependencyDown when the contact register is.
 */
export async function findWays(
  letters: readonly Reaching[],
  { contacts, population }: Registers,
  now: Date,
): Promise<(Way | Error)[]> {
  const entries = await contacts.lookup(letters);
  const paper = new Map<number, PaperRule>();
  const ways = letters.map(({ kind }, index): Way | Error => {
    const entry = entries[index] ?? new Error('no answer of the contact register');
    if (entry instanceof Error) return entry;
    const choice = chooseChannel(kind, entry, now);
    if ('digital' in choice) return { decision: choice.digital, entry };
    paper.set(index, choice.paper);
    return new Error('no answer of the population register');
  });
  const indexes = [...paper.keys()];
  const asked = indexes.map((index) => letters[index] as Reaching);
  const addresses = asked.length === 0 ? [] : await population.addresses(asked).catch(awayForAll(asked.length));
  indexes.forEach((index, at) => {
    const answer = addresses[at];
    if (answer instanceof Error) ways[index] = answer;
    else if (answer !== undefined)
      ways[index] = {
        decision: decidePaper(letters[index] as Reaching, paper.get(index) as PaperRule, answer),
        entry: entries[index] as RegisterEntry,
      };
  });
  return ways;
}

const awayForAll =
  (count: number) =>
  (error: unknown): DependencyDown[] => {
    if (error instanceof DependencyDown && error.dependency === PAPER_REGISTER)
      return new Array<DependencyDown>(count).fill(error);
    throw error;
  };
