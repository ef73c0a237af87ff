import { runtimeConfig } from '@postgang/runtime';
import { z } from 'zod';

export const encryptionConfig = runtimeConfig.extend({
  OPERATOR_KEY: z.string().describe("PEM of the operator's private key, which signs packages (OPERATOR_KEY_FILE)"),
  OPERATOR_CHAIN: z.string().describe("PEM of the operator's certificates, leaf first (OPERATOR_CHAIN_FILE)"),
  DOCUMENT_STORE: z.string().min(1).describe('folder of the document store'),
  DOCUMENT_KEYS: z.string().describe("JSON of the document store's master keys (libs/document-store, MasterKeys)"),
});
export type EncryptionConfig = z.infer<typeof encryptionConfig>;
