import { clockFrom } from '@postgang/outside';
import { isOrganisationNumber } from '@postgang/rules';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { parseVerification } from './providers/opening.js';
import { DEFAULT_CLIENT_ID, DEFAULT_OPERATOR, type SandboxOptions } from './sandbox.js';

const port = z.coerce.number().int().min(0).max(65_535);

/** Every setting is a flag (`--receipt-delay-ms 30`) or an environment variable (`SANDBOX_RECEIPT_DELAY_MS=30`); the flag wins. */
export const sandboxConfig = z.object({
  SANDBOX_HOST: z.string().default('127.0.0.1').describe('address to listen on'),
  SANDBOX_PORT: port.default(8_080).describe('HTTP port; 0 = a free one'),
  SANDBOX_SMTP_PORT: port.default(2_525).describe('SMTP port; 0 = a free one'),
  SANDBOX_URL: z.url().optional().describe('address the others use, where it is not host and port'),
  SANDBOX_DIR: z.string().default('.postgang/sandbox').describe('folder of keys and certificates'),
  SANDBOX_SEED: z.coerce
    .number()
    .int()
    .min(0)
    .max(1_000_000_000)
    .default(1)
    .describe('which generated people there are'),
  SANDBOX_OPERATOR: z
    .string()
    .refine(isOrganisationNumber, 'not an organisation number')
    .default(DEFAULT_OPERATOR)
    .describe('organisation number of the operator'),
  SANDBOX_OPERATOR_CLIENT_ID: z
    .string()
    .min(1)
    .default(DEFAULT_CLIENT_ID)
    .describe("the operator's Maskinporten client"),
  SANDBOX_RECEIPT_DELAY_MS: z.coerce
    .number()
    .int()
    .min(0)
    .max(86_400_000)
    .default(30)
    .describe("milliseconds between the steps of a letter's life"),
  SANDBOX_VERIFY: z
    .string()
    .default('full')
    .refine((text) => parseVerification(text) !== undefined, 'full, sample:N or cms-digest-only')
    .describe('how many packages the providers open: full, sample:N or cms-digest-only'),
  SANDBOX_REMEMBERED_DELIVERIES: z.coerce
    .number()
    .int()
    .min(0)
    .max(1_000_000)
    .default(10_000)
    .describe('how many deliveries /admin/deliveries shows'),
  CLOCK_START: z.iso.datetime({ offset: true }).optional().describe('start of business time'),
  CLOCK_RATE: z.coerce.number().positive().optional().describe('speed of business time'),
});

export class SandboxConfigError extends Error {
  override readonly name = 'SandboxConfigError';
}

const flagOf = (variable: string): string =>
  variable
    .replace(/^SANDBOX_/, '')
    .toLowerCase()
    .replaceAll('_', '-');

/** Throws SandboxConfigError with every mistake at once. */
export function optionsFrom(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>> = process.env,
): SandboxOptions {
  if (environment['POSTGANG_ENVIRONMENT'] === 'production')
    throw new SandboxConfigError('the sandbox does not run in production');
  const parsed = sandboxConfig.safeParse({ ...environment, ...flagsIn(args) });
  if (!parsed.success)
    throw new SandboxConfigError(
      parsed.error.issues.map((issue) => `--${flagOf(issue.path.join('.'))}: ${issue.message}`).join('\n'),
    );
  const settings = parsed.data;
  const verification = parseVerification(settings.SANDBOX_VERIFY);
  return {
    host: settings.SANDBOX_HOST,
    port: settings.SANDBOX_PORT,
    smtpPort: settings.SANDBOX_SMTP_PORT,
    dir: settings.SANDBOX_DIR,
    seed: settings.SANDBOX_SEED,
    operator: settings.SANDBOX_OPERATOR,
    operatorClientId: settings.SANDBOX_OPERATOR_CLIENT_ID,
    receiptDelayMs: settings.SANDBOX_RECEIPT_DELAY_MS,
    rememberedDeliveries: settings.SANDBOX_REMEMBERED_DELIVERIES,
    clock: clockFrom({ start: settings.CLOCK_START, rate: settings.CLOCK_RATE }),
    ...(verification === undefined ? {} : { verification }),
    ...(settings.SANDBOX_URL === undefined ? {} : { publicUrl: settings.SANDBOX_URL }),
  };
}

function flagsIn(args: readonly string[]): Record<string, string> {
  const variables = Object.keys(sandboxConfig.shape);
  try {
    const { values } = parseArgs({
      args: [...args],
      options: Object.fromEntries(variables.map((variable) => [flagOf(variable), { type: 'string' as const }])),
    });
    return Object.fromEntries(
      variables.flatMap((variable) => {
        const value = values[flagOf(variable)];
        return typeof value === 'string' ? [[variable, value]] : [];
      }),
    );
  } catch (error) {
    throw new SandboxConfigError((error as Error).message);
  }
}
