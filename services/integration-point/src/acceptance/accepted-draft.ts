import { uuidv5 } from '@postgang/pipeline';
import { storedDraft, type Draft } from '@postgang/runtime';
import type { LetterRow } from './letter-rows.js';

/** The event of a stored letter: its own bytes, and an id that is the same whoever publishes it. */
export const acceptedDraft = ({ id, body, contentHash, traceparent }: LetterRow): Draft =>
  storedDraft('letter.accepted.v1', id, body, {
    id: uuidv5(id, contentHash.toString('hex')),
    ...(traceparent === null ? {} : { traceparent }),
  });
