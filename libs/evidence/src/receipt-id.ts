import { createHash } from 'node:crypto';
import { POSTGANG_NAMESPACE, uuidv5 } from '@postgang/pipeline';

/** A receipt's id follows from its content alone: the same receipt twice is one. */
export const receiptEventId = (provider: string, raw: string): string =>
  uuidv5(POSTGANG_NAMESPACE, `receipt/${provider}/${raw}`);

/** What the entry of a receipt says about it, hexadecimal: the id is too short to prove the content (SHA-1, 122 bits). */
export const receiptDigest = (raw: string): string => createHash('sha256').update(raw).digest('hex');
