import { commitmentName } from '@postgang/evidence';
import { PermanentError } from '@postgang/outside';
import {
  encode,
  isUuid,
  type Channel,
  type Letter,
  type LetterAccepted,
  type LetterDispatch,
  type LetterDispatched,
  type LetterRedriven,
  type LetterRefused,
  type LetterRouted,
  type RecipientNotified,
} from '@postgang/pipeline';
import type { Received } from '@postgang/runtime';
import { kindOf, serviceMessageAllowed, type LegState } from '@postgang/rules';
import type { LegChannel } from './letter.js';

/** Something that is known to have happened to a letter. */
export interface Fact {
  readonly eventId: string;
  readonly letterId: string;
  /** When it happened, as whoever tells it has it. */
  readonly at: Date;
  /** From when deadlines and usual times count, where `at` cannot be true: no clock or signature moves them as it likes. */
  readonly since?: Date;
  /** Kind of its history entry. */
  readonly kind: string;
  readonly sender?: string;
  readonly reference?: string;
  /** What the fact says: exactly one of the effects, or none (then it is only recorded). */
  readonly effect?:
    | { readonly of: 'letter'; readonly notify: Buffer | null }
    | { readonly of: 'refusal'; readonly reason: string; readonly detail: string }
    | LegEffect
    | { readonly of: 'notification' }
    | { readonly of: 'overdue'; readonly awaits: LegState };
  readonly leg?: number;
  /** Further particulars for the history; nothing personal. */
  readonly particulars?: Readonly<Record<string, string | number | boolean>>;
}

export interface LegEffect {
  readonly of: 'leg';
  readonly state: LegState;
  readonly route?: { readonly channel: LegChannel; readonly provider: string; readonly organisation: string };
  readonly reason?: string;
  readonly detail?: string;
}

export const MAX_LEG = 1_000;

/**
 * The fact in a record of the letter's way; undefined where it says nothing about a letter. Throws PermanentError for nonsense. `now`: by our own
 * clock.
 */
export function factOf(received: Received, now: Date): Fact | undefined {
  const fact = read(received);
  if (fact === undefined) return undefined;
  if (!isUuid(fact.letterId)) throw new PermanentError('the letter id is not a UUID');
  const year = fact.at.getUTCFullYear();
  if (!(year >= 1970 && year <= 9999)) throw new PermanentError('the time of the event is outside the calendar');
  if (fact.leg !== undefined && !isLegNumber(fact.leg)) throw new PermanentError('the leg number is out of range');
  return { ...fact, letterId: fact.letterId.toLowerCase(), ...(fact.at > now ? { since: now } : {}) };
}

export const isLegNumber = (leg: number): boolean => Number.isInteger(leg) && leg >= 1 && leg <= MAX_LEG;

function read({ id, subject, event }: Received): Fact | undefined {
  switch (subject) {
    case 'letter.accepted.v1':
      return accepted(id, event as LetterAccepted);
    case 'letter.routed.v1':
      return routed(id, event as LetterRouted);
    case 'letter.dispatch.v1':
      return sealed(id, event as LetterDispatch);
    case 'letter.dispatched.v1':
      return handedOver(id, event as LetterDispatched);
    case 'letter.refused.v1':
      return refused(id, event as LetterRefused);
    case 'recipient.notified.v1':
      return notified(id, event as RecipientNotified);
    case 'letter.redriven.v1':
      return redriven(id, event as LetterRedriven);
    default:
      throw new PermanentError(`no fact in a ${subject}`);
  }
}

function accepted(eventId: string, { letter, commitments }: LetterAccepted): Fact {
  return {
    eventId,
    ...ofLetter(letter),
    at: new Date(letter.acceptedAt),
    kind: 'accepted',
    effect: { of: 'letter', notify: serviceMessageOf(letter) },
    particulars: {
      door: letter.door,
      contentHash: letter.contentHash.toString('hex'),
      ...(commitments === null
        ? {}
        : {
            [commitmentName('recipient')]: commitments.recipient.toString('hex'),
            [commitmentName('documents')]: commitments.documents.toString('hex'),
          }),
    },
  };
}

function routed(eventId: string, event: LetterRouted): Fact {
  return {
    eventId,
    ...ofLetter(event.letter),
    at: new Date(event.routedAt),
    kind: 'routed',
    leg: event.leg,
    effect: { of: 'leg', state: 'Routed', route: routeOf(event) },
    // whose receipts count: whoever reads the history alone can check their signer
    particulars: { rule: event.rule, provider: event.provider, organisation: event.providerOrganisation },
  };
}

function sealed(eventId: string, event: LetterDispatch): Fact {
  return {
    eventId,
    letterId: event.letterId,
    sender: event.sender,
    reference: event.reference,
    at: new Date(event.sealedAt),
    kind: 'sealed',
    leg: event.leg,
    effect: { of: 'leg', state: 'Sealed', route: routeOf(event) },
    particulars: { packageDigest: event.packageDigest, packageSize: event.packageSize },
  };
}

function handedOver(eventId: string, event: LetterDispatched): Fact {
  return {
    eventId,
    letterId: event.letterId,
    at: new Date(event.handedOverAt),
    kind: 'handed-over',
    leg: event.leg,
    effect: { of: 'leg', state: 'HandedOver' },
    particulars: {
      messageId: event.messageId,
      attempts: event.attempts,
      settled: event.settled,
      // not in whose words: histories are for agencies, and for ever
      ...(event.operatorNote === null ? {} : { settledBy: 'operator' }),
    },
  };
}

/** A refused hand-in never touches a letter: the reference may already be a good one. */
function refused(eventId: string, event: LetterRefused): Fact | undefined {
  if (event.about === 'HAND_IN') return undefined;
  const { letterId, sender, reference, reason, detail } = event;
  const head = { eventId, letterId, sender, reference, at: new Date(event.refusedAt) };
  const particulars = { reason, stage: event.stage };
  if (event.about === 'LETTER')
    return { ...head, kind: 'refused', effect: { of: 'refusal', reason, detail }, particulars };
  if (event.about !== 'LEG' || event.leg === null) throw new PermanentError('a refusal of nothing we know');
  return {
    ...head,
    kind: 'leg-refused',
    leg: event.leg,
    effect: { of: 'leg', state: 'Refused', reason, detail },
    particulars,
  };
}

function notified(eventId: string, event: RecipientNotified): Fact {
  return {
    eventId,
    letterId: event.letterId,
    at: new Date(event.at),
    kind: 'notified',
    leg: event.leg,
    effect: { of: 'notification' },
    particulars: {
      medium: event.medium,
      outcome: event.outcome,
      ...(event.reason === null ? {} : { reason: event.reason }),
    },
  };
}

const STABLE_WORD = /^[a-z0-9-]{1,60}$/;

/** An operator's doing: it is written down, and moves nothing. Whose it was, and in what words, stands in the plan, which only operators read. */
function redriven(eventId: string, event: LetterRedriven): Fact {
  const { letterId, plan, step, service, originTopic, recordId, reason, at } = event;
  return {
    eventId,
    letterId,
    at: new Date(at),
    kind: 'redriven',
    particulars: {
      ...{ plan, step, service, originTopic, recordId },
      ...(reason !== null && STABLE_WORD.test(reason) ? { reason } : {}),
    },
  };
}

const ofLetter = ({ letterId, sender, reference }: Letter) => ({ letterId, sender, reference });

const CHANNELS: Partial<Record<Channel, LegChannel>> = { DIGITAL_MAILBOX: 'digital', PRINT: 'print' };

function routeOf(event: { channel: Channel; provider: string; providerOrganisation: string }) {
  const channel = CHANNELS[event.channel];
  if (channel === undefined) throw new PermanentError('a channel we do not know');
  return { channel, provider: event.provider, organisation: event.providerOrganisation };
}

/** What letter.notify.v1 will need once the letter is delivered, if a service message was ordered and may be sent. Leg and time are set then. */
function serviceMessageOf(letter: Letter): Buffer | null {
  const kind = kindOf(letter.kind);
  const { notice } = letter;
  if (kind === undefined || notice === null || !notice.serviceMessage) return null;
  const mailboxNotifies = notice.emailText !== null || notice.smsText !== null;
  if (!serviceMessageAllowed(kind, mailboxNotifies)) return null;
  const { letterId, sender, senderName, reference, recipient, language, acceptedAt } = letter;
  return encode('letter.notify.v1', {
    letterId,
    leg: 1,
    sender,
    senderName,
    reference,
    recipient,
    language,
    orderedAt: acceptedAt,
  });
}
