import { signingIdentityFromPem } from '@postgang/document-package';
import { MaskinportenTokens, RedisTokenCache } from '@postgang/maskinporten';
import { HttpClient } from '@postgang/outside';
import { ContactRegister, PopulationRegister, type Registers } from '@postgang/registers';
import type { Runtime } from '@postgang/runtime';
import { createHash } from 'node:crypto';
import type { RegisterLookupConfig } from './config.js';

export const REGISTERS = Symbol('registers');
/** A thousand persons, each with a certificate, are about 3 MB. */
const MOST_ANSWER_BYTES = 32 * 1024 * 1024;

/** The registers, asked with each agency's own token. */
export function openRegisters(runtime: Runtime, config: RegisterLookupConfig): Registers {
  const tokens = new MaskinportenTokens({
    issuer: config.MASKINPORTEN_ISSUER,
    clientId: config.MASKINPORTEN_CLIENT_ID,
    signer: signingIdentityFromPem(config.OPERATOR_KEY, config.OPERATOR_CHAIN),
    http: new HttpClient({
      name: 'maskinporten',
      baseUrl: config.MASKINPORTEN_ISSUER,
      timeoutMs: 5_000,
      concurrency: 16,
    }),
    ...(runtime.redis === undefined
      ? {}
      : {
          cache: new RedisTokenCache(
            runtime.redis,
            createHash('sha256').update(`token cache ${config.OPERATOR_KEY}`).digest(),
          ),
        }),
  });
  const register = (name: string, baseUrl: string): HttpClient =>
    new HttpClient({
      name,
      baseUrl,
      timeoutMs: config.REGISTER_TIMEOUT_MS,
      concurrency: 16,
      maxResponseBytes: MOST_ANSWER_BYTES,
    });
  return {
    contacts: new ContactRegister(register('krr', config.KRR_URL), tokens),
    population: new PopulationRegister(register('folkeregisteret', config.POPULATION_REGISTER_URL), tokens),
  };
}
