import { runtimeConfig } from '@postgang/runtime';
import { z } from 'zod';

export const receiptsConfig = runtimeConfig.extend({
  RECEIPT_TRUST: z
    .string()
    .includes('-----BEGIN CERTIFICATE-----')
    .describe('PEM of the certificates receipts are checked against: roots and intermediates (RECEIPT_TRUST_FILE)'),
  DEADLINES_EVERY_MS: z.coerce
    .number()
    .int()
    .min(10)
    .max(600_000)
    .default(5_000)
    .describe('how often overdue expectations are looked for (milliseconds)'),
});
export type ReceiptsConfig = z.infer<typeof receiptsConfig>;
