import { runtimeConfig } from '@postgang/runtime';
import { z } from 'zod';

export const registerLookupConfig = runtimeConfig.extend({
  INTERNAL_HOST: z.string().default('127.0.0.1').describe('address that integration-point asks on, for dry runs'),
  INTERNAL_PORT: z.coerce.number().int().min(0).max(65_535).default(0).describe('its port; 0 = a free port'),
  MASKINPORTEN_ISSUER: z.url().describe('issuer of the tokens for the registers; ends with a slash'),
  MASKINPORTEN_CLIENT_ID: z.string().min(1).describe("the operator's client at Maskinporten"),
  OPERATOR_KEY: z.string().describe("PEM of the operator's private key (OPERATOR_KEY_FILE)"),
  OPERATOR_CHAIN: z.string().describe("PEM of the operator's certificates, leaf first (OPERATOR_CHAIN_FILE)"),
  KRR_URL: z.url().describe('contact and reservation register, without /rest'),
  REGISTER_TIMEOUT_MS: z.coerce
    .number()
    .int()
    .min(100)
    .max(60_000)
    .default(8_000)
    .describe('a register that has not answered a call after so long counts as away (milliseconds)'),
  ACCESS_PROBE_MS: z.coerce
    .number()
    .int()
    .min(100)
    .max(3_600_000)
    .default(60_000)
    .describe('a register that an agency may not ask is tried with one of its parked letters so often (milliseconds)'),
  POPULATION_REGISTER_URL: z.url().describe('Folkeregisteret, without /folkeregisteret'),
});
export type RegisterLookupConfig = z.infer<typeof registerLookupConfig>;
