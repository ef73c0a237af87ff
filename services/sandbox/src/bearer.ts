import type { FastifyRequest } from 'fastify';
import { TokenError, type TokenClaims, type Tokens } from './maskinporten/tokens.js';
import { Problem } from './problems.js';

export interface Bearer {
  readonly token: string;
  readonly claims: TokenClaims;
}

/** The caller's verified token, which must have every one of `scopes`. `audience` is the address of the system asked. */
export async function bearerOf(
  request: FastifyRequest,
  tokens: Tokens,
  audience: string,
  scopes: readonly string[],
): Promise<Bearer> {
  const token = /^Bearer (\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
  if (token === undefined) throw new Problem('token-missing');
  try {
    const claims = await tokens.verify(token, audience);
    const granted = claims.scope.split(' ');
    const missing = scopes.find((scope) => !granted.includes(scope));
    if (missing !== undefined) throw new Problem('scope-missing', missing);
    return { token, claims };
  } catch (error) {
    if (error instanceof TokenError) throw new Problem('token-invalid', error.message);
    throw error;
  }
}
