import { fileTypeFromBuffer } from 'file-type';
import { MEDIA_TYPES, type MediaType } from '../letter/letter-schema.js';

/** Enough for every type taken here. */
export const SNIFFED_BYTES = 4_100;

/** What the content is, by its first bytes and not by its name; undefined for what is not taken. */
export async function sniff(head: Buffer): Promise<MediaType | undefined> {
  if (head.length === 0) return undefined;
  const found = await fileTypeFromBuffer(head).catch(() => undefined);
  if (found !== undefined) return MEDIA_TYPES.find((type) => type === found.mime);
  return isText(head) ? 'text/plain' : undefined;
}

/** UTF-8 without control characters; the head may end in the middle of a character. */
function isText(head: Buffer): boolean {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(head, { stream: true });
    return !/[\x00-\x08\x0e-\x1f]/.test(text);
  } catch {
    return false;
  }
}

/** Gives the first bytes and the whole content again, without holding more than the first bytes. */
export async function peekHead(
  content: AsyncIterable<Buffer>,
): Promise<{ head: Buffer; content: AsyncIterable<Buffer> }> {
  const iterator = content[Symbol.asyncIterator]();
  const chunks: Buffer[] = [];
  let size = 0;
  while (size < SNIFFED_BYTES) {
    const next: IteratorResult<Buffer, unknown> = await iterator.next();
    if (next.done === true) break;
    chunks.push(next.value);
    size += next.value.length;
  }
  const whole = async function* (): AsyncIterable<Buffer> {
    yield* chunks;
    for (;;) {
      const next: IteratorResult<Buffer, unknown> = await iterator.next();
      if (next.done === true) return;
      yield next.value;
    }
  };
  return { head: Buffer.concat(chunks).subarray(0, SNIFFED_BYTES), content: whole() };
}
