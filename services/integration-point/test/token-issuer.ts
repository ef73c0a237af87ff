import { exportJWK, generateKeyPair, SignJWT, type CryptoKey } from 'jose';
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
  readonly expiresIn?: number;
  readonly key?: CryptoKey;
}

const organisation = (orgnr: string): object => ({ authority: 'iso6523-actorid-upis', ID: `0192:${orgnr}` });

/** Issues tokens as Maskinporten does and serves its keys. */
export class TokenIssuer {
  private constructor(
    private readonly server: Server,
    private readonly key: CryptoKey,
  ) {}

  static async start(): Promise<TokenIssuer> {
    const { publicKey, privateKey } = await generateKeyPair('RS256');
    const keys = { keys: [{ ...(await exportJWK(publicKey)), kid: 'one', alg: 'RS256', use: 'sig' }] };
    const server = createServer((_request, response) => {
      response.setHeader('content-type', 'application/json').end(JSON.stringify(keys));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new TokenIssuer(server, privateKey);
  }

  get jwksUrl(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/jwks`;
  }

  issue(wish: TokenWish): Promise<string> {
    const now = Math.floor(Date.now() / 1_000);
    return new SignJWT({
      scope: wish.scope ?? 'postgang:letters.write postgang:letters.read',
      consumer: organisation(wish.consumer),
      ...(wish.supplier === undefined ? {} : { supplier: organisation(wish.supplier) }),
    })
      .setProtectedHeader({ alg: 'RS256', kid: 'one' })
      .setIssuer(wish.issuer ?? ISSUER)
      .setAudience(wish.audience ?? AUDIENCE)
      .setIssuedAt(now)
      .setExpirationTime(now + (wish.expiresIn ?? 120))
      .sign(wish.key ?? this.key);
  }

  stop(): Promise<void> {
    return new Promise((resolve) => {
      this.server.close(() => resolve());
      this.server.closeAllConnections();
    });
  }
}
