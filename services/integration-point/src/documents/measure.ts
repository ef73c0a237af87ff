import { DocumentTooLarge } from '@postgang/document-store';
import { createHash, randomUUID } from 'node:crypto';
import { sniff, SNIFFED_BYTES } from './sniff.js';
import type { Stored } from './uploads.js';

/** What a dry run needs to know of a document: it is read to its end and kept nowhere. Throws DocumentTooLarge, or what the content threw. */
export async function measure(content: AsyncIterable<Buffer>, maxBytes: number): Promise<Stored> {
  const hash = createHash('sha256');
  const head: Buffer[] = [];
  let size = 0;
  for await (const chunk of content) {
    if (size < SNIFFED_BYTES) head.push(chunk);
    size += chunk.length;
    if (size > maxBytes) throw new DocumentTooLarge(maxBytes);
    hash.update(chunk);
  }
  const mediaType = await sniff(Buffer.concat(head).subarray(0, SNIFFED_BYTES));
  return { stored: { ref: `nowhere/${randomUUID()}`, size, sha256: hash.digest() }, mediaType };
}
