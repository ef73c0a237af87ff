import { createCipheriv, createDecipheriv, createSecretKey, hkdfSync, type KeyObject } from 'node:crypto';
import { DocumentDamaged, UnknownMasterKey } from './errors.js';
import { randomSlice } from './random.js';

const NONCE_BYTES = 12;
const TAG_BYTES = 16;
export const DATA_KEY_BYTES = 32;
export const WRAPPED_KEY_BYTES = NONCE_BYTES + DATA_KEY_BYTES + TAG_BYTES;
const CACHED_SEGMENTS = 512;

/**
 * Wraps and unwraps the data keys of documents: AES-256-GCM under HKDF-SHA-256(master key, salt = segment). The step by segment keeps the
 * number of random nonces under one key far below the 2^32 that NIST SP 800-38D §8.3 allows; one master key would reach it within months.
 * Rotation: distribute the new key to all, make it active, retire the old one when the last segment that used it has been dropped.
 */
export class MasterKeys {
  /** Key objects, here and for data keys: Node takes 25 µs longer over a cipher that is given its key as bytes. */
  private readonly derived = new Map<string, KeyObject>();

  constructor(
    readonly active: string,
    private readonly keys: ReadonlyMap<string, Buffer>,
  ) {
    for (const [id, key] of keys) {
      if (!/^[\x21-\x7e]{1,32}$/.test(id))
        throw new Error('master keys: a key id is not 1–32 visible ASCII characters');
      if (key.length !== 32) throw new Error(`master keys: key ${id} is not 32 bytes`);
    }
    if (!keys.has(active)) throw new Error('master keys: the active key is not among the keys');
  }

  /** From the JSON of a secret file: `{ "active": "<id>", "keys": { "<id>": "<base64 of 32 bytes>" } }`. Never repeats what it read. */
  static parse(json: string): MasterKeys {
    let parsed: { active?: unknown; keys?: unknown } | null;
    try {
      parsed = JSON.parse(json) as typeof parsed;
    } catch {
      throw new Error('master keys: not JSON');
    }
    if (typeof parsed?.active !== 'string' || typeof parsed.keys !== 'object' || parsed.keys === null) {
      throw new Error('master keys: "active" and "keys" are needed');
    }
    const keys = Object.entries(parsed.keys).map(([id, key]) => [id, Buffer.from(String(key), 'base64')] as const);
    return new MasterKeys(parsed.active, new Map(keys));
  }

  /** `context` is bound to the key: unwrapping with any other fails. */
  wrap(segment: string, context: Buffer, dataKey: Buffer): Buffer {
    const nonce = randomSlice(NONCE_BYTES);
    const cipher = createCipheriv('aes-256-gcm', this.segmentKey(this.active, segment), nonce);
    cipher.setAAD(context);
    return Buffer.concat([nonce, cipher.update(dataKey), cipher.final(), cipher.getAuthTag()]);
  }

  unwrap(keyId: string, segment: string, context: Buffer, wrapped: Buffer): KeyObject {
    const decipher = createDecipheriv('aes-256-gcm', this.segmentKey(keyId, segment), wrapped.subarray(0, NONCE_BYTES));
    decipher.setAAD(context);
    decipher.setAuthTag(wrapped.subarray(NONCE_BYTES + DATA_KEY_BYTES));
    const dataKey = decipher.update(wrapped.subarray(NONCE_BYTES, NONCE_BYTES + DATA_KEY_BYTES));
    try {
      decipher.final();
    } catch (error) {
      throw new DocumentDamaged(error);
    }
    const key = createSecretKey(dataKey);
    dataKey.fill(0);
    return key;
  }

  private segmentKey(keyId: string, segment: string): KeyObject {
    const name = `${segment}/${keyId}`;
    const cached = this.derived.get(name);
    if (cached !== undefined) return cached;
    const master = this.keys.get(keyId);
    if (master === undefined) throw new UnknownMasterKey();
    const key = createSecretKey(Buffer.from(hkdfSync('sha256', master, segment, 'postgang document keys', 32)));
    if (this.derived.size >= CACHED_SEGMENTS) this.derived.clear();
    this.derived.set(name, key);
    return key;
  }
}
