import type { EffectState } from '@postgang/runtime';
import type { ServiceName } from '@postgang/pipeline';
import type { Described } from './filter.js';

/** What the services' published views say about the letter of one dead letter. Undefined: they know nothing of it. */
export interface Known {
  /** Its leg, in the ledger of provider-dispatch. */
  readonly effect: EffectState | undefined;
  /** Its service message, in the words of the ledger. */
  readonly message: EffectState | undefined;
  /** Its leg, in the history: what an outside adapter has done is known there alone. */
  readonly legState: string | undefined;
  /** When what it waits for was due. */
  readonly dueAt: Date | undefined;
  /** The plan that has sent this record again since it died. */
  readonly redrivenBy: string | undefined;
}

/** Why a dead letter is not sent again. */
export type Why =
  /** The leg is handed over, or the service message sent, already. */
  | 'handed-over'
  /** The ledger has it in hand: it goes its way by itself. */
  | 'under-way'
  /** Nobody knows yet whether it was handed over; that is settled by asking, never by sending. */
  | 'uncertain'
  /** The provider or a rule said no, and the sender was told. */
  | 'refused'
  /** Given up, and the sender was told. */
  | 'failed'
  /** The letter is past its deadline, and the plan was asked to leave those. */
  | 'past-deadline'
  /** A plan has sent this record again already. */
  | 'already-redriven'
  /** The same record lies in the dead letters once more, later. */
  | 'same-record'
  /** It lies sealed, and there is no key to open it. */
  | 'sealed'
  /** Retention has removed it. */
  | 'gone'
  /** Another record lies at its place. */
  | 'changed'
  /** With what must be said about it, it is larger than a topic takes. */
  | 'too-large';

export interface Asked {
  readonly leavePastDeadline: boolean;
  /** Legs that provider-dispatch has given up, too: their senders have been told that they failed. */
  readonly alsoFailed: boolean;
  /** Records that lie sealed can be opened. */
  readonly canOpen: boolean;
}

type Judged = Pick<Described, 'service' | 'originTopic' | 'sealed'>;

/** Services on the way to the hand-over: what they do for a leg is pointless once the ledger has its end. Not integration-point, which decides about hand-ins. */
const BEFORE_HANDOVER: readonly ServiceName[] = ['register-lookup', 'encryption', 'provider-dispatch'];

const OF_EFFECT: Record<EffectState, Why> = {
  QUEUED: 'under-way',
  INTENDED: 'under-way',
  UNCERTAIN: 'uncertain',
  PARKED: 'uncertain',
  HANDED_OVER: 'handed-over',
  REFUSED: 'refused',
  FAILED: 'failed',
};

/** Of the history's leg states those from which the way to the hand-over leads nowhere. */
const OF_LEG: Record<string, Why> = {
  HandedOver: 'handed-over',
  ReceivedForPrint: 'handed-over',
  Delivered: 'handed-over',
  Opened: 'handed-over',
  Posted: 'handed-over',
  Returned: 'handed-over',
  Refused: 'refused',
  Failed: 'failed',
};

export const isLate = ({ dueAt }: Known, now: Date): boolean => dueAt !== undefined && dueAt < now;

/** Why it is left out, or undefined: it is to be sent. The same question when a plan is drawn up and when it is carried out. */
export function judge(dead: Judged, known: Known, asked: Asked, now: Date): Why | undefined {
  if (known.redrivenBy !== undefined) return 'already-redriven';
  if (dead.sealed && !asked.canOpen) return 'sealed';
  const why = done(dead, known);
  if (why !== undefined && !(why === 'failed' && asked.alsoFailed && dead.service === 'provider-dispatch')) return why;
  return asked.leavePastDeadline && isLate(known, now) ? 'past-deadline' : undefined;
}

/**
 * The same when the plan is carried out: of a record that was to be sent, as it lies there now (`digest`, undefined: not any more) and as the world is
 * now. What the plan left out is never asked about again.
 */
export function fateOf(
  planned: Judged & { readonly digest: string },
  digest: string | undefined,
  known: Known,
  asked: Asked,
  now: Date,
): Why | undefined {
  if (digest === undefined) return 'gone';
  return digest === planned.digest ? judge(planned, known, asked, now) : 'changed';
}

function done({ service, originTopic }: Judged, { effect, message, legState }: Known): Why | undefined {
  if (service === 'notification') return message === undefined ? undefined : ofMessage(message);
  if (!BEFORE_HANDOVER.includes(service) || originTopic.startsWith('receipt.')) return undefined;
  // a leg of which the ledger has an end is in the history as what its provider has made of it since
  const ofEffect = effect === undefined ? undefined : OF_EFFECT[effect];
  const ofLeg = legState === undefined ? undefined : OF_LEG[legState];
  if (ofEffect === 'handed-over' || ofLeg === 'handed-over') return 'handed-over';
  // "refused" in the history may be the ledger's FAILED as the sender was told it
  return ofEffect ?? ofLeg;
}

/** An intention that somebody died with is no reason: the record comes back, and the service tells that it is uncertain. */
const ofMessage = (state: EffectState): Why | undefined => (state === 'INTENDED' ? undefined : OF_EFFECT[state]);
