import type { FastifyInstance } from 'fastify';
import type { Counts } from '../admin/counts.js';
import type { Clients } from './clients.js';
import { acceptGrant, GrantError, UsedGrants, type GrantChecks } from './grant.js';
import { TOKEN_SECONDS, type Tokens } from './tokens.js';
import type { Clock } from '@postgang/outside';
import type { X509Certificate } from 'node:crypto';

export interface MaskinportenParts {
  readonly tokens: Tokens;
  readonly clients: Clients;
  readonly trust: readonly X509Certificate[];
  readonly clock: Clock;
  readonly counts: Counts;
}

const GRANT_TYPE = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

export function maskinporten(app: FastifyInstance, { tokens, clients, trust, clock, counts }: MaskinportenParts): void {
  const config = { system: 'maskinporten' } as const;
  const used = new UsedGrants();

  const checks = (): GrantChecks => ({ issuer: tokens.issuer, clients, trust, used });

  app.get('/.well-known/oauth-authorization-server', { config }, () => ({
    issuer: tokens.issuer,
    token_endpoint: `${tokens.issuer}token`,
    jwks_uri: `${tokens.issuer}jwk`,
    token_endpoint_auth_methods_supported: ['private_key_jwt'],
    grant_types_supported: [GRANT_TYPE],
    token_endpoint_auth_signing_alg_values_supported: ['RS256', 'RS384', 'RS512'],
  }));

  app.get('/jwk', { config }, async () => ({ keys: [await tokens.publicJwk()] }));

  app.post('/token', { config }, async (request, reply) => {
    void reply.header('cache-control', 'no-store');
    try {
      const form = request.body instanceof URLSearchParams ? request.body : new URLSearchParams();
      if (form.get('grant_type') !== GRANT_TYPE) throw new GrantError('unsupported_grant_type', `use ${GRANT_TYPE}`);
      const granted = await acceptGrant(form.get('assertion') ?? '', checks(), clock.now());
      counts.tokens.issued++;
      if (granted.supplier !== undefined) counts.tokens.delegated++;
      return {
        access_token: await tokens.issue(granted),
        token_type: 'Bearer',
        expires_in: TOKEN_SECONDS - 1,
        scope: granted.scope,
      };
    } catch (error) {
      if (!(error instanceof GrantError)) throw error;
      counts.tokens.refused++;
      return reply.code(error.status).send({ error: error.error, error_description: error.message });
    }
  });
}
