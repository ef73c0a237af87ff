import type { Sandbox } from '@postgang/sandbox';
import { join, resolve } from 'node:path';
import { localSecrets } from './secrets.js';

export interface LocalServers {
  readonly kafka: { readonly brokers: readonly string[] };
  readonly postgres: { readonly url: string };
  readonly redis: { readonly url: string };
}

export const API_AUDIENCE = 'https://postgang.example/v1';

export type Settings = Readonly<Record<string, string>>;

/** The environment of all services, against local servers and the sandbox. */
export function settingsFor(
  dir: string,
  servers: LocalServers,
  sandbox: Pick<Sandbox, 'url' | 'issuer' | 'smtp' | 'dir' | 'operator'>,
  more: Settings = {},
): Settings {
  const home = resolve(dir);
  const { keyRingFile, documentKeysFile } = localSecrets(home);
  return {
    POSTGANG_ENVIRONMENT: 'test',
    KAFKA_BROKERS: servers.kafka.brokers.join(','),
    POSTGRES_URL: servers.postgres.url,
    REDIS_URL: servers.redis.url,
    KEY_RING_FILE: keyRingFile,
    LOG_LEVEL: 'warn',
    DOCUMENT_STORE: join(home, 'documents'),
    DOCUMENT_KEYS_FILE: documentKeysFile,
    OPERATOR: sandbox.operator.organisation,
    OPERATOR_KEY_FILE: join(resolve(sandbox.dir), 'operator.key.pem'),
    OPERATOR_CHAIN_FILE: join(resolve(sandbox.dir), 'operator.chain.pem'),
    RECEIPT_TRUST_FILE: join(resolve(sandbox.dir), 'trust.pem'),
    RECEIPT_CRLS: join(resolve(sandbox.dir), 'crls'),
    RECIPIENT_TRUST_FILE: join(resolve(sandbox.dir), 'trust.pem'),
    MASKINPORTEN_ISSUER: sandbox.issuer,
    MASKINPORTEN_CLIENT_ID: sandbox.operator.clientId,
    KRR_URL: sandbox.url,
    POPULATION_REGISTER_URL: sandbox.url,
    ACCESS_POINT_URL: sandbox.url,
    TOKEN_ISSUER: sandbox.issuer,
    TOKEN_JWKS_URL: `${sandbox.url}/jwk`,
    TOKEN_AUDIENCE: API_AUDIENCE,
    SMTP_HOST: sandbox.smtp.host,
    SMTP_PORT: String(sandbox.smtp.port),
    SMTP_TLS: 'none',
    MAIL_FROM: 'no-reply@postgang.example',
    ...more,
  };
}
