import type { EffectState } from '@postgang/runtime';

/** All that is written about one letter, in every book. Times are milliseconds since 1970. */
export interface LetterBooks {
  readonly id: string;
  /** The agency says that it handed it in. */
  readonly handedIn: boolean;
  /** Whose it is and what they call it, from whichever book knows. */
  readonly sender: string | null;
  readonly reference: string | null;
  /** integration-point's row. */
  readonly intake: { readonly sender: string; readonly acceptedAt: number; readonly publishedAt: number | null } | null;
  /** register-lookup's decisions. */
  readonly routes: readonly { readonly leg: number; readonly routed: boolean; readonly decidedAt: number }[];
  /** Why register-lookup keeps it for a person, if it does. */
  readonly parked: string | null;
  /** receipts' row. */
  readonly letter: {
    readonly sender: string | null;
    readonly status: string | null;
    readonly seq: number;
    readonly headHash: Buffer | null;
  } | null;
  readonly legs: readonly BookedLeg[];
  readonly history: readonly BookedEntry[];
  /** What is wrong with the history's chain; undefined when it holds. */
  readonly broken: string | undefined;
  /** Not yet met. */
  readonly awaited: readonly {
    readonly leg: number;
    readonly awaits: string;
    readonly owedBy: string;
    readonly dueAt: number;
  }[];
  /** Receipts and adapters' reports that count, by the event that says so. */
  readonly receipts: readonly string[];
  /** Receipts about this letter's legs that do not count, and why; null: it waits for a leg that is there. */
  readonly setAside: readonly (string | null)[];
  /** provider-dispatch's ledger. */
  readonly effects: readonly BookedEffect[];
  /** notification's ledger. */
  readonly messages: readonly { readonly leg: number; readonly state: string; readonly doneAt: number | null }[];
  /** What the provider says it has of this letter; undefined: it was not asked. */
  readonly reported: readonly Reported[] | undefined;
}

export interface BookedEntry {
  readonly seq: number;
  readonly at: number;
  readonly kind: string;
  readonly leg: number | null;
  readonly eventId: string;
  /** A service message became due with it. */
  readonly ordersNotice: boolean;
  /** register-lookup said so. */
  readonly byRegisterLookup: boolean;
  /** A refusal that is our own word: nobody took the leg, and an operator may have it sent again. */
  readonly givenUp: boolean;
}

export interface BookedLeg {
  readonly leg: number;
  readonly conversationId: string;
  readonly channel: string | null;
  readonly provider: string | null;
  readonly state: string;
}

export interface BookedEffect {
  /** The message id at the provider. */
  readonly id: string;
  readonly leg: number;
  readonly provider: string;
  readonly state: EffectState;
  readonly settled: boolean;
  readonly createdAt: number;
  readonly doneAt: number | null;
  readonly publishedAt: number | null;
}

export const PROVIDER_STATUSES = ['accepted', 'delivered', 'posted', 'returned', 'refused'] as const;
export type ProviderStatus = (typeof PROVIDER_STATUSES)[number];

/** A line of the provider's own report. */
export interface Reported {
  readonly messageId: string;
  readonly leg: number;
  readonly at: number;
  readonly status: ProviderStatus;
  /** How many lines of the report name this message. */
  readonly times: number;
}

/** One thing that does not add up. `says` is for a person; nothing personal in it. */
export interface Imbalance {
  readonly letterId: string;
  readonly cause: Cause;
  readonly says: string;
}

/** Stable, for machines. */
export type Cause =
  | 'never-accepted'
  | 'intake-row-missing'
  | 'unpublished'
  | 'never-routed'
  | 'missing-in-receipts'
  | 'skipped-by-receipts'
  | 'row-missing'
  | 'rows-disagree'
  | 'history-altered'
  | 'never-queued'
  | 'effect-unrecorded'
  | 'ledger-disagrees'
  | 'not-at-provider'
  | 'doubled'
  | 'receipt-lost'
  | 'provider-disagrees'
  | 'notice-missing'
  | 'nothing-awaited'
  | 'overdue'
  | 'unread-and-gone';

/** Where a letter stands in the sum. `unaccounted`: past its deadline, or nobody can say. */
export type Ending = 'delivered' | 'posted' | 'ended-otherwise' | 'in-flight' | 'unaccounted';
