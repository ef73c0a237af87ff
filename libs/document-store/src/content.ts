import { DocumentTooLarge } from './errors.js';

/**
 * Reads ahead up to `small` bytes, to learn whether a stream is a small document after all. `rest` goes on where that stopped, beginning with what
 * was read, and must be read to its end or left by `return`. Stops with DocumentTooLarge at the first piece past `maxBytes`.
 */
export async function peek(
  content: AsyncIterable<Uint8Array>,
  small: number,
  maxBytes: number,
): Promise<{ whole: Buffer } | { rest: AsyncGenerator<Uint8Array, void, undefined> }> {
  const pieces = limited(content, maxBytes);
  const read: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const next = await pieces.next();
    if (next.done === true) return { whole: Buffer.concat(read) };
    read.push(next.value);
    size += next.value.length;
    if (size > small) return { rest: from(read, pieces) };
  }
}

/** Keeps what the content's own source threw apart from our disk's errors: a broken upload must not look like a broken store. */
export class ContentFailed extends Error {}

async function* limited(
  content: AsyncIterable<Uint8Array>,
  maxBytes: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  let size = 0;
  try {
    for await (const piece of content) {
      if (!(piece instanceof Uint8Array)) throw new TypeError('document content must be bytes');
      size += piece.length;
      if (size > maxBytes) throw new DocumentTooLarge(maxBytes);
      yield piece;
    }
  } catch (cause) {
    throw new ContentFailed('the content could not be read', { cause });
  }
}

async function* from(
  read: readonly Uint8Array[],
  pieces: AsyncGenerator<Uint8Array, void, undefined>,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* read;
    yield* pieces;
  } finally {
    await pieces.return();
  }
}
