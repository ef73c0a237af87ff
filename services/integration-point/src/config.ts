import { runtimeConfig } from '@postgang/runtime';
import { z } from 'zod';

export const integrationPointConfig = runtimeConfig.extend({
  HTTP_HOST: z.string().default('127.0.0.1').describe('address the API is bound to'),
  HTTP_PORT: z.coerce.number().int().min(0).max(65_535).default(0).describe('port of the API; 0 = a free port'),
  HTTP_REQUEST_TIMEOUT_MS: z.coerce
    .number()
    .int()
    .min(1_000)
    .max(3_600_000)
    .default(300_000)
    .describe('a request that has not come whole after so long is ended (milliseconds)'),
  TOKEN_ISSUER: z.string().min(1).describe('`iss` of the bearer tokens: Maskinporten'),
  TOKEN_JWKS_URL: z.url().describe("the issuer's public keys (JWKS)"),
  TOKEN_AUDIENCE: z.string().min(1).describe('`aud` the tokens must carry: this API'),
  REGISTER_LOOKUP_URL: z
    .url()
    .optional()
    .describe('internal address of register-lookup; without it dry runs answer 503'),
  DRY_RUNS_PER_MINUTE: z.coerce
    .number()
    .int()
    .min(1)
    .max(100_000)
    .default(120)
    .describe('dry runs of one agency, each of which asks the registers; counted by each process for itself'),
  DOCUMENT_STORE: z.string().min(1).describe('folder of the document store'),
  DOCUMENT_KEYS: z.string().min(1).describe("JSON of the document store's master keys (DOCUMENT_KEYS_FILE)"),
});
export type IntegrationPointConfig = z.infer<typeof integrationPointConfig>;
