import 'reflect-metadata';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { createLogger, kafkaClient } from '@postgang/runtime';
import { freshDatabase, testServers, uniquePrefix } from '@postgang/testing';
import { Command } from 'commander';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { agencyCommands } from '../src/agency-commands.js';

const AGENCY = '310000027';
const BIN = fileURLToPath(new URL('../bin/postgang.mjs', import.meta.url));
const SUPPLIER = '310000019';
const prefix = uniquePrefix();
const environment = { ...process.env };
let drop: () => Promise<void>;

beforeAll(async () => {
  const { brokers } = testServers();
  const fresh = await freshDatabase();
  drop = () => fresh.drop();
  Object.assign(process.env, {
    POSTGRES_URL: fresh.url,
    KAFKA_BROKERS: brokers.join(','),
    TOPIC_PREFIX: prefix,
    KEY_RING: JSON.stringify({ internal: { active: 'k', keys: { k: randomBytes(32).toString('base64') } } }),
  });
});

afterAll(async () => {
  process.env = environment;
  await drop();
});

async function postgang(...args: string[]): Promise<string> {
  const program = new Command('postgang').exitOverride();
  agencyCommands(program);
  let out = '';
  const write = jest.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += String(text);
    return true;
  });
  const quiet = jest.spyOn(process.stderr, 'write').mockImplementation(() => true);
  try {
    await program.parseAsync(['agency', ...args], { from: 'user' });
    return out;
  } finally {
    write.mockRestore();
    quiet.mockRestore();
  }
}

describe('postgang agency', () => {
  it('adds an agency with its topics, and prints its ingress key, the same every time', async () => {
    const first = await postgang('add', AGENCY, '--name', 'Testetaten', '--kafka');
    expect(Buffer.from(first.trim(), 'base64')).toHaveLength(32);
    expect(await postgang('add', AGENCY, '--name', 'Etaten for test', '--kafka')).toBe(first);
    const { brokers } = testServers();
    const admin = kafkaClient({ brokers, topicPrefix: prefix }, 'spec', createLogger('spec', 'silent')).admin();
    await admin.connect();
    const topics = await admin.listTopics();
    await admin.disconnect();
    expect(topics).toEqual(
      expect.arrayContaining([`${prefix}letter.submitted.v1.${AGENCY}`, `${prefix}letter.status.v1.${AGENCY}`]),
    );
  });

  it('delegates, lists and withdraws', async () => {
    await postgang('delegate', AGENCY, SUPPLIER);
    await postgang('delegate', AGENCY, SUPPLIER);
    expect(JSON.parse(await postgang('list', '--json'))).toEqual([
      { orgnr: AGENCY, name: 'Etaten for test', kafka: true, suppliers: [SUPPLIER] },
    ]);
    await postgang('withdraw', AGENCY, SUPPLIER);
    expect(await postgang('list')).toBe(`${AGENCY}  REST, Kafka  Etaten for test\n`);
    await expect(postgang('withdraw', AGENCY, SUPPLIER)).rejects.toThrow('had no delegation');
  });

  it('an agency without Kafka has no ingress key', async () => {
    expect(await postgang('add', '310000108', '--name', 'Kommunen')).toBe('');
  });

  it.each([
    [['add', '123456789', '--name', 'X'], '123456789 is not an organisation number'],
    [['add', AGENCY, '--name', ' '], 'the name must be'],
    [['add', AGENCY, '--name', 'X', '--replication', '0'], '--replication takes'],
    [['delegate', '310000205', SUPPLIER], 'there is no agency 310000205'],
  ])('says what is wrong: %j', async (args, message) => {
    await expect(postgang(...args)).rejects.toThrow(message);
  });

  it('asks for no setting it does not use, and names every one that is missing', async () => {
    const { POSTGRES_URL: url, KAFKA_BROKERS: brokers, KEY_RING: keys } = process.env;
    delete process.env['KAFKA_BROKERS'];
    delete process.env['KEY_RING'];
    try {
      expect(await postgang('list')).toContain(AGENCY);
      await expect(postgang('add', AGENCY, '--name', 'X', '--kafka')).rejects.toThrow(/KAFKA_BROKERS[^]*KEY_RING/);
      delete process.env['POSTGRES_URL'];
      await expect(postgang('list')).rejects.toThrow('POSTGRES_URL');
    } finally {
      Object.assign(process.env, { POSTGRES_URL: url, KAFKA_BROKERS: brokers, KEY_RING: keys });
    }
  });

  it('tells in one sentence which server is away, without its password', async () => {
    const { POSTGRES_URL: url, KAFKA_BROKERS: brokers } = process.env;
    process.env['POSTGRES_URL'] = 'postgres://postgang:hemmelig@127.0.0.1:1/postgang';
    await expect(postgang('list')).rejects.toThrow(
      'PostgreSQL at 127.0.0.1:1 (POSTGRES_URL) cannot be reached: nobody listens there (ECONNREFUSED)',
    );
    process.env['POSTGRES_URL'] = 'hemmelig';
    await expect(postgang('list')).rejects.toThrow(/^PostgreSQL \(POSTGRES_URL\) cannot be reached: (?!.*hemmelig)/);
    Object.assign(process.env, { POSTGRES_URL: url, KAFKA_BROKERS: '127.0.0.1:1' });
    await expect(postgang('add', AGENCY, '--name', 'Etaten for test', '--kafka')).rejects.toThrow(
      /^Kafka at 127\.0\.0\.1:1 \(KAFKA_BROKERS\) cannot be reached: nobody listens there \(ECONNREFUSED\); 310\d{6} is as it was$/,
    );
    process.env['KAFKA_BROKERS'] = brokers;
  }, 30_000);
});

describe('npx postgang agency', () => {
  const run = (...args: string[]): { status: number | null; stdout: string; stderr: string } =>
    spawnSync(process.execPath, [BIN, 'agency', ...args], { env: process.env, encoding: 'utf8' });

  it('ends with 0 when it was done, 1 when not, 2 when it was not understood; data on stdout, messages on stderr', () => {
    expect(run('list')).toMatchObject({ status: 0, stdout: expect.stringContaining(AGENCY), stderr: '' });
    expect(run('add', '123456789', '--name', 'X')).toMatchObject({
      status: 1,
      stdout: '',
      stderr: '123456789 is not an organisation number\n',
    });
    expect(run('add', AGENCY)).toMatchObject({ status: 2, stdout: '' });
  }, 30_000);
});
