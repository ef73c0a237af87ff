import { encode, uuidv5, type LetterRedriven } from '@postgang/pipeline';
import { eventMessage, type OutgoingMessage } from '@postgang/runtime';
import type { PlanEvent } from './db/store.js';
import type { PlanHead, PlannedRecord } from './plan.js';

export interface Outlet {
  send(messages: readonly OutgoingMessage[]): Promise<void>;
}

const TOPIC = 'letter.redriven.v1';

/** A step of a plan, for the history of the letter concerned, which agencies read: it names no operator, the plan does. The same step is the same event, however often it is told. */
export function eventOf(
  plan: Pick<PlanHead, 'id' | 'service'>,
  { partition, offset, originTopic, recordId, letterId }: PlannedRecord,
  step: LetterRedriven['step'],
  { at, reason = null }: { readonly at: Date; readonly reason?: string | null },
): PlanEvent[] {
  if (letterId === null) return [];
  const { id, service } = plan;
  const event = { letterId, plan: id, step, service, originTopic, recordId, reason, operator: '', at: at.getTime() };
  return [{ id: uuidv5(id, `${partition}/${offset}/${step}`), letterId, value: encode(TOPIC, event) }];
}

export const messageOf = ({ id, letterId, value }: PlanEvent): OutgoingMessage =>
  eventMessage('operator', id, 0, { topic: TOPIC, subject: TOPIC, key: letterId, value, id }, undefined);
