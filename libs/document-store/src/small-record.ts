import { createCipheriv, createDecipheriv, createHash } from 'node:crypto';
import { DocumentDamaged } from './errors.js';
import { WRAPPED_KEY_BYTES, type MasterKeys } from './master-keys.js';
import { LONGEST_HEAD, makeHead, openHead } from './sealed-head.js';

/**
 * A record in a segment: head | ciphertext of (SHA-256 of the content | content) | tag. The digest lies inside: beside the ciphertext it would
 * still tell what an erased document was to anyone able to guess it.
 */
const MAGIC = 'PGD1';
const DIGEST_BYTES = 32;
const TAG_BYTES = 16;
/** A data key seals one record, once; a constant nonce is as good as any. */
const NONCE = Buffer.alloc(12);

/** Content above this gets a file of its own. */
export const LARGEST_SMALL = 1_048_576;
export const LONGEST_RECORD = LONGEST_HEAD + DIGEST_BYTES + LARGEST_SMALL + TAG_BYTES;
export const SHORTEST_RECORD = 22 + WRAPPED_KEY_BYTES + DIGEST_BYTES + TAG_BYTES;
export const SMALL_MAGIC = MAGIC;

export interface SealedRecord {
  readonly documentId: string;
  /** As they lie in the segment, one behind the other. */
  readonly pieces: readonly Buffer[];
  readonly length: number;
  readonly sha256: Buffer;
}

export function sealRecord(content: Uint8Array, segment: string, keys: MasterKeys): SealedRecord {
  const sha256 = createHash('sha256').update(content).digest();
  const head = makeHead(MAGIC, segment, keys);
  const cipher = createCipheriv('aes-256-gcm', head.dataKey, NONCE);
  cipher.setAAD(head.context);
  const pieces = [head.bytes, cipher.update(sha256), cipher.update(content), cipher.final(), cipher.getAuthTag()];
  return { documentId: head.documentId, pieces, length: lengthOf(pieces), sha256 };
}

const lengthOf = (pieces: readonly Buffer[]): number => pieces.reduce((sum, { length }) => sum + length, 0);

/** Throws DocumentErased, DocumentDamaged or UnknownMasterKey. */
export function openRecord(record: Buffer, segment: string, documentId: string, keys: MasterKeys): Buffer {
  const { context, dataKey, length } = openHead(MAGIC, segment, documentId, record, keys);
  if (record.length < length + DIGEST_BYTES + TAG_BYTES) throw new DocumentDamaged();
  const decipher = createDecipheriv('aes-256-gcm', dataKey, NONCE);
  decipher.setAAD(context);
  decipher.setAuthTag(record.subarray(record.length - TAG_BYTES));
  const plain = decipher.update(record.subarray(length, record.length - TAG_BYTES));
  try {
    decipher.final();
  } catch (error) {
    throw new DocumentDamaged(error);
  }
  const content = plain.subarray(DIGEST_BYTES);
  if (!createHash('sha256').update(content).digest().equals(plain.subarray(0, DIGEST_BYTES)))
    throw new DocumentDamaged();
  return content;
}
