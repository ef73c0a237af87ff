import { describe, expect, it } from '@jest/globals';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigError, configKeys, parseConfig, runtimeConfig, type Environment } from './config.js';

const LEAST = { POSTGANG_ENVIRONMENT: 'test', KAFKA_BROKERS: 'a:9092, b:9092' };
const parse = (environment: Environment) => parseConfig('receipts', runtimeConfig, environment);
const mistake = (environment: Environment): string => {
  try {
    parse(environment);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as Error).message;
  }
  throw new Error('nothing was found wrong');
};

describe('the configuration', () => {
  it('needs little, and takes numbers and lists from text', () => {
    expect(parse({ ...LEAST, POSTGRES_POOL: '3', OTHER: 'ignored' })).toMatchObject({
      KAFKA_BROKERS: ['a:9092', 'b:9092'],
      POSTGRES_POOL: 3,
      MANAGEMENT_HOST: '127.0.0.1',
    });
  });

  it('takes an empty value for none', () => {
    expect(parse({ ...LEAST, REDIS_URL: '', LOG_LEVEL: '' })).toMatchObject({ LOG_LEVEL: 'info' });
    expect(parse({ ...LEAST, REDIS_URL: '' }).REDIS_URL).toBeUndefined();
  });

  it('names every mistake at once, each by its key, and none with its value', () => {
    const wrong = {
      KAFKA_BROKERS: undefined,
      POSTGRES_POOL: 'hemmelig',
      LOG_LEVEL: 'hemmelig',
      TOPIC_PREFIX: 'HEMMELIG',
    };
    const message = mistake({ POSTGANG_ENVIRONMENT: 'hemmelig', ...wrong });
    expect(message).toMatch(/^receipts: /);
    for (const key of ['POSTGANG_ENVIRONMENT', ...Object.keys(wrong)])
      expect(message).toMatch(new RegExp(`^  ${key}: .`, 'm'));
    expect(message).not.toMatch(/hemmelig/i);
  });

  it.each([
    ['FETCH_MIN_BYTES', '0'],
    ['FETCH_MAX_WAIT_MS', '5001'],
    ['MANAGEMENT_PORT', '65536'],
    ['POSTGRES_POOL', '1.5'],
    ['TRACE_SAMPLE_SHARE', '2'],
    ['SHUTDOWN_MS', '-1'],
    ['KAFKA_SESSION_MS', 'NaN'],
    ['CLOCK_START', 'yesterday'],
    ['CLOCK_RATE', '0'],
    ['KAFKA_BROKERS', ' , '],
    ['KAFKA_BROKERS', 'a:9092,'],
    ['KAFKA_BROKERS', 'nohost'],
    ['REDIS_URL', 'localhost'],
    ['OTEL_EXPORTER_OTLP_ENDPOINT', 'collector'],
  ])('does not take %s=%j', (key, value) => {
    expect(mistake({ ...LEAST, [key]: value })).toMatch(new RegExp(`^  ${key}: .`, 'm'));
  });

  it('asks for a password where there is a user, and the other way round', () => {
    expect(mistake({ ...LEAST, KAFKA_USERNAME: 'u' })).toContain('KAFKA_PASSWORD');
    expect(mistake({ ...LEAST, KAFKA_PASSWORD: 'hemmelig' })).toContain('KAFKA_USERNAME');
  });

  it.each(['CLOCK_START', 'CLOCK_RATE'])('of production refuses %s', (key) => {
    const value = key === 'CLOCK_RATE' ? '10' : '2026-01-01T00:00:00Z';
    expect(mistake({ ...LEAST, POSTGANG_ENVIRONMENT: 'production', [key]: value })).toContain(key);
    expect(parse({ ...LEAST, [key]: value })).toBeDefined();
  });

  it('takes secrets from files, without the line end, and says only the name of one that cannot be read', () => {
    const folder = mkdtempSync(join(tmpdir(), 'postgang-config-'));
    try {
      writeFileSync(join(folder, 'secret'), 'postgres://app:hemmelig@db/postgang\n');
      expect(parse({ ...LEAST, POSTGRES_URL_FILE: join(folder, 'secret') }).POSTGRES_URL).toBe(
        'postgres://app:hemmelig@db/postgang',
      );
      const message = mistake({ ...LEAST, POSTGRES_URL_FILE: join(folder, 'none') });
      expect(message).toBe('POSTGRES_URL_FILE cannot be read (ENOENT)');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('says of every key what it is', () => {
    for (const key of configKeys(runtimeConfig))
      expect(runtimeConfig.shape[key as keyof typeof runtimeConfig.shape].description).toEqual(expect.any(String));
  });
});
