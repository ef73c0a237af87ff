import { uuidv5, decode, type LetterDispatch } from '@postgang/pipeline';
import type { SendResult, SettleResult } from '@postgang/providers';
import { REFUSALS } from '@postgang/rules';
import {
  draft,
  storedDraft,
  type Abandoned,
  type Draft,
  type Effect,
  type EffectOutcome,
  type SettledHow,
} from '@postgang/runtime';

/** How long the access point may take to show a message it took. */
export const VISIBILITY_LAG_MS = 10_000;
/** A delegation that lapsed is mended by a person at the agency. */
export const BLOCKED_MS = 30_000;
export const MOST_ATTEMPTS = 20;
/** Asked so often, in a good hour, without a clear answer: a person must look. It is still asked about, seldom. */
export const MOST_QUESTIONS = 12;
const LONGEST_BETWEEN_QUESTIONS_MS = 600_000;
const ASK_PARKED_MS = 3_600_000;
/** What stands before the access point cannot reach it; asked, it knows nothing of the message. */
const OUTAGES = new Set(['status-502', 'status-503', 'status-504']);
const OUTAGE_MS = 15_000;
const OURS_MS = 15_000;
/** These may come of one letter's content, or of an outage: then others have no clear answer either. */
const UNANSWERED = /^(?:no-answer|status-5\d\d)$/;
/** Said no, but an earlier attempt may have got through: only asking tells. */
const REFUSED_LATER = 'refused-later:';

export const outcome = (
  effect: Effect,
  state: EffectOutcome['state'],
  reason: string | null,
  waitMs = 0,
  more: { settled?: SettledHow; free?: boolean; asked?: boolean } = {},
): EffectOutcome => ({
  id: effect.id,
  fence: effect.fence,
  state,
  reason,
  waitMs,
  settled: more.settled ?? null,
  asked: more.asked ?? false,
  free: more.free ?? false,
});

/** One second, doubled at each attempt, ten minutes at most. */
const backoff = (attempts: number): number => Math.min(1_000 * 2 ** Math.min(attempts, 10), 600_000);

/** Certainly not done: again later, or given up. */
export const tryAgain = (effect: Effect, reason: string, waitMs = 0): EffectOutcome =>
  effect.attempts >= MOST_ATTEMPTS
    ? outcome(effect, 'FAILED', reason)
    : outcome(effect, 'QUEUED', reason, Math.max(waitMs, backoff(effect.attempts)));

/** `alone`: what the provider refuses as ours it takes from all others. */
export function afterSend(effect: Effect, result: SendResult, alone = false): EffectOutcome {
  switch (result.kind) {
    case 'handed-over':
      return outcome(effect, 'HANDED_OVER', null);
    case 'refused':
      return effect.attempts === 1
        ? outcome(effect, 'REFUSED', result.reason)
        : outcome(effect, 'UNCERTAIN', REFUSED_LATER + result.reason, VISIBILITY_LAG_MS);
    case 'uncertain':
      return outcome(effect, 'UNCERTAIN', result.reason, VISIBILITY_LAG_MS);
    case 'sender-blocked':
      return outcome(effect, 'QUEUED', result.reason, BLOCKED_MS, { free: true });
    case 'down':
      return outcome(effect, 'QUEUED', result.reason, 0, { free: true });
    case 'refused-ours':
      // another probes the lane meanwhile, and shows whether it is this letter's own
      return alone
        ? tryAgain(effect, result.reason)
        : outcome(effect, 'QUEUED', result.reason, OURS_MS, { free: true });
    case 'retry':
      return tryAgain(effect, result.reason, result.waitMs);
  }
}

/** Nobody said anything about the letter, neither yes nor no. */
export const isUnanswered = (result: SendResult): boolean =>
  result.kind === 'uncertain' && UNANSWERED.test(result.reason);

/** `outage`: its provider gives nobody a clear answer at this time. */
export function afterSettle(effect: Effect, result: SettleResult, outage = false): EffectOutcome {
  switch (result.kind) {
    case 'handed-over':
      return outcome(effect, 'HANDED_OVER', null, 0, { settled: 'provider-has-it' });
    case 'refused':
      return outcome(effect, 'REFUSED', result.reason, 0, { settled: 'provider-refused' });
    case 'unknown-there':
      if (effect.reason?.startsWith(REFUSED_LATER) === true)
        return outcome(effect, 'REFUSED', effect.reason.slice(REFUSED_LATER.length), 0, { settled: 'never-arrived' });
      // it burns no attempt, however long it lasts
      if (OUTAGES.has(effect.reason ?? '') || (outage && UNANSWERED.test(effect.reason ?? '')))
        return outcome(effect, 'QUEUED', 'never-arrived', OUTAGE_MS, { settled: 'never-arrived', free: true });
      return effect.attempts >= MOST_ATTEMPTS
        ? outcome(effect, 'FAILED', 'attempts-exhausted', 0, { settled: 'never-arrived' })
        : outcome(effect, 'QUEUED', 'never-arrived', backoff(effect.attempts), { settled: 'never-arrived' });
    case 'still-uncertain':
      return askAgain(effect, result.reason);
  }
}

/** Later and later, then parked. What it was first uncertain about is what settling must know. */
function askAgain(effect: Effect, reason: string): EffectOutcome {
  const first = effect.reason ?? reason;
  if (effect.questions + 1 >= MOST_QUESTIONS) return outcome(effect, 'PARKED', first, ASK_PARKED_MS, { asked: true });
  const waitMs = Math.min(VISIBILITY_LAG_MS * 2 ** effect.questions, LONGEST_BETWEEN_QUESTIONS_MS);
  return outcome(effect, 'UNCERTAIN', first, waitMs, { asked: true });
}

/** The row alone decides what is said, so that saying it again says the same. */
export function draftOf(effect: Effect): Draft {
  const event = decode('letter.dispatch.v1', effect.payload);
  const options = { id: uuidv5(effect.id, effect.state), ...traceOf(effect) };
  const { letterId, leg, provider } = effect;
  if (effect.state !== 'HANDED_OVER') return draft('letter.refused.v1', letterId, refusalOf(effect, event), options);
  return draft(
    'letter.dispatched.v1',
    letterId,
    {
      letterId,
      leg,
      provider,
      conversationId: event.conversationId,
      messageId: event.messageId,
      attempts: effect.attempts,
      settled: effect.settled,
      handedOverAt: endedAt(effect),
      // histories are for agencies and for ever: nobody's own words, and not whose word it was
      operatorNote: effect.settledHow === 'operator-handed-over' ? effect.settledHow : null,
    },
    options,
  );
}

/** Given up without the provider's word: the leg has failed, and a person must look why. */
export function abandonedBy(effect: Effect): Abandoned | undefined {
  if (effect.state !== 'FAILED') return undefined;
  const original = storedDraft('letter.dispatch.<provider>.v1', effect.letterId, effect.payload, {
    parameter: effect.provider,
    id: effect.id,
    ...traceOf(effect),
  });
  return { draft: original, attempts: effect.attempts, reason: effect.reason ?? 'unknown' };
}

const traceOf = ({ traceparent }: Effect) => (traceparent === undefined ? {} : { traceparent });

const endedAt = (effect: Effect): number => effect.doneAt?.getTime() ?? 0;

function refusalOf(effect: Effect, { sender, reference }: LetterDispatch) {
  const reason = effect.state === 'REFUSED' ? 'provider-refused' : 'provider-unreachable';
  return {
    about: 'LEG' as const,
    letterId: effect.letterId,
    sender,
    reference,
    leg: effect.leg,
    reason,
    detail: `${REFUSALS[reason]} (${effect.reason ?? ''})`,
    pointer: null,
    stage: 'provider-dispatch',
    refusedAt: endedAt(effect),
  };
}
