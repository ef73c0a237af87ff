import type { LegState, LetterStatus } from '../letter-status.js';

/** Who has the next step of a letter in hand, as far as it is in our house. */
export const TURNS = [
  'integration-point',
  'register-lookup',
  'encryption',
  'provider-dispatch',
  'receipts',
  'notification',
] as const;
export type Turn = (typeof TURNS)[number];

/** Sources of facts that can be away. What a silent source would have said is unknown, which is not the same as "no". */
export type FactSource = 'database' | 'broker' | 'health';

/** How a service is, as far as it was found out; what was not asked or not answered is left out. */
export interface ServiceState {
  /** Somebody runs it. */
  readonly alive?: boolean;
  /** It runs, and has stopped itself: too many bad ends. */
  readonly stopped?: boolean;
  /** Dependencies it finds away now. */
  readonly down?: readonly string[];
  /** Records it has not handled yet. */
  readonly behind?: number;
  /** Its database says it has read less than the broker has been told: a backup was put back. */
  readonly restored?: boolean;
}

/** How long a provider has taken of late for what is awaited, in milliseconds. */
export interface UsualTime {
  readonly samples: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
}

/** A record of the letter that lies in a retry tier or among the dead letters of a service. */
export interface SetAsideRecord {
  readonly service: Turn;
  /** Class and message of the error, scrubbed. Never shown to an agency. */
  readonly failure: string;
  readonly attempts: number;
  /** When it is tried again; null for a dead letter. */
  readonly dueAt: Date | null;
}

/** All that is known of one letter at one moment, from published views, the broker, and what services say about themselves. */
export interface Situation {
  readonly now: Date;
  readonly silent: readonly FactSource[];
  /** Undefined when the intake does not know the letter. */
  readonly acceptedAt: Date | undefined;
  /** Its event is with the broker. */
  readonly published: boolean;
  readonly status: LetterStatus | undefined;
  /** Why it was refused before any leg was opened. */
  readonly refusal: string | undefined;
  /** A decision how to send it is stored. */
  readonly routed: boolean;
  readonly leg:
    | {
        readonly n: number;
        readonly channel: 'digital' | 'print' | null;
        readonly provider: string | null;
        readonly state: LegState;
        readonly reason: string | null;
      }
    | undefined;
  /** The open expectation of the newest leg. */
  readonly awaited:
    { readonly awaits: LegState; readonly from: string; readonly since: Date; readonly dueAt: Date } | undefined;
  /** The hand-over of the newest leg in the effect ledger. */
  readonly effect:
    | {
        readonly provider: string;
        readonly state: 'QUEUED' | 'INTENDED' | 'HANDED_OVER' | 'REFUSED' | 'UNCERTAIN' | 'PARKED' | 'FAILED';
        readonly reason: string | null;
        readonly since: Date;
        readonly notBefore: Date;
      }
    | undefined;
  /** Why other post to the same provider waits in the ledger: a letter behind an outage has not been tried itself. */
  readonly lane: string | undefined;
  /** It lies with register-lookup until a person does something. */
  readonly parked: { readonly why: string; readonly since: Date } | undefined;
  /** The service message that was ordered with a letter. */
  readonly notice: 'none' | 'awaited' | 'sent' | 'not-sent';
  /** Problem of the newest receipt that was set aside for this leg. */
  readonly setAside: string | undefined;
  /** Receipts of its provider, come since it was handed over, that name a conversation nobody knows. */
  readonly strays: number;
  /** Until when its provider was asked for everything it had. */
  readonly pulledUntil: Date | undefined;
  /** The provider has answered for a letter that it got later than this one. */
  readonly othersAnswered: boolean;
  readonly usual: UsualTime | undefined;
  readonly retry: SetAsideRecord | undefined;
  readonly dead: SetAsideRecord | undefined;
  readonly services: Partial<Record<Turn, ServiceState>>;
}

const AFTER: Partial<Record<LegState, Turn>> = { Routed: 'encryption', Sealed: 'provider-dispatch' };

/** Who must act next; undefined when it is the provider's turn, or nobody's. By the furthest fact: the history may lag behind the ledger. */
export function turnOf(situation: Situation): Turn | undefined {
  const { published, status, routed, leg, effect, notice } = situation;
  if (status === 'REFUSED' || status === 'FAILED') return undefined;
  if (leg?.state === 'Delivered' || leg?.state === 'Opened') return notice === 'awaited' ? 'notification' : undefined;
  if (leg !== undefined && AFTER[leg.state] === undefined) return undefined;
  if (effect !== undefined)
    return ['QUEUED', 'INTENDED', 'UNCERTAIN', 'PARKED'].includes(effect.state) ? 'provider-dispatch' : 'receipts';
  if (leg !== undefined) return AFTER[leg.state];
  if (routed) return 'encryption';
  return published ? 'register-lookup' : 'integration-point';
}
