import { exportJWK, exportSPKI, generateKeyPair, SignJWT, type CryptoKey, type JWK } from 'jose';
import { createHmac } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export const ISSUER = 'https://issuer.example/';
export const AUDIENCE = 'https://api.example/';

export interface TokenWish {
  readonly consumer: string;
  readonly supplier?: string;
  readonly scope?: string;
  readonly audience?: string;
  readonly issuer?: string;
  /** Seconds from now. */
  readonly expiresIn?: number;
  readonly notBeforeIn?: number;
  readonly key?: CryptoKey;
  /** Set or, when undefined, taken away. */
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly header?: Readonly<Record<string, unknown>>;
}

const organisation = (orgnr: string): object => ({ authority: 'iso6523-actorid-upis', ID: `0192:${orgnr}` });
const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** Issues tokens as Maskinporten does and serves its keys. */
export class TokenIssuer {
  private constructor(
    private readonly server: Server,
    private readonly key: CryptoKey,
    private readonly publicKey: CryptoKey,
  ) {}

  static async start(): Promise<TokenIssuer> {
    const { publicKey, privateKey } = await generateKeyPair('RS256', { extractable: true });
    const keys = { keys: [{ ...(await exportJWK(publicKey)), kid: 'one', alg: 'RS256', use: 'sig' }] };
    const server = createServer((_request, response) => {
      response.setHeader('content-type', 'application/json').end(JSON.stringify(keys));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new TokenIssuer(server, privateKey, publicKey);
  }

  get jwksUrl(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/jwks`;
  }

  issue(wish: TokenWish): Promise<string> {
    return new SignJWT(claimsOf(wish) as never)
      .setProtectedHeader({ alg: 'RS256', kid: 'one', ...wish.header })
      .sign(wish.key ?? this.key);
  }

  /** `alg: none` (RFC 7519 §6). */
  unsigned(wish: TokenWish): string {
    return `${part({ alg: 'none' })}.${part(claimsOf(wish))}.`;
  }

  /** The public key, which everybody has, taken for the secret of an HMAC. */
  async signedWithPublicKey(wish: TokenWish): Promise<string> {
    const signed = `${part({ alg: 'HS256', kid: 'one' })}.${part(claimsOf(wish))}`;
    const mac = createHmac('sha256', await exportSPKI(this.publicKey)).update(signed);
    return `${signed}.${mac.digest('base64url')}`;
  }

  stop(): Promise<void> {
    return new Promise((resolve) => {
      this.server.close(() => resolve());
      this.server.closeAllConnections();
    });
  }
}

export async function strangersKey(): Promise<{ key: CryptoKey; jwk: JWK }> {
  const { publicKey, privateKey } = await generateKeyPair('RS256', { extractable: true });
  return { key: privateKey, jwk: await exportJWK(publicKey) };
}

function claimsOf(wish: TokenWish): object {
  const now = Math.floor(Date.now() / 1_000);
  return {
    iss: wish.issuer ?? ISSUER,
    aud: wish.audience ?? AUDIENCE,
    iat: now,
    exp: now + (wish.expiresIn ?? 120),
    ...(wish.notBeforeIn === undefined ? {} : { nbf: now + wish.notBeforeIn }),
    scope: wish.scope ?? 'postgang:letters.write postgang:letters.read',
    consumer: organisation(wish.consumer),
    ...(wish.supplier === undefined ? {} : { supplier: organisation(wish.supplier) }),
    ...wish.claims,
  };
}
