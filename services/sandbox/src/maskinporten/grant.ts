import { organisationNumberOf, PackageError, verifyChain } from '@postgang/document-package';
import { isOrganisationNumber } from '@postgang/rules';
import { decodeJwt, decodeProtectedHeader, importJWK, jwtVerify, type JWTPayload } from 'jose';
import { createHash, X509Certificate } from 'node:crypto';
import type { Client, Clients } from './clients.js';
import type { TokenRequest } from './tokens.js';

/** An answer of the token endpoint other than a token: OAuth 2.0 error code, and the code Maskinporten's troubleshooting page lists. */
export class GrantError extends Error {
  override readonly name = 'GrantError';

  constructor(
    readonly error: 'invalid_request' | 'invalid_grant' | 'invalid_scope' | 'unsupported_grant_type' | 'forbidden',
    description: string,
  ) {
    super(description);
  }

  get status(): number {
    return this.error === 'forbidden' ? 403 : 400;
  }
}

export interface GrantChecks {
  readonly issuer: string;
  readonly clients: Clients;
  readonly trust: readonly X509Certificate[];
  readonly used: UsedGrants;
}

/** Claims the specification of the JWT grant knows; others are refused. */
const CLAIMS = new Set(['aud', 'iss', 'iat', 'exp', 'jti', 'scope', 'resource', 'consumer_org']);
const MAX_LIFETIME = 120;
/** Allowed difference of clocks, seconds. */
const SKEW = 10;
const MAX_CHARACTERS = 64 * 1024;

/**
 * RFC 7523 as Maskinporten profiles it (docs.digdir.no: maskinporten_protocol_jwtgrant, maskinporten_func_delegering, maskinporten_feilsoking).
 * Returns what the token shall say. Throws GrantError.
 */
export async function acceptGrant(assertion: string, checks: GrantChecks, now: Date): Promise<TokenRequest> {
  const { header, claims } = decode(assertion);
  const client = typeof claims.iss === 'string' ? checks.clients.find(claims.iss) : undefined;
  if (client === undefined) throw failed('MP-100: Invalid assertion. Client authentication failed. Client not found');
  const key = await keyOf(header, client, checks.trust, now);
  try {
    await jwtVerify(assertion, key, { algorithms: ['RS256', 'RS384', 'RS512'], currentDate: new Date(0) });
  } catch {
    throw failed('MP-124: Invalid JWT signature');
  }
  checkTimes(claims, now);
  if (claims.aud !== checks.issuer)
    throw failed('MP-110: Invalid assertion. Client authentication failed. Invalid JWT claim aud');
  const scopes = scopesOf(claims, client);
  const consumer = consumerOf(claims, client, scopes, checks.clients);
  const audience = resourceOf(claims);
  // last, so that a refused grant is not used up
  if (
    !checks.used.first(`${client.clientId} ${claims.jti ?? createHash('sha256').update(assertion).digest('hex')}`, now)
  )
    throw failed('MP-012: Grant is used before');
  return {
    clientId: client.clientId,
    amr: client.keys === undefined ? 'virksomhetssertifikat' : 'private_key_jwt',
    scope: scopes.join(' '),
    consumer,
    ...(consumer === client.organisation ? {} : { supplier: client.organisation }),
    ...(audience === undefined ? {} : { audience }),
  };
}

type Header = { readonly alg?: unknown; readonly kid?: unknown; readonly x5c?: unknown };

function decode(assertion: string): { header: Header; claims: JWTPayload } {
  if (assertion.length > MAX_CHARACTERS) throw malformed('too long');
  try {
    const header: Header = decodeProtectedHeader(assertion);
    const claims = decodeJwt(assertion);
    for (const name of Object.keys(claims)) if (!CLAIMS.has(name)) throw malformed('unknown claim');
    return { header, claims };
  } catch (error) {
    throw error instanceof GrantError ? error : malformed('Invalid parameter value');
  }
}

async function keyOf(
  header: Header,
  client: Client,
  trust: readonly X509Certificate[],
  now: Date,
): Promise<Parameters<typeof jwtVerify>[1]> {
  if (client.keys !== undefined) {
    const jwk = client.keys.find((candidate) => candidate.kid === header.kid && header.kid !== undefined);
    if (jwk === undefined) throw failed('MP-100: Invalid assertion. Client authentication failed. Unknown kid');
    return importJWK(jwk, String(header.alg)).catch(() => {
      throw failed('MP-124: Invalid JWT signature');
    });
  }
  const chain = certificatesIn(header.x5c);
  const leaf = chain[0] as X509Certificate;
  try {
    verifyChain(leaf, chain.slice(1), trust, now);
  } catch (error) {
    if (!(error instanceof PackageError)) throw error;
    throw failed(
      'MP-120: Invalid assertion. Client authentication failed. The JWT is signed with an invalid certificate.',
    );
  }
  if (organisationNumberOf(leaf) !== client.organisation)
    throw failed('MP-122: Invalid JWT. Invalid organization number for client. Does not match certificate orgno');
  return leaf.publicKey;
}

function certificatesIn(x5c: unknown): X509Certificate[] {
  if (!Array.isArray(x5c) || x5c.length < 1 || x5c.length > 5) throw failed('MP-123: Invalid JWT header x5c');
  try {
    return x5c.map((encoded) => new X509Certificate(Buffer.from(String(encoded), 'base64')));
  } catch {
    throw failed('MP-123: Invalid JWT header x5c');
  }
}

function checkTimes(claims: JWTPayload, now: Date): void {
  const seconds = now.getTime() / 1_000;
  const { iat, exp } = claims;
  if (typeof iat !== 'number' || typeof exp !== 'number') throw malformed('iat and exp are required');
  if (exp - iat > MAX_LIFETIME) throw failed('Invalid assertion. Lifetime is longer than 120 seconds');
  if (exp <= seconds) throw failed('MP-130: JWT is expired');
  if (iat > seconds + SKEW) throw failed('Issue time is after now');
}

function scopesOf(claims: JWTPayload, client: Client): readonly string[] {
  const scope = claims['scope'];
  const scopes = typeof scope === 'string' ? scope.split(/\s+/).filter((part) => part !== '') : [];
  if (scopes.length === 0) throw malformed('scope is required');
  if (!scopes.every((name) => client.scopes.has(name)))
    throw new GrantError('invalid_scope', 'MP-200: Token request contains invalid scopes for client');
  return scopes;
}

function consumerOf(claims: JWTPayload, client: Client, scopes: readonly string[], clients: Clients): string {
  const consumer = claims['consumer_org'];
  if (consumer === undefined) return client.organisation;
  if (typeof consumer !== 'string' || !isOrganisationNumber(consumer)) throw malformed('consumer_org');
  if (consumer === client.organisation)
    throw malformed('The combination consumer_org in claim and delegation scope on client is invalid');
  const missing = scopes.find((scope) => !clients.delegated(consumer, client.organisation, scope));
  if (missing !== undefined)
    throw new GrantError(
      'forbidden',
      `MP-251: Consumer ${consumer} has not delegated access to the scope ${missing} to supplier ${client.organisation}`,
    );
  return consumer;
}

function resourceOf(claims: JWTPayload): readonly string[] | undefined {
  const resource = claims['resource'];
  if (resource === undefined) return undefined;
  const list = [resource].flat();
  if (list.length === 0 || !list.every((value): value is string => typeof value === 'string' && value.length <= 500))
    throw malformed('resource');
  return list;
}

const failed = (description: string): GrantError => new GrantError('invalid_grant', description);
const malformed = (description: string): GrantError =>
  new GrantError('invalid_request', `MP-011: Invalid assertion. ${description}`);

/** Every grant may be used once. Remembered as long as a grant can live. */
export class UsedGrants {
  private readonly until = new Map<string, number>();

  first(id: string, now: Date): boolean {
    const at = now.getTime();
    // insertion order is order of expiry
    for (const [known, expires] of this.until) {
      if (expires > at) break;
      this.until.delete(known);
    }
    if (this.until.has(id)) return false;
    this.until.set(id, at + (MAX_LIFETIME + SKEW) * 1_000);
    return true;
  }
}
