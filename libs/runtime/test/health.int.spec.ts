import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually, testServers, uniquePrefix } from '@postgang/testing';
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { AwayList, readHealth, sayHealth, type SaidHealth } from '../src/index.js';

const SERVICES = ['encryption', 'receipts'] as const;
const prefix = uniquePrefix();
const log = pino({ level: 'silent' });
let redis: Redis;

beforeAll(() => {
  redis = new Redis(testServers().redis);
});
afterAll(() => redis.disconnect());

const read = async (): Promise<Record<string, SaidHealth> | undefined> => {
  const health = await readHealth(redis, prefix, SERVICES);
  return health === undefined ? undefined : Object.fromEntries(health);
};

describe('what services say about themselves', () => {
  it('is unknown while none says anything, told by each instance, and gone with the last', async () => {
    expect(await read()).toBeUndefined();
    let down: string[] = [];
    const say = (instance: string, stopped: boolean, away: () => string[]) =>
      sayHealth({ redis, topicPrefix: prefix, service: 'encryption', instance, stopped: () => stopped, away, log });
    const one = say('one', false, () => down);
    const other = say('other', true, () => ['kafka']);
    const both = { stopped: true, down: ['kafka'] };
    await eventually('both', async () => ((await read())?.['encryption']?.stopped === true ? true : undefined));
    expect(await read()).toEqual({ encryption: both });
    down = ['document-store'];
    one.wake();
    await eventually('news', async () => ((await read())?.['encryption']?.down.length === 2 ? true : undefined));
    await other.stop();
    expect(await read()).toEqual({ encryption: { stopped: false, down: ['document-store'] } });
    await one.stop();
    expect(await read()).toBeUndefined();
  });

  it('counts no more when it is old, broken, or about to be forgotten', async () => {
    const key = `${prefix}health:receipts`;
    await redis.hset(key, 'killed', JSON.stringify({ at: Date.now() - 60_000, stopped: false, down: [] }));
    await redis.hset(key, 'broken', '{');
    expect(await read()).toBeUndefined();
    const next = sayHealth({
      ...{ redis, topicPrefix: prefix, service: 'receipts', instance: 'next', log },
      ...{ stopped: () => false, away: () => [] },
    });
    await eventually('the next instance', async () => (await redis.hkeys(key)).join() === 'next');
    expect(await redis.pttl(key)).toBeGreaterThan(0);
    await next.stop();
  });
});

describe('a dependency', () => {
  it('is away while it is tried again, until it has not been found away for a while', () => {
    const list = new AwayList();
    expect(list.note('krr', 'down', 0)).toBe(true);
    expect(list.note('krr', 'down', 1)).toBe(false);
    list.note('krr', 'trying', 500);
    expect(list.names(8_000)).toEqual(['krr']);
    expect(list.note('krr', 'down', 8_500)).toBe(false);
    list.note('krr', 'trying', 9_000);
    list.note('krr', 'trying', 10_000);
    expect(list.names(21_001)).toEqual([]);
    expect(list.note('krr', 'down', 30_000)).toBe(true);
    list.note('krr', 'up', 30_001);
    expect(list.names(30_001)).toEqual([]);
  });
});
