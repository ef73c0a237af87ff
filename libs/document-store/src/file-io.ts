import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { DependencyDown, PermanentError, TransientError } from '@postgang/outside';
import { StoreFull, StoreUnavailable } from './errors.js';

/** One behind the other. A write may be cut short, most often just before the disk is full. Returns the position after the last byte. */
export async function writeFully(file: FileHandle, pieces: readonly Buffer[], position: number): Promise<number> {
  let end = position;
  for (let rest = behind(pieces, 0); rest.length > 0;) {
    const { bytesWritten } = await file.writev(rest, end);
    if (bytesWritten === 0) throw new StoreUnavailable(new Error('the disk takes nothing'));
    end += bytesWritten;
    rest = behind(rest, bytesWritten);
  }
  return end;
}

/** What is left of the pieces after so many bytes; it does not begin with an empty one. */
function behind(pieces: readonly Buffer[], bytes: number): Buffer[] {
  let skip = bytes;
  const first = pieces.findIndex(({ length }) => {
    if (length > skip) return true;
    skip -= length;
    return false;
  });
  return first === -1 ? [] : [(pieces[first] as Buffer).subarray(skip), ...pieces.slice(first + 1)];
}

/** Shorter than asked only where the file ends. */
export async function readFully(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await file.read(bytes, done, length - done, position + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return bytes.subarray(0, done);
}

/** A new file survives a power cut only when its folder has been synced too. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

export const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException | undefined)?.code;

const FULL = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

/** File system errors become our own; what has a fate already, or is the content's own error, keeps it. */
export function asStoreError(error: unknown): unknown {
  if (error instanceof DependencyDown || error instanceof PermanentError || error instanceof TransientError)
    return error;
  if ((error as NodeJS.ErrnoException | undefined)?.syscall === undefined) return error;
  return FULL.has(codeOf(error) ?? '') ? new StoreFull(error) : new StoreUnavailable(error);
}
