import {
  DependencyDown,
  HttpUnreachable,
  retryAfterMs,
  systemClock,
  type Clock,
  type HttpClient,
  type HttpResponse,
} from '@postgang/outside';
import { randomUUID, sign, type KeyObject, type X509Certificate } from 'node:crypto';
import type { TokenCache } from './cache.js';

/** Tokens by RFC 7523 as Maskinporten profiles it: one per agency on whose behalf we act (`consumer_org`), signed with the operator's virksomhetssertifikat. */
export interface MaskinportenOptions {
  /** Ends with a slash, as the `aud` of the assertion must. */
  readonly issuer: string;
  readonly clientId: string;
  readonly signer: { readonly key: KeyObject; readonly certificates: readonly X509Certificate[] };
  /** Client whose base URL is the issuer. */
  readonly http: HttpClient;
  readonly cache?: TokenCache;
  /** Real time always: Maskinporten does not share an accelerated clock. */
  readonly clock?: Clock;
}

export interface TokenWish {
  /** Organisation number of the agency; absent for the operator's own errand. */
  readonly agency?: string;
  readonly scopes: readonly string[];
  readonly resource?: string;
}

export interface Token {
  readonly token: string;
  readonly expiresAt: Date;
}

/** The agency has not delegated this to us, or the delegation has ended: that agency's lane must wait, nobody else's. */
export class SenderNotAuthorised extends Error {
  override readonly name = 'SenderNotAuthorised';
  readonly agency: string | undefined;

  constructor(agency: string | undefined, why: string) {
    super(`not authorised to act for ${agency ?? 'the operator'}: ${why}`);
    this.agency = agency;
  }
}

const ASSERTION_SECONDS = 100;
/** A token must outlive the call it is used for. */
const LEAST_LIFE_MS = 30_000;

/** RFC 6749 §5.2: about the client and its assertion, not about whom it acts for. */
const OUR_OWN_FAULT = new Set(['invalid_client', 'invalid_grant', 'unauthorized_client']);

const keyOf = ({ agency, resource, scopes }: TokenWish): string =>
  [agency ?? '', resource ?? '', ...[...scopes].sort()].join(' ');

export class MaskinportenTokens {
  private readonly held = new Map<string, Token>();
  private readonly asked = new Map<string, Promise<Token>>();
  private readonly clock: Clock;
  /** Organisation number in our own certificate (SEID 2: organizationIdentifier, before that serialNumber). */
  private readonly operator: string | undefined;
  private readonly x5c: readonly string[];

  constructor(private readonly options: MaskinportenOptions) {
    this.clock = options.clock ?? systemClock;
    const { certificates } = options.signer;
    this.operator = /(?:NTRNO-|serialNumber=)(\d{9})\b/.exec(certificates[0]?.subject ?? '')?.[1];
    this.x5c = certificates.map((certificate) => certificate.raw.toString('base64'));
  }

  /** Throws {@link SenderNotAuthorised} or DependencyDown('maskinporten'). */
  async tokenFor(wish: TokenWish): Promise<Token> {
    const key = keyOf(wish);
    const held = this.held.get(key);
    if (held !== undefined && this.lives(held)) return held;
    let asking = this.asked.get(key);
    if (asking === undefined) {
      asking = this.fetch(key, wish).finally(() => this.asked.delete(key));
      this.asked.set(key, asking);
    }
    return asking;
  }

  /** The token was refused where it was shown. Only that very token is forgotten: somebody else may have fetched a new one meanwhile. */
  async discard(wish: TokenWish, token: Token): Promise<void> {
    const key = keyOf(wish);
    if (this.held.get(key)?.token === token.token) this.held.delete(key);
    const cached = await this.options.cache?.get(key);
    if (cached?.token === token.token) await this.options.cache?.remove(key);
  }

  private lives(token: Token): boolean {
    return token.expiresAt.getTime() - this.clock.now().getTime() > LEAST_LIFE_MS;
  }

  private async fetch(key: string, wish: TokenWish): Promise<Token> {
    const cached = await this.options.cache?.get(key);
    const token = cached !== undefined && this.lives(cached) ? cached : await this.request(wish);
    if (this.held.size > 10_000) this.held.clear();
    this.held.set(key, token);
    if (token !== cached) await this.options.cache?.set(key, token);
    return token;
  }

  private async request(wish: TokenWish): Promise<Token> {
    const form = new URLSearchParams({
      grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
      assertion: this.assertion(wish),
    });
    let answer: HttpResponse;
    try {
      answer = await this.options.http.request({
        method: 'POST',
        path: '/token',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: form.toString(),
      });
    } catch (error) {
      if (error instanceof HttpUnreachable) throw new DependencyDown('maskinporten', { cause: error });
      throw error;
    }
    if (answer.status === 400 || answer.status === 401 || answer.status === 403) {
      const why = refusalOf(answer);
      // our own certificate or client is no good: no agency's letter is to blame
      if (answer.status === 401 || OUR_OWN_FAULT.has(why))
        throw new DependencyDown('maskinporten', { cause: new Error(why) });
      throw new SenderNotAuthorised(wish.agency, why);
    }
    const wait = retryAfterMs(answer.headers, this.clock.now());
    if (answer.status !== 200)
      throw new DependencyDown('maskinporten', {
        cause: new Error(`status ${answer.status}`),
        ...(wait === undefined ? {} : { retryAfterMs: wait }),
      });
    const body = safeJson(answer) as { access_token?: unknown; expires_in?: unknown };
    if (
      typeof body.access_token !== 'string' ||
      typeof body.expires_in !== 'number' ||
      body.access_token.length > 16_384
    ) {
      throw new DependencyDown('maskinporten', { cause: new Error('an answer without a token') });
    }
    return { token: body.access_token, expiresAt: new Date(this.clock.now().getTime() + body.expires_in * 1_000) };
  }

  private assertion(wish: TokenWish): string {
    const now = Math.floor(this.clock.now().getTime() / 1_000);
    const header = { alg: 'RS256', x5c: this.x5c };
    const claims = {
      aud: this.options.issuer,
      iss: this.options.clientId,
      iat: now,
      exp: now + ASSERTION_SECONDS,
      jti: randomUUID(),
      scope: wish.scopes.join(' '),
      // nobody delegates to themselves: the operator's own letters go with its own token
      ...(wish.agency === undefined || wish.agency === this.operator ? {} : { consumer_org: wish.agency }),
      ...(wish.resource === undefined ? {} : { resource: wish.resource }),
    };
    const input = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
    return `${input}.${sign('sha256', Buffer.from(input), this.options.signer.key).toString('base64url')}`;
  }
}

/** The OAuth error code only; descriptions may quote what was sent. */
function refusalOf(answer: HttpResponse): string {
  const { error } = safeJson(answer) as { error?: unknown };
  return typeof error === 'string' && /^[a-z_]{1,40}$/.test(error) ? error : `status ${answer.status}`;
}

function safeJson(answer: HttpResponse): object {
  try {
    const value = answer.json();
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}
