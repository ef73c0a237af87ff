import {
  attemptOf,
  cloudEventType,
  deadLetterTopic,
  encode,
  eventIdOf,
  retryTopic,
  RETRY_TIERS,
  toHeaders,
  type ServiceName,
} from '@postgang/pipeline';
import { describeError } from './scrub.js';
import type { AfterFailure } from './retry.js';
import type { Draft, Refusal } from './stage.js';
import type { OutgoingMessage } from './kafka/sender.js';
import type { Abandoned, Resumed } from './publisher.js';

/** Headers that travel with a record through retry tiers and the dead-letter topic. */
export const ORIGIN_TOPIC = 'origin-topic';
export const ORIGIN_PARTITION = 'origin-partition';
export const ORIGIN_OFFSET = 'origin-offset';
export const DUE_AT = 'retry-due-at';
export const FAILURE = 'failure';
export const DEAD_BECAUSE = 'dead-because';
/** Whose doing it is that a dead letter was sent again (plan and place), and how often it was. */
export const REDRIVE = 'redrive';
export const REDRIVES = 'redrives';

/** A record exactly as it was read: what a retry or dead letter must carry on unchanged. */
export interface RawRecord {
  readonly key: string;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, string>>;
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
}

/** Ids are derived from the cause and the draft's place, so a rerun publishes the same ids. */
export function eventMessage(
  service: string,
  cause: string,
  ordinal: number,
  draft: Draft,
  traceparent: string | undefined,
): OutgoingMessage {
  return {
    topic: draft.topic,
    key: draft.key,
    value: draft.value,
    headers: toHeaders({
      id: draft.id ?? eventIdOf(cause, service, draft.topic, ordinal),
      source: `/postgang/${service}`,
      type: cloudEventType(draft.subject),
      subject: draft.key,
      time: new Date().toISOString(),
      traceparent: draft.traceparent ?? traceparent,
      attempt: 0,
    }),
  };
}

export function refusalDraft(service: string, refusal: Refusal, at: Date): Draft {
  const subject = 'letter.refused.v1';
  return {
    topic: subject,
    subject,
    key: refusal.letterId,
    value: encode(subject, {
      about: refusal.about,
      letterId: refusal.letterId,
      sender: refusal.sender,
      reference: refusal.reference,
      leg: refusal.leg ?? null,
      reason: refusal.reason,
      detail: refusal.detail,
      pointer: refusal.pointer ?? null,
      stage: service,
      refusedAt: at.getTime(),
    }),
  };
}

/** The failed record on its way to a retry tier or the dead-letter topic. Key, value and first origin stay; order within the letter is given up. */
export function failedMessage(
  service: ServiceName,
  record: RawRecord,
  error: unknown,
  fate: AfterFailure,
  nowMs: number,
): OutgoingMessage {
  const headers: Record<string, string> = { ...record.headers };
  headers[ORIGIN_TOPIC] ??= record.topic;
  headers[ORIGIN_PARTITION] ??= String(record.partition);
  headers[ORIGIN_OFFSET] ??= record.offset;
  headers['attempt'] = String(fate.to === 'retry' ? fate.attempt : attemptOf(record.headers) + 1);
  headers[FAILURE] = describeError(error);
  delete headers[DUE_AT];
  if (fate.to === 'retry') {
    headers[DUE_AT] = String(nowMs + fate.delayMs);
    return { topic: retryTopic(service, fate.tier), key: record.key, value: record.value, headers };
  }
  headers[DEAD_BECAUSE] = fate.why;
  return { topic: deadLetterTopic(service), key: record.key, value: record.value, headers };
}

/** A dead letter of what no longer has its record: the same headers, without the place it was read from. */
export function abandonedMessage(service: ServiceName, { draft, attempts, reason }: Abandoned): OutgoingMessage {
  const { topic, key, value, headers } = eventMessage(service, draft.id ?? draft.key, 0, draft, draft.traceparent);
  return {
    topic: deadLetterTopic(service),
    key,
    value,
    headers: {
      ...headers,
      [ORIGIN_TOPIC]: topic,
      attempt: String(attempts),
      [FAILURE]: reason,
      [DEAD_BECAUSE]: 'exhausted',
    },
  };
}

/** A record that its stage had put by: through the first retry tier, due at once, as if it had been read from its first topic only now. */
export function resumedMessage(service: ServiceName, { draft, attempts }: Resumed, nowMs: number): OutgoingMessage {
  const { topic, key, value, headers } = eventMessage(service, draft.id, 0, draft, draft.traceparent);
  return {
    topic: retryTopic(service, RETRY_TIERS[0].tier),
    key,
    value,
    headers: { ...headers, [ORIGIN_TOPIC]: topic, attempt: String(attempts), [DUE_AT]: String(nowMs) },
  };
}
