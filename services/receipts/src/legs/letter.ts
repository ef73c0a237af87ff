import type { LegState, LetterStatus } from '@postgang/rules';

/** How a leg travels, in the words of libs/rules. */
export type LegChannel = 'digital' | 'print';

/** A letter as its row holds it. Sender and reference are unknown while only facts without them have arrived. */
export interface LetterRow {
  readonly id: string;
  sender: string | null;
  reference: string | null;
  status: LetterStatus | null;
  /** Number of the newest history entry. */
  seq: number;
  headHash: Buffer | null;
  /** Encoded letter.notify.v1, kept until the notification has been given or has failed. */
  notify: Buffer | null;
  /** The leg whose delivery made the service message due. */
  notifyLeg: number | null;
  refusedReason: string | null;
  refusedDetail: string | null;
}

export interface LegRow {
  readonly letterId: string;
  readonly n: number;
  readonly conversationId: string;
  channel: LegChannel | null;
  provider: string | null;
  /** Who must have signed this leg's receipts. */
  providerOrganisation: string | null;
  /**
   * When the route was chosen or the package made, whichever of the facts known says the earlier time: one host's clock may be ahead. No receipt is
   * older. Not the hand-over: that is written down when the answer is in the ledger, after an outage long after the provider had the letter, and its
   * receipt may have been signed before. Never later than when we read of it.
   */
  sealedAt: Date | null;
  state: LegState;
  reason: string | null;
  detail: string | null;
}

export interface ExpectationRow {
  readonly letterId: string;
  readonly leg: number;
  readonly awaits: LegState;
  /** `postgang`, or the provider's name. */
  readonly owedBy: string;
  /** When the state before it was reached; unknown in rows of an older version. */
  readonly since: Date | null;
  readonly dueAt: Date;
  metAt: Date | null;
  /** When the deadline fired. */
  overdueAt: Date | null;
}

export const newLetter = (id: string): LetterRow => ({
  id,
  sender: null,
  reference: null,
  status: null,
  seq: 0,
  headHash: null,
  notify: null,
  notifyLeg: null,
  refusedReason: null,
  refusedDetail: null,
});
