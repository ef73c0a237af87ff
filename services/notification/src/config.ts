import { runtimeConfig } from '@postgang/runtime';
import { z } from 'zod';

export const notificationConfig = runtimeConfig.extend({
  MASKINPORTEN_ISSUER: z.url().describe('issuer of the tokens for the registers; ends with a slash'),
  MASKINPORTEN_CLIENT_ID: z.string().min(1).describe("the operator's client at Maskinporten"),
  OPERATOR_KEY: z.string().describe("PEM of the operator's private key (OPERATOR_KEY_FILE)"),
  OPERATOR_CHAIN: z.string().describe("PEM of the operator's certificates, leaf first (OPERATOR_CHAIN_FILE)"),
  KRR_URL: z.url().describe('contact and reservation register, without /rest'),
  SMTP_HOST: z.string().min(1).describe('mail server'),
  SMTP_PORT: z.coerce.number().int().min(1).max(65_535).describe('its port'),
  SMTP_TLS: z.enum(['required', 'none']).default('required').describe('none only for the sandbox'),
  SMTP_USER: z.string().optional().describe('user at the mail server'),
  SMTP_PASSWORD: z.string().optional().describe('password at the mail server (SMTP_PASSWORD_FILE)'),
  MAIL_FROM: z
    .string()
    .regex(/^[^\s@]+@[^\s@]+$/)
    .describe('sender address of service messages'),
});
export type NotificationConfig = z.infer<typeof notificationConfig>;
