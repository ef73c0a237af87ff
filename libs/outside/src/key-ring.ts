import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  randomFillSync,
  type KeyObject,
} from 'node:crypto';

/**
 * A sealed string: one personal field of an event, readable only by those who hold its scope's key.
 *
 *   byte 0      format, 1
 *   byte 1      length n of the key id
 *   bytes 2…    key id (ASCII), nonce (12), ciphertext, tag (16)
 *
 * AES-256-GCM under HKDF-SHA-256(scope key, no salt, info = `scope|letterId`, 32 bytes; RFC 5869); additional data `letterId|field`. So a
 * value moved to another letter, another field or another scope does not open.
 */
const FORMAT = 1;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** HKDF-Extract without a salt uses a block of zeros (RFC 5869 §2.2). */
const NO_SALT = Buffer.alloc(32);
const CACHED_LETTERS = 2_048;

export interface ScopeKeys {
  /** Id of the key that new values are sealed with. */
  readonly active: string;
  /** Key id → 32 bytes. Older keys stay here until the longest retention is over. */
  readonly keys: ReadonlyMap<string, Buffer>;
}

/** The key id is not ours (yet): the sender may be a deploy ahead of us, so this is worth a retry. */
export class UnknownKey extends Error {
  override readonly name = 'UnknownKey';
}

/** The value was not sealed for this scope, letter and field, or was altered. */
export class NotOpenable extends Error {
  override readonly name = 'NotOpenable';
}

export class KeyRing {
  /** As key objects: importing the bytes anew for every value costs several times the sealing itself. */
  private readonly derived = new Map<string, KeyObject>();
  /** What HKDF extracts from a scope's key is the same for all its letters. */
  private readonly extracted = new Map<Buffer, KeyObject>();
  /** The scopes' own keys, for what is made with them directly. */
  private readonly objects = new Map<Buffer, KeyObject>();
  private nonces = Buffer.alloc(0);

  constructor(private readonly scopes: Map<string, ScopeKeys>) {}

  /** From the JSON of a secret file: `{ "<scope>": { "active": "<id>", "keys": { "<id>": "<base64 of 32 bytes>" } } }`. */
  static parse(json: string): KeyRing {
    let parsed: unknown;
    try {
      parsed = JSON.parse(json);
    } catch {
      throw new Error('key ring: not JSON');
    }
    if (typeof parsed !== 'object' || parsed === null) throw new Error('key ring: not an object');
    const ring = new KeyRing(new Map());
    for (const [scope, value] of Object.entries(parsed)) {
      const { active, keys } = value as { active?: unknown; keys?: unknown };
      if (typeof active !== 'string' || typeof keys !== 'object' || keys === null) {
        throw new Error(`key ring: scope ${scope} needs "active" and "keys"`);
      }
      ring.add(
        scope,
        active,
        new Map(Object.entries(keys).map(([id, key]) => [id, Buffer.from(String(key), 'base64')])),
      );
    }
    return ring;
  }

  /** Adds or replaces a scope, e.g. the ingress key of an agency that was registered a moment ago. */
  add(scope: string, active: string, keys: ReadonlyMap<string, Buffer>): void {
    for (const [id, key] of keys) {
      if (key.length !== 32) throw new Error(`key ring: key ${id} of scope ${scope} is not 32 bytes`);
      if (!/^[\x21-\x7e]{1,64}$/.test(id))
        throw new Error(`key ring: key id of scope ${scope} is not 1–64 visible ASCII characters`);
    }
    if (!keys.has(active)) throw new Error(`key ring: the active key of scope ${scope} is not among its keys`);
    this.scopes.set(scope, { active, keys });
    this.derived.clear();
    this.extracted.clear();
    this.objects.clear();
  }

  has(scope: string): boolean {
    return this.scopes.has(scope);
  }

  seal(scope: string, letterId: string, field: string, plaintext: string): Buffer {
    const { active } = this.scope(scope);
    const nonce = this.nonce();
    const cipher = createCipheriv('aes-256-gcm', this.letterKey(scope, active, letterId), nonce);
    cipher.setAAD(Buffer.from(`${letterId}|${field}`));
    const head = Buffer.allocUnsafe(2 + active.length);
    head[0] = FORMAT;
    head[1] = active.length;
    head.write(active, 2, 'ascii');
    return Buffer.concat([head, nonce, cipher.update(plaintext, 'utf8'), cipher.final(), cipher.getAuthTag()]);
  }

  /** Throws {@link UnknownKey} or {@link NotOpenable}. */
  open(scope: string, letterId: string, field: string, sealed: Uint8Array): string {
    const value = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength);
    const idLength = value[1] ?? 0;
    const start = 2 + idLength;
    if (value[0] !== FORMAT || value.length < start + NONCE_BYTES + TAG_BYTES)
      throw new NotOpenable(`${field}: not a sealed string`);
    const keyId = value.toString('ascii', 2, start);
    const key = this.letterKey(scope, keyId, letterId);
    const decipher = createDecipheriv('aes-256-gcm', key, value.subarray(start, start + NONCE_BYTES));
    decipher.setAAD(Buffer.from(`${letterId}|${field}`));
    decipher.setAuthTag(value.subarray(value.length - TAG_BYTES));
    try {
      const text = decipher.update(value.subarray(start + NONCE_BYTES, value.length - TAG_BYTES));
      return Buffer.concat([text, decipher.final()]).toString('utf8');
    } catch {
      throw new NotOpenable(`${field}: not sealed for this scope, letter and field, or altered`);
    }
  }

  /**
   * HMAC-SHA-256 with the active key of a scope: compares what must not be guessed from the result. The scope's key must live as long as what was
   * made with it, and serve nothing else. Throws {@link UnknownKey}.
   */
  mac(scope: string, value: string): Buffer {
    const { active, keys } = this.scope(scope);
    const key = keys.get(active) as Buffer;
    let object = this.objects.get(key);
    if (object === undefined) this.objects.set(key, (object = createSecretKey(key)));
    return createHmac('sha256', object).update(value).digest();
  }

  private scope(name: string): ScopeKeys {
    const scope = this.scopes.get(name);
    if (scope === undefined) throw new UnknownKey(`no keys for scope ${name}`);
    return scope;
  }

  private letterKey(scopeName: string, keyId: string, letterId: string): KeyObject {
    const cacheKey = `${scopeName}|${keyId}|${letterId}`;
    const cached = this.derived.get(cacheKey);
    if (cached !== undefined) return cached;
    const scopeKey = this.scope(scopeName).keys.get(keyId);
    if (scopeKey === undefined) throw new UnknownKey(`unknown key id in scope ${scopeName}`);
    const key = expand(this.extract(scopeKey), `${scopeName}|${letterId}`);
    if (this.derived.size >= CACHED_LETTERS) this.derived.clear();
    this.derived.set(cacheKey, key);
    return key;
  }

  private extract(scopeKey: Buffer): KeyObject {
    let extracted = this.extracted.get(scopeKey);
    if (extracted === undefined) {
      extracted = createSecretKey(createHmac('sha256', NO_SALT).update(scopeKey).digest());
      this.extracted.set(scopeKey, extracted);
    }
    return extracted;
  }

  /** Random bytes are fetched by the page: one system call per value was visible in the profile. */
  private nonce(): Buffer {
    if (this.nonces.length < NONCE_BYTES) this.nonces = randomFillSync(Buffer.alloc(NONCE_BYTES * 256));
    const nonce = this.nonces.subarray(0, NONCE_BYTES);
    this.nonces = this.nonces.subarray(NONCE_BYTES);
    return nonce;
  }
}

/** HKDF-Expand to one block (RFC 5869 §2.3). Node's hkdf extracts anew for every letter, which costs four times as much. */
const expand = (extracted: KeyObject, info: string): KeyObject =>
  createSecretKey(createHmac('sha256', extracted).update(info).update(ONE).digest());
const ONE = Buffer.from([1]);
