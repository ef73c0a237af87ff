import { runtimeConfig } from '@postgang/runtime';
import { z } from 'zod';

export const receiptsConfig = runtimeConfig.extend({
  RECEIPT_TRUST: z
    .string()
    .includes('-----BEGIN CERTIFICATE-----')
    .describe('PEM of the certificates receipts are checked against: roots and intermediates (RECEIPT_TRUST_FILE)'),
});
export type ReceiptsConfig = z.infer<typeof receiptsConfig>;
