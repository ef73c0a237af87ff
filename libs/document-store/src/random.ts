import { randomFillSync } from 'node:crypto';

let page = Buffer.alloc(0);

/** Random bytes by the page: one system call per key and nonce was visible in the profile. The slice is the caller's own. */
export function randomSlice(bytes: number): Buffer {
  if (page.length < bytes) page = randomFillSync(Buffer.alloc(16_384));
  const slice = page.subarray(0, bytes);
  page = page.subarray(bytes);
  return slice;
}
