import { decode, letterIdOf, topicOf, type ServiceName } from '@postgang/pipeline';
import { deadLetterOf, type DeadLetter, type LyingRecord } from '@postgang/runtime';
import type { Described } from './filter.js';

/** Only the key says which letter a record is about, and which leg only its content: read here, and let go of again. */
export function describe(service: ServiceName, record: LyingRecord): Described {
  const dead = deadLetterOf(service, record);
  return { ...dead, letterId: letterIn(dead, record.value), leg: legIn(dead, record.value) };
}

/** An agency may name any letter as the key of its record, also another's: only that which its own reference gives is believed. */
function letterIn({ originTopic, key, sealed }: DeadLetter, value: Buffer | null): string | null {
  const row = topicOf(originTopic);
  if (key === null || (row !== undefined && row.topic.key !== 'letterId')) return null;
  const letterId = key.toLowerCase();
  if (row?.topic.subject !== 'letter.submitted.v1') return letterId;
  if (sealed) return null;
  try {
    const { reference } = decode(row.topic.subject, value);
    return letterIdOf(row.parameter ?? '', reference) === letterId ? letterId : null;
  } catch {
    // it may be why it lies here
    return null;
  }
}

/** Dead letters whose letter only its conversation tells. */
export const conversationOf = (dead: Described): string | undefined =>
  dead.letterId === null && dead.key !== null ? dead.key.toLowerCase() : undefined;

function legIn({ originTopic, sealed }: DeadLetter, value: Buffer | null): number | null {
  const subject = topicOf(originTopic)?.topic.subject;
  if (subject === undefined || sealed) return null;
  if (subject === 'letter.accepted.v1' || subject === 'letter.submitted.v1') return FIRST_LEG;
  try {
    const { leg } = decode(subject, value) as { leg?: unknown };
    return typeof leg === 'number' && Number.isInteger(leg) && leg > 0 && leg <= MOST_LEGS ? leg : null;
  } catch {
    // it may be why it lies here
    return null;
  }
}

const FIRST_LEG = 1;
const MOST_LEGS = 1_000;

/** A leg whose number is not known is taken for the first. */
export const legOf = (dead: Pick<Described, 'leg'>): number => dead.leg ?? FIRST_LEG;
