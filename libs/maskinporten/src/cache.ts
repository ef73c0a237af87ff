import type { Redis } from 'ioredis';
import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createSecretKey,
  randomBytes,
  type KeyObject,
} from 'node:crypto';
import type { Token } from './tokens.js';

/** Where tokens are shared between processes. Losing it costs a call to Maskinporten, nothing more. */
export interface TokenCache {
  get(key: string): Promise<Token | undefined>;
  set(key: string, token: Token): Promise<void>;
  remove(key: string): Promise<void>;
}

/** In Redis, encrypted, under a hash: whoever reads Redis learns neither tokens nor for whom they are. Redis down = no cache. */
export class RedisTokenCache implements TokenCache {
  /** As a key object: importing the bytes for every token costs several times the cipher itself. */
  private readonly secret: KeyObject;

  /** `secret`: 32 bytes. */
  constructor(
    private readonly redis: Redis,
    secret: Buffer,
  ) {
    this.secret = createSecretKey(secret);
  }

  async get(key: string): Promise<Token | undefined> {
    try {
      const stored = await this.redis.getBuffer(nameOf(key));
      if (stored === null || stored.length < 29) return undefined;
      const decipher = createDecipheriv('aes-256-gcm', this.secret, stored.subarray(0, 12));
      decipher.setAAD(Buffer.from(key));
      decipher.setAuthTag(stored.subarray(12, 28));
      const text = Buffer.concat([decipher.update(stored.subarray(28)), decipher.final()]).toString();
      const { token, expiresAt } = JSON.parse(text) as { token: string; expiresAt: number };
      return { token, expiresAt: new Date(expiresAt) };
    } catch {
      return undefined;
    }
  }

  async set(key: string, { token, expiresAt }: Token): Promise<void> {
    const life = expiresAt.getTime() - Date.now();
    if (life < 1_000) return;
    const nonce = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', this.secret, nonce);
    cipher.setAAD(Buffer.from(key));
    const sealed = Buffer.concat([
      cipher.update(JSON.stringify({ token, expiresAt: expiresAt.getTime() })),
      cipher.final(),
    ]);
    await this.redis
      .set(nameOf(key), Buffer.concat([nonce, cipher.getAuthTag(), sealed]), 'PX', Math.floor(life))
      .catch(() => undefined);
  }

  async remove(key: string): Promise<void> {
    await this.redis.del(nameOf(key)).catch(() => undefined);
  }
}

const nameOf = (key: string): string => `maskinporten:${createHash('sha256').update(key).digest('hex')}`;
