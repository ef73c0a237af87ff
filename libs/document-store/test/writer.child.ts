import { createHash, randomBytes } from 'node:crypto';
import { writeSync } from 'node:fs';
import { argv } from 'node:process';
import { FilesystemStore, MasterKeys } from '../src/index.js';

/**
 * Puts documents until it is killed or the disk is full: `writer.child.ts ROOT KEY`. Each line it prints is an acknowledgement: `ref sha256`; the
 * write is synchronous, so what has been printed when the kill comes had been acknowledged.
 */
const [root, key] = argv.slice(2) as [string, string];
const store = await FilesystemStore.open({
  root,
  fresh: true,
  keys: new MasterKeys('k1', new Map([['k1', Buffer.from(key, 'hex')]])),
});

let full = false;

async function putUntilFull(n: number): Promise<void> {
  while (!full) {
    // one of the sixteen writes large documents
    await put(n === 0 ? 1_100_000 : 2_000 + n * 700);
  }
}

async function put(bytes: number): Promise<void> {
  const content = randomBytes(bytes);
  try {
    const { ref } = await store.put(content);
    writeSync(1, `${ref} ${createHash('sha256').update(content).digest('hex')}\n`);
  } catch (error) {
    full = true;
    reasons.add(`${bytes > 1_048_576 ? 'large' : 'small'}: ${(error as Error).message}`);
  }
}

const reasons = new Set<string>();
await Promise.all(Array.from({ length: 16 }, (_, n) => putUntilFull(n)));
await put(3_000_000);
// what is left free is still used, and nothing before it was harmed
await put(1);
writeSync(1, `END ${[...reasons].sort().join(', ')}\n`);
await store.close();
