import type { Clock } from '@postgang/outside';
import { calculateJwkThumbprint, errors, exportJWK, jwtVerify, SignJWT, type JWK } from 'jose';
import { createPublicKey, randomUUID, type KeyObject } from 'node:crypto';
import type { Address } from '../address.js';

/** Lifetime of an access token, seconds. */
export const TOKEN_SECONDS = 120;
const DELEGATION_SOURCE = 'https://tt02.altinn.no/';

export interface Participant {
  readonly authority: 'iso6523-actorid-upis';
  readonly ID: string;
}

/** The claims of an access token that anybody here looks at. */
export interface TokenClaims {
  readonly scope: string;
  readonly consumer: Participant;
  readonly supplier?: Participant;
  readonly exp: number;
  readonly aud?: string | readonly string[];
}

export interface TokenRequest {
  readonly clientId: string;
  readonly amr: 'virksomhetssertifikat' | 'private_key_jwt';
  readonly scope: string;
  readonly consumer: string;
  readonly supplier?: string;
  /** `resource` of the grant: who the token is for. */
  readonly audience?: readonly string[];
}

export class TokenError extends Error {
  override readonly name = 'TokenError';
}

const MAX_CACHED = 20_000;

/** Issues Maskinporten's access tokens, and verifies them for the systems beside it. */
export class Tokens {
  private readonly publicKey: KeyObject;
  private readonly verified = new Map<string, TokenClaims>();
  private jwk: Promise<JWK> | undefined;

  constructor(
    private readonly key: KeyObject,
    private readonly address: Address,
    private readonly clock: Clock,
  ) {
    this.publicKey = createPublicKey(key);
  }

  /** Maskinporten's own identifier ends in a slash. */
  get issuer(): string {
    return `${this.address.url}/`;
  }

  publicJwk(): Promise<JWK> {
    this.jwk ??= exportJWK(this.publicKey).then(async (jwk) => ({
      ...jwk,
      kid: await calculateJwkThumbprint(jwk),
      use: 'sig',
      alg: 'RS256',
    }));
    return this.jwk;
  }

  async issue(request: TokenRequest): Promise<string> {
    const { kid } = await this.publicJwk();
    const now = this.seconds();
    const audience = request.audience?.length === 1 ? request.audience[0] : request.audience;
    return new SignJWT({
      scope: request.scope,
      iss: this.issuer,
      client_amr: request.amr,
      token_type: 'Bearer',
      exp: now + TOKEN_SECONDS,
      iat: now,
      client_id: request.clientId,
      jti: randomUUID(),
      consumer: participant(request.consumer),
      ...(audience === undefined ? {} : { aud: audience as string | string[] }),
      ...(request.supplier === undefined
        ? {}
        : { supplier: participant(request.supplier), delegation_source: DELEGATION_SOURCE }),
    })
      .setProtectedHeader({ alg: 'RS256', kid: kid })
      .sign(this.key);
  }

  /** Signature, issuer, lifetime and, when the token names one, audience. Throws TokenError. */
  async verify(token: string, audience: string): Promise<TokenClaims> {
    let claims = this.verified.get(token);
    if (claims === undefined) {
      claims = await this.read(token);
      if (this.verified.size >= MAX_CACHED) this.verified.clear();
      this.verified.set(token, claims);
    }
    if (claims.exp <= this.seconds()) throw new TokenError('expired');
    const audiences = claims.aud === undefined ? undefined : [claims.aud].flat();
    if (audiences !== undefined && !audiences.some((value) => sameUrl(value, audience)))
      throw new TokenError('for another audience');
    return claims;
  }

  private async read(token: string): Promise<TokenClaims> {
    try {
      const { payload } = await jwtVerify(token, this.publicKey, {
        algorithms: ['RS256'],
        issuer: this.issuer,
        requiredClaims: ['exp', 'scope', 'consumer'],
        currentDate: this.clock.now(),
      });
      return payload as unknown as TokenClaims;
    } catch (error) {
      throw new TokenError(error instanceof errors.JWTExpired ? 'expired' : 'not a token of this issuer', {
        cause: error,
      });
    }
  }

  private seconds(): number {
    return Math.floor(this.clock.now().getTime() / 1_000);
  }
}

const participant = (organisation: string): Participant => ({
  authority: 'iso6523-actorid-upis',
  ID: `0192:${organisation}`,
});

const sameUrl = (one: string, other: string): boolean => one.replace(/\/$/, '') === other.replace(/\/$/, '');

/** `0192:<organisation number>` without the prefix. */
export const organisationIn = (who: Participant): string => who.ID.replace(/^0192:/, '');
