import { createSecretKey, timingSafeEqual, type KeyObject } from 'node:crypto';
import { DocumentDamaged, DocumentErased } from './errors.js';
import { DATA_KEY_BYTES, WRAPPED_KEY_BYTES, type MasterKeys } from './master-keys.js';
import { randomSlice } from './random.js';

/**
 * What stands before every document, small or large:
 *
 *   magic (4) | document id (16) | length n of the key id (1) | master key id (n) | wrapped data key (60)
 *
 * Everything but the wrapped key is additional data of both the wrapped key and the content. The wrapped key is not, so that erasing
 * is one overwrite in place: 60 zero bytes mean "erased".
 */
const ID_AT = 4;
const ID_BYTES = 16;
const KEY_ID_AT = ID_AT + ID_BYTES + 1;
export const LONGEST_HEAD = KEY_ID_AT + 32 + WRAPPED_KEY_BYTES;
const ERASED = Buffer.alloc(WRAPPED_KEY_BYTES);

export interface SealedHead {
  readonly documentId: string;
  /** The whole head as it lies on disk. */
  readonly bytes: Buffer;
  /** The head without the wrapped key. */
  readonly context: Buffer;
  /** Belongs to this document only and is used for nothing else, so its nonces may be plain counters. */
  readonly dataKey: KeyObject;
}

export function makeHead(magic: string, segment: string, keys: MasterKeys): SealedHead {
  const id = randomSlice(ID_BYTES);
  const context = Buffer.alloc(KEY_ID_AT + keys.active.length);
  context.write(magic, 0, 'latin1');
  id.copy(context, ID_AT);
  context[KEY_ID_AT - 1] = keys.active.length;
  context.write(keys.active, KEY_ID_AT, 'latin1');
  const dataKey = randomSlice(DATA_KEY_BYTES);
  const wrapped = keys.wrap(segment, context, dataKey);
  const head = { documentId: id.toString('hex'), bytes: Buffer.concat([context, wrapped]), context };
  const key = createSecretKey(dataKey);
  dataKey.fill(0);
  return { ...head, dataKey: key };
}

/** Finds the head's own end and checks that it is the document the ref names; does not yet open the key. */
export function findHead(magic: string, documentId: string, bytes: Buffer): { context: Buffer; wrapped: Buffer } {
  const end = KEY_ID_AT + (bytes[KEY_ID_AT - 1] ?? 0);
  const right =
    bytes.length >= end + WRAPPED_KEY_BYTES &&
    bytes.toString('latin1', 0, ID_AT) === magic &&
    timingSafeEqual(bytes.subarray(ID_AT, ID_AT + ID_BYTES), Buffer.from(documentId, 'hex'));
  if (!right) throw new DocumentDamaged();
  return { context: bytes.subarray(0, end), wrapped: bytes.subarray(end, end + WRAPPED_KEY_BYTES) };
}

/** Throws {@link DocumentErased}, {@link DocumentDamaged} or UnknownMasterKey. */
export function openHead(
  magic: string,
  segment: string,
  documentId: string,
  bytes: Buffer,
  keys: MasterKeys,
): { context: Buffer; dataKey: KeyObject; length: number } {
  const { context, wrapped } = findHead(magic, documentId, bytes);
  if (wrapped.equals(ERASED)) throw new DocumentErased();
  const keyId = context.toString('latin1', KEY_ID_AT);
  return {
    context,
    dataKey: keys.unwrap(keyId, segment, context, wrapped),
    length: context.length + WRAPPED_KEY_BYTES,
  };
}
