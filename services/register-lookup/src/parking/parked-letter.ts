import { encode } from '@postgang/pipeline';
import type { Received } from '@postgang/runtime';
import type { ParkedBecause, ParkedLetter } from '../db/parked-letters.js';

/** The record as it must come back: the same event under the same id, after the same number of attempts. */
export const parked = (
  { id, event, attempt, traceparent }: Received<'letter.accepted.v1'>,
  why: ParkedBecause,
): ParkedLetter => ({
  letterId: event.letter.letterId,
  sender: event.letter.sender,
  why,
  event: encode('letter.accepted.v1', event),
  eventId: id,
  attempt,
  traceparent,
});
