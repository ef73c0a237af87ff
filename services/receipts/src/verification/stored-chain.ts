import { createHash, type X509Certificate } from 'node:crypto';

/** A chain as it is kept beside the receipts that it proves: once, however many there are. */
export interface StoredChain {
  /** SHA-256 of the PEM, hexadecimal. */
  readonly id: string;
  /** Leaf first. */
  readonly pem: string;
}

const known = new WeakMap<readonly X509Certificate[], StoredChain>();

/** A provider signs thousands of receipts with one certificate, and verifying hands out the same array for it. */
export function storedChain(chain: readonly X509Certificate[]): StoredChain {
  let stored = known.get(chain);
  if (stored === undefined) {
    const pem = chain.map(String).join('');
    stored = { id: createHash('sha256').update(pem).digest('hex'), pem };
    known.set(chain, stored);
  }
  return stored;
}
