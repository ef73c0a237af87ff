import { describe, expect, it, jest } from '@jest/globals';
import { DependencyDown } from '@postgang/outside';
import { createLogger, kafkaClient, openReader } from '@postgang/runtime';
import { createServer, type AddressInfo } from 'node:net';
import { UsageError } from './package-input.js';
import { printList } from './print-list.js';
import { kafkaAt, postgres, ServerUnusable, unusable, type Server } from './servers.js';

const PG = postgres('postgres://user:hemmelig@db.example/postgang');
const KAFKA = kafkaAt(['k1:9092', 'k2:9092']);
const named = (name: string, more: object = {}): Error =>
  Object.assign(new Error('words of a driver'), { name, ...more });
const refused = (): Error => Object.assign(new Error('connect ECONNREFUSED 10.0.0.1:5432'), { code: 'ECONNREFUSED' });

function said(servers: Server | readonly Server[], error: unknown): string {
  try {
    return unusable(servers)(error);
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(ServerUnusable);
    expect(thrown).toMatchObject({ exitCode: 2 });
    return (thrown as Error).message;
  }
}

describe('a server that cannot be used', () => {
  it.each<[string, Server, unknown, string]>([
    ['nobody listens', PG, refused(), 'reached: nobody listens there (ECONNREFUSED)'],
    [
      'both addresses refuse',
      PG,
      new AggregateError([refused(), refused()]),
      'reached: nobody listens there (ECONNREFUSED)',
    ],
    [
      'it is said by the outer parts',
      PG,
      new DependencyDown('postgres', { cause: refused() }),
      'reached: nobody listens there (ECONNREFUSED)',
    ],
    ['connecting takes too long', PG, new Error('timeout expired'), 'reached: it does not answer'],
    ['the password is wrong', PG, named('error', { code: '28P01' }), 'used: it does not accept this user and password'],
    [
      'a view is missing',
      PG,
      named('QueryFailedError', { driverError: { code: '42P01' } }),
      'used: a service has not made its views yet',
    ],
    [
      'its setting is none',
      PG,
      Object.assign(new TypeError('Invalid URL'), { code: 'ERR_INVALID_URL' }),
      'used: the setting is no address',
    ],
    ['it fails in another way', PG, named('error', { code: '53100' }), 'used: it answers with error 53100'],
  ])('is told of in one sentence when %s', (_what, server, error, expected) => {
    expect(said(server, error)).toBe(`PostgreSQL at db.example:5432 (POSTGRES_URL) cannot be ${expected}`);
  });

  it.each<[string, Error, string]>([
    [
      'nobody listens',
      named('KafkaJSNumberOfRetriesExceeded', { cause: named('KafkaJSConnectionError', { code: 'ECONNREFUSED' }) }),
      'reached: nobody listens there (ECONNREFUSED)',
    ],
    [
      'the connection times out',
      named('KafkaJSNumberOfRetriesExceeded', { cause: named('KafkaJSConnectionError') }),
      'reached: it does not answer',
    ],
    ['the user is unknown', named('KafkaJSSASLAuthenticationError'), 'used: it does not accept this user and password'],
    [
      'the topic is missing',
      named('KafkaJSProtocolError', { type: 'UNKNOWN_TOPIC_OR_PARTITION', code: 3 }),
      'used: it has no such topic (is TOPIC_PREFIX right?)',
    ],
    [
      'it answers something else',
      named('KafkaJSProtocolError', { type: 'NOT_CONTROLLER', code: 41 }),
      'used: it answers NOT_CONTROLLER',
    ],
  ])('is not told of with names of its driver when %s', (_what, error, expected) => {
    expect(said(KAFKA, error)).toBe(`Kafka at k1:9092, k2:9092 (KAFKA_BROKERS) cannot be ${expected}`);
  });

  it('is the one of several whose driver failed', () => {
    expect(said([KAFKA, PG], refused())).toMatch(/^PostgreSQL at db/);
    expect(said([PG, KAFKA], named('KafkaJSConnectionError'))).toMatch(/^Kafka at k1/);
  });

  it('has no address when its setting is none, and nothing of the setting is repeated', () => {
    expect(said(postgres('hemmelig'), refused())).toBe(
      'PostgreSQL (POSTGRES_URL) cannot be reached: nobody listens there (ECONNREFUSED)',
    );
    expect(said(postgres('postgres://u:hemmelig@[::1]:5433/x'), refused())).toMatch(/^PostgreSQL at \[::1\]:5433 /);
  });

  it('is not blamed for what a command says about its own matter', () => {
    for (const error of [
      new UsageError('--out x', { cause: refused() }),
      new TypeError('cannot read timeout of undefined'),
      Object.assign(new Error('open'), { code: 'ENOENT' }),
      'thrown',
    ])
      expect(() => unusable(PG)(error)).toThrow(error);
  });

  it('is found out by what the real drivers throw', async () => {
    const closed = await freePort();
    const at = `127.0.0.1:${closed}`;
    const reader = openReader(`postgres://postgang:hemmelig@${at}/x`, 500);
    await expect(reader.catch(unusable(postgres(`postgres://${at}/x`)))).rejects.toThrow(
      `PostgreSQL at ${at} (POSTGRES_URL) cannot be reached: nobody listens there (ECONNREFUSED)`,
    );
    const kafka = kafkaClient({ brokers: [at], topicPrefix: '' }, 'spec', createLogger('spec', 'silent'), {
      retries: 0,
    });
    await expect(
      kafka
        .admin()
        .connect()
        .catch(unusable(kafkaAt([at]))),
    ).rejects.toThrow(`Kafka at ${at} (KAFKA_BROKERS) cannot be reached: nobody listens there (ECONNREFUSED)`);
  });

  it('is Kafka when its driver has no other word for a broker that is silent', () => {
    const both = [kafkaAt(['kafka:9092']), PG];
    expect(() => unusable(both)(new Error('Broker not connected'))).toThrow(
      'Kafka at kafka:9092 (KAFKA_BROKERS) cannot be reached: it does not answer',
    );
  });

  it('is found out when it takes the connection and says nothing', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const url = `postgres://postgang@127.0.0.1:${(server.address() as AddressInfo).port}/x`;
    await expect(openReader(url, 200).catch(unusable(postgres(url)))).rejects.toThrow(
      'cannot be reached: it does not answer',
    );
    server.close();
  });
});

describe('a list', () => {
  it.each<[string, readonly string[], boolean | undefined, string, string]>([
    ['says on stderr that it is empty', [], undefined, '', 'none here\n'],
    ['stays a list for machines', [], true, '[]\n', ''],
    ['has a line for each', ['a', 'b'], false, '<a>\n<b>\n', ''],
  ])('%s', (_what, rows, json, out, err) => {
    const written = { out: '', err: '' };
    const spies = [
      jest.spyOn(process.stdout, 'write').mockImplementation((text) => ((written.out += String(text)), true)),
      jest.spyOn(process.stderr, 'write').mockImplementation((text) => ((written.err += String(text)), true)),
    ];
    try {
      printList(rows, json, (row) => `<${row}>`, 'none here');
    } finally {
      for (const spy of spies) spy.mockRestore();
    }
    expect(written).toEqual({ out, err });
  });
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
