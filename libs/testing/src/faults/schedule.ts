import { SeededRandom } from './random.js';

/** A kind of fault that may strike, where, and for how long. */
export interface FaultKind {
  readonly name: string;
  /** Whom it may strike: processes, servers, links, providers; the executor knows the names. */
  readonly targets: readonly string[];
  /** Least and most, milliseconds; [0, 0] for what has no length. */
  readonly lastsMs: readonly [least: number, most: number];
}

export interface PlannedFault {
  /** From 1, in the order in which they strike. */
  readonly number: number;
  /** It strikes when so many letters have been handed in: time would not repeat itself on a slower machine. */
  readonly atLetter: number;
  readonly fault: string;
  readonly target: string;
  readonly ms: number;
}

export interface ScheduleOptions {
  readonly seed: number;
  readonly letters: number;
  readonly faults: number;
  readonly kinds: readonly FaultKind[];
}

/** The first letters go undisturbed, and so do the last, behind which nothing would be in flight. */
const FIRST_SHARE = 0.05;
const LAST_SHARE = 0.95;

/**
 * What strikes when: a pure function of its options, so that the same seed gives the same run. The kinds take turns in an order thrown anew each
 * round; a run with at least as many faults as kinds has each of them. Kinds without targets are left out.
 */
export function scheduleOf({ seed, letters, faults, kinds }: ScheduleOptions): readonly PlannedFault[] {
  const random = new SeededRandom(seed);
  const possible = kinds.filter(({ targets }) => targets.length > 0);
  if (possible.length === 0) return [];
  const first = Math.ceil(letters * FIRST_SHARE);
  const last = Math.max(first, Math.floor(letters * LAST_SHARE));
  const times = Array.from({ length: faults }, () => random.between(first, last)).sort((one, other) => one - other);
  let round: FaultKind[] = [];
  return times.map((atLetter, index) => {
    if (round.length === 0) round = random.shuffled(possible);
    const { name, targets, lastsMs } = round.pop() as FaultKind;
    return {
      number: index + 1,
      atLetter,
      fault: name,
      target: random.pick(targets),
      ms: random.between(...lastsMs),
    };
  });
}
