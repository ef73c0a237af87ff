import { expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { Kafka, logLevel } from 'kafkajs';
import pg from 'pg';
import { freshDatabase, testServers, uniquePrefix } from '../src/index.js';

it('Kafka, PostgreSQL and Redis answer on this machine', async () => {
  const servers = testServers();
  const admin = new Kafka({ brokers: servers.brokers, logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  const topic = `${uniquePrefix()}hello`;
  await admin.createTopics({ topics: [{ topic }], waitForLeaders: true });
  expect(await admin.listTopics()).toContain(topic);
  await admin.disconnect();

  const database = await freshDatabase();
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  expect((await client.query<{ version: string }>('SELECT version()')).rows[0]?.version).toMatch(/^PostgreSQL 18/);
  await client.end();
  await database.drop();

  const redis = new Redis(servers.redis);
  expect(await redis.ping()).toBe('PONG');
  redis.disconnect();
});
