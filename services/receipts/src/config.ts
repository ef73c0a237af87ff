import { runtimeConfig } from '@postgang/runtime';
import { z } from 'zod';

export const receiptsConfig = runtimeConfig.extend({
  RECEIPT_TRUST: z
    .string()
    .includes('-----BEGIN CERTIFICATE-----')
    .describe('PEM of the certificates receipts are checked against: roots and intermediates (RECEIPT_TRUST_FILE)'),
  RECEIPT_CRLS: z
    .string()
    .min(1)
    .optional()
    .describe('folder or file of revocation lists (CRL, PEM or DER) of these authorities; without it none is learnt'),
  RECEIPT_CRLS_EVERY_MS: z.coerce
    .number()
    .int()
    .min(10)
    .max(3_600_000)
    .default(10_000)
    .describe('how often it is looked whether they changed (milliseconds)'),
  OPERATOR_KEY: z
    .string()
    .describe("PEM of the operator's private key, which signs the days' roots (OPERATOR_KEY_FILE)"),
  OPERATOR_CHAIN: z.string().describe("PEM of the operator's certificates, leaf first (OPERATOR_CHAIN_FILE)"),
  STUCK_AFTER_MS: z.coerce
    .number()
    .int()
    .min(0)
    .max(86_400_000)
    .default(60_000)
    .describe('no letter counts as stuck sooner, however fast its provider usually is (milliseconds)'),
  DEADLINES_EVERY_MS: z.coerce
    .number()
    .int()
    .min(10)
    .max(600_000)
    .default(5_000)
    .describe('how often overdue expectations are looked for (milliseconds)'),
  DAY_ROOTS_EVERY_MS: z.coerce
    .number()
    .int()
    .min(10)
    .max(3_600_000)
    .default(60_000)
    .describe('how often it is looked whether a day is over (milliseconds)'),
});
export type ReceiptsConfig = z.infer<typeof receiptsConfig>;
