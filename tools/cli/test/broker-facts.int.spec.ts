import 'reflect-metadata';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { conversationIdOf, letterIdOf } from '@postgang/pipeline';
import type { Turn } from '@postgang/rules';
import { createLogger, createTopics, kafkaClient, kafkaProducer, type Kafka } from '@postgang/runtime';
import { testServers, uniquePrefix } from '@postgang/testing';
import { brokerFacts, type BrokerFacts, type OwnPositions } from '../src/why/broker-facts.js';

const VICTIM = '310000027';
const ATTACKER = '310000108';
const LETTER = letterIdOf(VICTIM, 'case-1');
const PLACE = 'letter.accepted.v1/0';
const nothing = (): Promise<OwnPositions> => Promise.resolve(new Map());

const prefix = uniquePrefix();
let kafka: Kafka;
let admin: ReturnType<Kafka['admin']>;

beforeAll(async () => {
  const { brokers } = testServers();
  kafka = kafkaClient({ brokers, topicPrefix: prefix }, 'why-spec', createLogger('why-spec', 'silent'));
  await createTopics(kafka, [VICTIM, ATTACKER], { prefix, replication: 1, partitions: 1 });
  admin = kafka.admin();
  await admin.connect();
}, 60_000);

afterAll(() => admin?.disconnect());

describe('what the broker tells of a letter', () => {
  it('holds no dead letter that another agency has put under it, and of its own a failure that may be shown', async () => {
    await setAside(ATTACKER, 'PermanentError: put under it');
    expect((await look()).dead).toBeUndefined();
    await setAside(VICTIM, `PermanentError: \u001b]0;owned\u0007\u009b2J 01810050019 ${'x'.repeat(500)}`);
    const { dead } = await look();
    expect(dead).toMatchObject({ service: 'integration-point', attempts: 1, dueAt: null });
    expect(dead?.failure).toMatch(/^PermanentError: {2}\]0;owned {2}2J \[national-id\] x+$/);
    expect(dead?.failure.length).toBeLessThanOrEqual(300);
  }, 60_000);

  it('is not that a database was restored, when its service stores and commits between two looks', async () => {
    await commit(5n);
    let own = 5n;
    const facts = await ask(async () => {
      const seen = own;
      // the service goes on while we look: its own place first, the broker's then
      own = 6n;
      await commit(6n);
      return positions(seen);
    });
    expect(facts.groups.get('receipts')?.restored).toBe(false);
  }, 60_000);

  it('is that a database was restored, when its own place is behind', async () => {
    await commit(7n);
    expect((await ask(() => Promise.resolve(positions(6n)))).groups.get('receipts')?.restored).toBe(true);
    expect((await ask(() => Promise.resolve(positions(7n)))).groups.get('receipts')?.restored).toBe(false);
    expect((await ask(nothing)).groups.get('receipts')?.restored).toBe(false);
  }, 60_000);
});

const positions = (receipts: bigint): OwnPositions =>
  new Map([['receipts' satisfies Turn, new Map([[PLACE, receipts]])]]);

const ask = (own: () => Promise<OwnPositions>, service?: Turn): Promise<BrokerFacts> =>
  brokerFacts(kafka, prefix, {
    whose: { letterId: LETTER, sender: VICTIM, conversationId: conversationIdOf(LETTER, 1) },
    look: service,
    positions: own,
  });
const look = (): Promise<BrokerFacts> => ask(nothing, 'integration-point');

async function commit(next: bigint): Promise<void> {
  const partitions = [{ partition: 0, offset: next.toString() }];
  await admin.setOffsets({ groupId: `${prefix}receipts`, topic: `${prefix}letter.accepted.v1`, partitions });
}

/** As the runtime does with a hand-in that cannot be read: the key is the agency's own word. */
async function setAside(agency: string, failure: string): Promise<void> {
  const producer = kafkaProducer(kafka);
  await producer.connect();
  const headers = { 'origin-topic': `letter.submitted.v1.${agency}`, attempt: '1', failure };
  await producer.send({
    topic: `${prefix}integration-point.dlq`,
    acks: -1,
    messages: [{ key: LETTER, value: null, headers }],
  });
  await producer.disconnect();
}
