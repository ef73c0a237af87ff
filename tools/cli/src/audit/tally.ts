import { harmless } from '@postgang/runtime';
import type { Cause, Ending, Imbalance, LetterBooks } from './books.js';
import type { Verdict } from './reconcile.js';

/** One line of the report. */
export interface Listed extends Omit<Imbalance, 'letterId'> {
  readonly letterId: string | null;
  readonly sender: string | null;
  /** As the agency calls it; what looks personal in it is masked. */
  readonly reference: string | null;
}

/** Of an accepted letter; an agency's own list may hold anything. */
const LONGEST_REFERENCE = 100;

const ENDINGS: readonly Ending[] = ['delivered', 'posted', 'ended-otherwise', 'in-flight', 'unaccounted'];

/** Sums up, in the same memory however many letters there are: beyond `most` imbalances are counted and not listed. */
export class Tally {
  accepted = 0;
  readonly endings = Object.fromEntries(ENDINGS.map((ending) => [ending, 0])) as Record<Ending, number>;
  readonly causes: Partial<Record<Cause, number>> = {};
  readonly ledger = { handedOver: 0, settledByAsking: 0, refused: 0, failed: 0, unsettled: 0, queued: 0 };
  readonly listed: Listed[] = [];
  /** Letters in flight that wait for a person in register-lookup; no deadline runs for them. */
  parked = 0;
  entries = 0;
  imbalances = 0;

  constructor(private readonly most: number) {}

  /** `letters`: so many that are alike and add up. */
  add(books: LetterBooks, { ending, imbalances }: Verdict, letters = 1): void {
    // what was never accepted stands in no sum, only in the list
    if (books.intake !== null) {
      this.accepted += letters;
      this.endings[ending] += letters;
      if (ending === 'in-flight' && books.parked !== null) this.parked += letters;
    }
    this.entries += books.history.length * letters;
    for (const { state, settled } of books.effects) {
      if (state === 'HANDED_OVER') this.ledger.handedOver += letters;
      else if (state === 'REFUSED') this.ledger.refused += letters;
      else if (state === 'FAILED') this.ledger.failed += letters;
      else if (state === 'QUEUED') this.ledger.queued += letters;
      else this.ledger.unsettled += letters;
      if (settled) this.ledger.settledByAsking += letters;
    }
    for (const imbalance of imbalances) this.list({ ...imbalance, sender: books.sender, reference: books.reference });
  }

  list({ reference, ...line }: Listed): void {
    this.imbalances += 1;
    this.causes[line.cause] = (this.causes[line.cause] ?? 0) + 1;
    if (this.listed.length < this.most)
      this.listed.push({ ...line, reference: reference === null ? null : harmless(reference, LONGEST_REFERENCE) });
  }

  get closed(): boolean {
    return this.imbalances === 0;
  }
}
