import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { DEFAULT_FLOOD_LIMITS } from '../flood-guard.js';

const BROKERS = /^\s*(?:\[[0-9a-fA-F:]+\]|[^\s,:]+):\d{1,5}\s*(?:,\s*(?:\[[0-9a-fA-F:]+\]|[^\s,:]+):\d{1,5}\s*)*$/;

/** Settings every service has. A value named `X` may also come from a file named by `X_FILE` (mounted secrets). */
export const runtimeConfig = z.object({
  POSTGANG_ENVIRONMENT: z
    .enum(['test', 'production'])
    .describe('test accepts synthetic national ids and the sandbox; production refuses them'),
  KAFKA_BROKERS: z
    .string()
    .regex(BROKERS, 'must be host:port, comma separated')
    .transform((text) => text.split(',').map((broker) => broker.trim()))
    .describe('host:port, comma separated'),
  KAFKA_SSL_CA: z
    .string()
    .optional()
    .describe('PEM of the authority the brokers are checked against; its presence turns TLS on'),
  KAFKA_USERNAME: z.string().optional().describe('SCRAM-SHA-512 user'),
  KAFKA_PASSWORD: z.string().optional().describe('SCRAM-SHA-512 password'),
  TOPIC_PREFIX: z
    .string()
    .regex(/^[a-z0-9.-]*$/)
    .default('')
    .describe('put before topic and group names, to share a broker'),
  FETCH_MIN_BYTES: z.coerce.number().int().min(1).default(1).describe('a fetch waits for so many bytes'),
  FETCH_MAX_WAIT_MS: z.coerce
    .number()
    .int()
    .min(1)
    .max(5_000)
    .default(500)
    .describe('but at most so long (milliseconds)'),
  KAFKA_SESSION_MS: z.coerce
    .number()
    .int()
    .min(6_000)
    .max(300_000)
    .default(30_000)
    .describe('a killed process gives its partitions up after so long (milliseconds)'),
  POSTGRES_URL: z
    .string()
    .optional()
    .describe("PostgreSQL, with the service's own role; needed by services that keep state"),
  POSTGRES_POOL: z.coerce.number().int().min(1).max(100).default(8).describe('connections to PostgreSQL'),
  REDIS_URL: z
    .string()
    .regex(/^rediss?:\/\//, 'must begin with redis:// or rediss://')
    .optional()
    .describe('Redis; holds only what may be lost'),
  KEY_RING: z.string().optional().describe("JSON of the scopes' keys (libs/outside, KeyRing)"),
  MANAGEMENT_PORT: z.coerce
    .number()
    .int()
    .min(0)
    .max(65_535)
    .default(0)
    .describe('/livez /readyz /metrics; 0 = a free port'),
  MANAGEMENT_HOST: z.string().default('127.0.0.1').describe('address the management port is bound to'),
  SHUTDOWN_MS: z.coerce
    .number()
    .int()
    .min(1_000)
    .max(600_000)
    .default(20_000)
    .describe('a stop that takes longer is given up (milliseconds); stay below what the platform allows'),
  LOG_LEVEL: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'])
    .default('info')
    .describe('pino level'),
  OTEL_EXPORTER_OTLP_ENDPOINT: z
    .string()
    .regex(/^https?:\/\//, 'must begin with http:// or https://')
    .optional()
    .describe('where traces are sent; none = not sent'),
  TRACE_SAMPLE_SHARE: z.coerce
    .number()
    .min(0)
    .max(1)
    .default(0.01)
    .describe('share of letters whose trace is recorded'),
  FLOOD_SHARE: z.coerce
    .number()
    .min(0)
    .max(1)
    .default(DEFAULT_FLOOD_LIMITS.share)
    .describe('share of dead letters and refusals above which a consumer stops; 1 never stops it'),
  CLOCK_START: z.iso.datetime({ offset: true }).optional().describe('start of business time; refused in production'),
  CLOCK_RATE: z.coerce.number().positive().optional().describe('speed of business time; refused in production'),
});
export type RuntimeConfig = z.infer<typeof runtimeConfig>;

export type Environment = Readonly<Record<string, string | undefined>>;

/** Every mistake at once, by name, never with the value: values may be secrets. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  /** Of a command; a service that cannot start ends with 1. */
  readonly exitCode = 2;
}

export function parseConfig<T>(service: string, schema: z.ZodType<T>, environment: Environment): T {
  const given = withFiles(schema, environment);
  const parsed = schema.safeParse(given);
  if (!parsed.success) {
    const lines = parsed.error.issues.map(({ path, message }) => {
      const [key = '(all)'] = path.map(String);
      return `  ${key}: ${key in given && given[key] !== undefined ? message : missing(schema, key, message)}`;
    });
    throw new ConfigError(`${service}: the configuration is wrong\n${lines.join('\n')}`);
  }
  const contradictions = contradictionsIn(parsed.data as Partial<RuntimeConfig>);
  if (contradictions.length > 0) throw new ConfigError(`${service}: ${contradictions.join('; ')}`);
  return parsed.data;
}

/** What is not there is told by what it is for. */
function missing(schema: z.ZodType, key: string, message: string): string {
  const known = schema instanceof z.ZodObject ? (schema.shape as Record<string, z.ZodType>)[key] : undefined;
  if (known === undefined) return message;
  return known.description === undefined ? 'is missing' : `is missing: ${known.description}`;
}

function contradictionsIn(config: Partial<RuntimeConfig>): string[] {
  const found: string[] = [];
  if (
    config.POSTGANG_ENVIRONMENT === 'production' &&
    (config.CLOCK_START !== undefined || config.CLOCK_RATE !== undefined)
  )
    found.push('CLOCK_START and CLOCK_RATE are for test environments only');
  if ((config.KAFKA_USERNAME === undefined) !== (config.KAFKA_PASSWORD === undefined))
    found.push('KAFKA_USERNAME and KAFKA_PASSWORD belong together');
  return found;
}

export function configKeys(schema: z.ZodType): string[] {
  return schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
}

function withFiles(schema: z.ZodType, environment: Environment): Record<string, string | undefined> {
  const values: Record<string, string | undefined> = {};
  for (const key of configKeys(schema)) {
    const file = environment[`${key}_FILE`];
    const value = environment[key];
    if (value !== undefined && value !== '') values[key] = value;
    else if (file !== undefined) values[key] = readSecret(key, file);
  }
  return values;
}

function readSecret(key: string, file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw new ConfigError(`${key}_FILE cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`);
  }
}
