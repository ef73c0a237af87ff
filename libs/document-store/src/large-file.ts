import { createCipheriv, createDecipheriv, createHash, type KeyObject } from 'node:crypto';
import { constants } from 'node:fs';
import { open, unlink } from 'node:fs/promises';
import { DocumentDamaged } from './errors.js';
import { readFully, writeFully } from './file-io.js';
import type { MasterKeys } from './master-keys.js';
import { LONGEST_HEAD, makeHead, openHead } from './sealed-head.js';

/**
 * A large document, in a file of its own: head | sealed pieces of 256 KiB, the last one shorter | sealed SHA-256 of the whole. Each piece has its
 * own tag, and its number and "this is the last" are in its nonce (the STREAM construction), so pieces can be handed out one by one although
 * nothing is ever handed out unverified, and cut off, swapped or repeated pieces are noticed.
 */
export const LARGE_MAGIC = 'PGL1';
const PIECE_BYTES = 262_144;
const TAG_BYTES = 16;
const DIGEST_BYTES = 32;

function nonceOf(piece: number, last: boolean): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeUIntBE(piece, 0, 6);
  nonce[11] = last ? 1 : 0;
  return nonce;
}

export interface LargeDocument {
  readonly documentId: string;
  readonly fileLength: number;
  readonly size: number;
  readonly sha256: Buffer;
}

/** Durable when it resolves, except for the folder's entry, which the caller syncs. On any failure the file is removed again. */
export async function writeLarge(
  folder: string,
  pieces: AsyncIterable<Uint8Array>,
  segment: string,
  keys: MasterKeys,
): Promise<LargeDocument> {
  const head = makeHead(LARGE_MAGIC, segment, keys);
  const path = `${folder}/${head.documentId}`;
  const file = await open(path, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY, 0o600);
  try {
    const digest = createHash('sha256');
    let size = 0;
    let position = await writeFully(file, [head.bytes], 0);
    let piece = 0;
    const write = async (plain: Uint8Array, last: boolean): Promise<void> => {
      const cipher = createCipheriv('aes-256-gcm', head.dataKey, nonceOf(piece++, last));
      cipher.setAAD(head.context);
      position = await writeFully(file, [cipher.update(plain), cipher.final(), cipher.getAuthTag()], position);
    };
    for await (const plain of rechunk(pieces)) {
      digest.update(plain);
      size += plain.length;
      await write(plain, false);
    }
    const sha256 = digest.digest();
    await write(sha256, true);
    await file.datasync();
    await file.close();
    return { documentId: head.documentId, fileLength: position, size, sha256 };
  } catch (error) {
    await file.close().catch(() => undefined);
    await unlink(path).catch(() => undefined);
    throw error;
  }
}

/** Yields verified pieces; throws DocumentErased, DocumentDamaged, UnknownMasterKey, or what the file system says. */
export async function* readLarge(
  path: string,
  fileLength: number,
  segment: string,
  documentId: string,
  keys: MasterKeys,
): AsyncGenerator<Buffer, void, undefined> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    if ((await file.stat()).size !== fileLength) throw new DocumentDamaged();
    const { context, dataKey, length } = openHead(
      LARGE_MAGIC,
      segment,
      documentId,
      await readFully(file, 0, LONGEST_HEAD),
      keys,
    );
    const digest = createHash('sha256');
    const trailerAt = fileLength - DIGEST_BYTES - TAG_BYTES;
    let piece = 0;
    const read = async (from: number, bytes: number, last: boolean): Promise<Buffer> => {
      const sealed = await readFully(file, from, bytes);
      if (sealed.length !== bytes) throw new DocumentDamaged();
      return openPiece(sealed, dataKey, nonceOf(piece++, last), context);
    };
    let position = length;
    while (position < trailerAt) {
      const bytes = Math.min(PIECE_BYTES + TAG_BYTES, trailerAt - position);
      if (bytes <= TAG_BYTES) throw new DocumentDamaged();
      const plain = await read(position, bytes, false);
      digest.update(plain);
      position += bytes;
      yield plain;
    }
    if (position !== trailerAt) throw new DocumentDamaged();
    if (!(await read(trailerAt, DIGEST_BYTES + TAG_BYTES, true)).equals(digest.digest())) throw new DocumentDamaged();
  } finally {
    await file.close();
  }
}

function openPiece(sealed: Buffer, key: KeyObject, nonce: Buffer, context: Buffer): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', key, nonce);
  decipher.setAAD(context);
  decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES));
  const plain = decipher.update(sealed.subarray(0, sealed.length - TAG_BYTES));
  try {
    decipher.final();
  } catch (error) {
    throw new DocumentDamaged(error);
  }
  return plain;
}

async function* rechunk(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  let parts: Uint8Array[] = [];
  let held = 0;
  for await (const piece of pieces) {
    for (let from = 0; from < piece.length;) {
      const part = piece.subarray(from, from + PIECE_BYTES - held);
      parts.push(part);
      held += part.length;
      from += part.length;
      if (held === PIECE_BYTES) {
        yield parts.length === 1 ? part : Buffer.concat(parts);
        parts = [];
        held = 0;
      }
    }
  }
  if (held > 0) yield Buffer.concat(parts);
}
