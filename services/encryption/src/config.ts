import { runtimeConfig } from '@postgang/runtime';
import { z } from 'zod';

export const encryptionConfig = runtimeConfig
  .extend({
    OPERATOR_KEY: z.string().describe("PEM of the operator's private key, which signs packages (OPERATOR_KEY_FILE)"),
    OPERATOR_CHAIN: z.string().describe("PEM of the operator's certificates, leaf first (OPERATOR_CHAIN_FILE)"),
    RECIPIENT_TRUST: z
      .string()
      .includes('-----BEGIN CERTIFICATE-----')
      .optional()
      .describe(
        'PEM of the authorities that certificates of mailboxes and print shop must come from: roots and intermediates (RECIPIENT_TRUST_FILE); required in production',
      ),
    DOCUMENT_STORE: z.string().min(1).describe('folder of the document store'),
    DOCUMENT_KEYS: z.string().describe("JSON of the document store's master keys (libs/document-store, MasterKeys)"),
  })
  .refine(
    ({ POSTGANG_ENVIRONMENT, RECIPIENT_TRUST }) =>
      POSTGANG_ENVIRONMENT !== 'production' || RECIPIENT_TRUST !== undefined,
    { path: ['RECIPIENT_TRUST'], message: 'required in production' },
  );
export type EncryptionConfig = z.infer<typeof encryptionConfig>;
