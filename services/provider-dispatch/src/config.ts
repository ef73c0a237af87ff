import { PROVIDERS_WITH_TOPICS } from '@postgang/pipeline';
import { runtimeConfig } from '@postgang/runtime';
import { z } from 'zod';

export const providerDispatchConfig = runtimeConfig.extend({
  MASKINPORTEN_ISSUER: z.url().describe('issuer of the tokens for the access point; ends with a slash'),
  MASKINPORTEN_CLIENT_ID: z.string().min(1).describe("the operator's client at Maskinporten"),
  OPERATOR: z
    .string()
    .regex(/^\d{9}$/)
    .describe('organisation number of the operator: technical sender'),
  OPERATOR_KEY: z.string().describe("PEM of the operator's private key, which signs messages (OPERATOR_KEY_FILE)"),
  OPERATOR_CHAIN: z.string().describe("PEM of the operator's certificates, leaf first (OPERATOR_CHAIN_FILE)"),
  ACCESS_POINT_URL: z.url().describe('access point (corner 2), without /messages'),
  RECEIPT_QUEUE: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,28}$/)
    .default('postgang')
    .describe('queue (kanal) our receipts come back on'),
  DOCUMENT_STORE: z.string().min(1).describe('folder of the document store'),
  DOCUMENT_KEYS: z.string().describe("JSON of the document store's master keys (DOCUMENT_KEYS_FILE)"),
  OWNED_PROVIDERS: z
    .string()
    .default(PROVIDERS_WITH_TOPICS.join(','))
    .transform((text) => text.split(',').filter((name) => name !== ''))
    .describe('providers this service hands over to; the others have adapters of their own'),
});
export type ProviderDispatchConfig = z.infer<typeof providerDispatchConfig>;
