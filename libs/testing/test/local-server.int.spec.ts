import { afterAll, expect, it } from '@jest/globals';
import { freePorts } from '@postgang/deploy-local';
import { Kafka, logLevel } from 'kafkajs';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { LocalServer, TcpProxy } from '../src/faults/index.js';
import { eventually } from '../src/wait.js';

const dir = mkdtempSync(join(tmpdir(), 'postgang-local-'));
const closing: (() => Promise<unknown>)[] = [];
afterAll(async () => {
  for (const step of closing.reverse()) await step();
  rmSync(dir, { recursive: true, force: true });
}, 60_000);

it('a database that crashed, or was held still, has what it acknowledged and the port it had', async () => {
  const server = await LocalServer.start('postgres', { dir });
  closing.push(() => server.stop());
  const query = async (sql: string, timeoutMs = 20_000): Promise<unknown[]> => {
    const client = new pg.Client({ connectionString: server.url, connectionTimeoutMillis: timeoutMs });
    client.on('error', () => undefined);
    await client.connect();
    try {
      return (await client.query<Record<string, unknown>>(sql)).rows;
    } finally {
      await client.end();
    }
  };
  await query('CREATE TABLE kept (n int)');
  await query('INSERT INTO kept VALUES (1)');
  await server.kill();
  await expect(query('SELECT 1')).rejects.toThrow(/ECONNREFUSED/);
  await server.startAgain();
  expect(await query('SELECT n FROM kept')).toEqual([{ n: 1 }]);

  server.pause();
  // the supervisor passes it on
  await eventually('silence', () =>
    query('SELECT 1', 300).then(
      () => undefined,
      (error: Error) => /timeout/.test(error.message),
    ),
  );
  server.resume();
  expect(await query('SELECT n FROM kept')).toEqual([{ n: 1 }]);
}, 120_000);

it('a broker tells those who come through somebody in between to stay there', async () => {
  const [behind = 0] = await freePorts(1);
  const proxy = await TcpProxy.start(behind);
  closing.push(() => proxy.stop());
  const server = await LocalServer.start('kafka', { dir, behind: [{ port: behind, advertised: proxy.port }] });
  closing.push(() => server.stop());
  const admin = new Kafka({
    brokers: [`127.0.0.1:${proxy.port}`],
    logLevel: logLevel.NOTHING,
    retry: { retries: 20 },
  }).admin();
  await admin.connect();
  closing.push(() => admin.disconnect());
  expect((await admin.describeCluster()).brokers).toEqual([{ nodeId: 1, host: '127.0.0.1', port: proxy.port }]);
  await admin.createTopics({ topics: [{ topic: 'kept' }] });

  await server.kill();
  await server.startAgain();
  await eventually('the topic is still there', async () =>
    (await admin.listTopics()).includes('kept') ? true : undefined,
  );
}, 120_000);

it('a Redis that is held still takes connections and says nothing', async () => {
  const server = await LocalServer.start('redis', { dir });
  closing.push(() => server.stop());
  const pong = (ms: number): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket = connect(server.port, '127.0.0.1', () => socket.write('PING\r\n'));
      socket.once('data', (bytes) => resolve(String(bytes)));
      socket.once('error', reject);
      setTimeout(() => resolve('nothing'), ms).unref();
    });
  server.pause();
  // the supervisor passes it on
  await eventually('silence', async () => ((await pong(300)) === 'nothing' ? true : undefined));
  server.resume();
  expect(await pong(5_000)).toContain('PONG');
}, 60_000);
