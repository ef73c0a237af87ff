import { DependencyDown, type TransientError } from '@postgang/outside';

/** So many persons and not one of them understood: that is the register, however long it lasts. */
const MANY_PERSONS = 25;
/** A few persons who may be the trouble themselves hold up others for no longer than this (milliseconds). */
const PATIENCE_MS = 120_000;
/** A register that has answered about somebody else is believed for so long (milliseconds), which is longer than a consumer pauses, and once. */
const VOUCHED_MS = 10_000;

/** How often a register that breaks is searched for those on whom it does (milliseconds). */
const SEARCH_EVERY_MS = 30_000;

/** What a whole look-up came to, over all agencies. Those of agencies that were denied access are in neither. */
export interface Understood {
  readonly anybody: boolean;
  /** How many persons there was no usable answer for, and the reason of one. */
  readonly unanswered: number;
  readonly reason: TransientError | undefined;
}

/**
 * Who is to blame when a register answers, but about nobody: itself, or the persons asked about? A look-up cannot tell, so it is told by what came
 * before and comes after. One for each register, shared by its look-ups.
 *
 *   nobody of several understood → in doubt: it counts as away, nothing is committed
 *   somebody understood          → it was not the register: the same persons, back again, are their own trouble
 *
 * One person alone never begins a doubt. And a doubt ends after two minutes for look-ups about a few: they may be all that is asked for, the whole night.
 */
export class Doubt {
  private searchedAt = -Infinity;
  private state: { readonly since: number } | { readonly vouchedAt: number } | undefined;

  constructor(
    private readonly name: string,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** Whether it may be asked in halves though it has broken on the whole: a few dozen calls, which one that is down is spared most of the time. */
  maySearch(): boolean {
    const now = this.now();
    if (now - this.searchedAt < SEARCH_EVERY_MS) return false;
    this.searchedAt = now;
    return true;
  }

  /** Throws DependencyDown when the register is to blame. Returning means: those without an answer are single letters' trouble. */
  weigh({ anybody, unanswered, reason }: Understood): void {
    const now = this.now();
    if (anybody) {
      if (this.state !== undefined && 'since' in this.state) this.state = { vouchedAt: now };
      return;
    }
    if (unanswered === 0) return;
    const inDoubt = this.state !== undefined && 'since' in this.state ? this.state : undefined;
    if (inDoubt === undefined && unanswered === 1) return;
    if (this.state !== undefined && 'vouchedAt' in this.state && now - this.state.vouchedAt < VOUCHED_MS) {
      this.state = undefined;
      return;
    }
    const { since } = (this.state = inDoubt ?? { since: now });
    if (unanswered < MANY_PERSONS && now - since >= PATIENCE_MS) return;
    throw new DependencyDown(this.name, { cause: reason });
  }
}
