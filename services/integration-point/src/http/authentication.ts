import { Inject, Injectable } from '@nestjs/common';
import { CONFIG } from '@postgang/runtime';
import { organisationOf } from '@postgang/rules';
import type { FastifyRequest } from 'fastify';
import { createRemoteJWKSet, errors, jwtVerify, type JWTPayload } from 'jose';
import { createHash } from 'node:crypto';
import { AgencyDirectory } from '../agencies/agency-directory.js';
import type { IntegrationPointConfig } from '../config.js';
import { Problem } from './problem.js';

export interface Caller {
  /** The agency: `consumer` of the token. */
  readonly sender: string;
  /** Its name, as it is registered with us. */
  readonly senderName: string;
  /** Who calls for the agency, if not itself. */
  readonly supplier: string | undefined;
}

export type Scope = 'postgang:letters.write' | 'postgang:letters.read';

interface Verified {
  readonly claims: JWTPayload;
  readonly until: number;
}

const MOST_CACHED = 10_000;
const LONGEST_TOKEN = 8_192;

/**
 * Maskinporten access tokens (docs.digdir.no, maskinporten_protocol_token): RS256, issuer, audience, expiry, scope, `consumer` and, for
 * delegated ones, `supplier`. A verified token is remembered by its hash until it ends; agency and delegation are looked at every time.
 */
@Injectable()
export class Authentication {
  private readonly verified = new Map<string, Verified>();
  private readonly keys: ReturnType<typeof createRemoteJWKSet>;

  constructor(
    @Inject(CONFIG) private readonly config: IntegrationPointConfig,
    @Inject(AgencyDirectory) private readonly agencies: AgencyDirectory,
  ) {
    this.keys = createRemoteJWKSet(new URL(config.TOKEN_JWKS_URL));
  }

  /** Throws Problem: unauthenticated, scope-missing, unknown-agency, not-delegated, unavailable. */
  async caller(request: FastifyRequest, scope: Scope): Promise<Caller> {
    const token = /^Bearer +([\w.~+/=-]+)$/i.exec(request.headers.authorization ?? '')?.[1];
    if (token === undefined || token.length > LONGEST_TOKEN)
      throw new Problem('unauthenticated', 'There is no bearer token in Authorization, or not one of ours.');
    const claims = await this.claims(token);
    const sender = organisationIn(claims['consumer']);
    if (sender === undefined) throw new Problem('unauthenticated', 'The token names no consumer.');
    const scopes = typeof claims['scope'] === 'string' ? claims['scope'].split(' ') : [];
    if (!scopes.includes(scope)) throw new Problem('scope-missing', `The scope ${scope} is needed.`);
    const agency = await this.agencies.find(sender);
    if (agency === undefined) throw new Problem('unknown-agency');
    if (claims['supplier'] === undefined) return { sender, senderName: agency.name, supplier: undefined };
    const supplier = organisationIn(claims['supplier']);
    if (supplier === undefined || !agency.suppliers.includes(supplier)) throw new Problem('not-delegated');
    return { sender, senderName: agency.name, supplier };
  }

  private async claims(token: string): Promise<JWTPayload> {
    const hash = createHash('sha256').update(token).digest('base64');
    const known = this.verified.get(hash);
    if (known !== undefined && known.until > Date.now()) return known.claims;
    this.verified.delete(hash);
    const claims = await this.verify(token);
    if (this.verified.size >= MOST_CACHED) this.verified.clear();
    this.verified.set(hash, { claims, until: (claims.exp as number) * 1_000 });
    return claims;
  }

  private async verify(token: string): Promise<JWTPayload> {
    try {
      const { payload } = await jwtVerify(token, this.keys, {
        algorithms: ['RS256'],
        issuer: this.config.TOKEN_ISSUER,
        audience: this.config.TOKEN_AUDIENCE,
        requiredClaims: ['exp', 'scope', 'consumer'],
        clockTolerance: 5,
      });
      return payload;
    } catch (error) {
      // only these say something about the token; the rest says that the issuer's keys could not be fetched
      const keysAway = error instanceof errors.JWKSTimeout || !(error instanceof errors.JOSEError);
      if (keysAway || error.code === 'ERR_JOSE_GENERIC' || error.code === 'ERR_JWKS_INVALID')
        throw new Problem('unavailable');
      throw new Problem('unauthenticated', whyNot(error));
    }
  }
}

/** For the agency's developer; nothing of the token is repeated but the name of a claim. */
function whyNot(error: errors.JOSEError): string {
  if (error instanceof errors.JWTExpired) return 'The token has expired.';
  if (error instanceof errors.JWTClaimValidationFailed)
    return `The claim ${error.claim} of the token is ${error.reason === 'missing' ? 'missing' : 'not what is expected here'}.`;
  if (error instanceof errors.JWKSNoMatchingKey) return 'The token names no key of the issuer.';
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'The signature of the token does not hold.';
  if (error instanceof errors.JOSEAlgNotAllowed) return 'The token is not signed with RS256.';
  return 'The token is no signed JWT.';
}

/** `{ "authority": "iso6523-actorid-upis", "ID": "0192:<organisation number>" }` */
function organisationIn(claim: unknown): string | undefined {
  const { authority, ID } = (claim ?? {}) as { authority?: unknown; ID?: unknown };
  if (authority !== 'iso6523-actorid-upis' || typeof ID !== 'string' || !ID.startsWith('0192:')) return undefined;
  return organisationOf(ID);
}
