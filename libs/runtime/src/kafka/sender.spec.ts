import { describe, expect, it } from '@jest/globals';
import { DependencyDown } from '@postgang/outside';
import type { Producer, ProducerBatch } from 'kafkajs';
import { BatchingSender, type OutgoingMessage } from './sender.js';

const message = (bytes: number, topic = 'a'): OutgoingMessage => ({
  topic,
  key: 'k',
  value: Buffer.alloc(bytes),
  headers: {},
});
const many = (count: number, bytes: number, topic?: string): OutgoingMessage[] =>
  Array.from({ length: count }, () => message(bytes, topic));

function senderOver(answer: (batch: ProducerBatch) => Promise<void> = async () => undefined) {
  const batches: ProducerBatch[] = [];
  const producer = { sendBatch: (batch: ProducerBatch) => (batches.push(batch), answer(batch)) };
  return { sender: new BatchingSender(producer as unknown as Producer, 'p.'), batches };
}
const sizes = (batches: readonly ProducerBatch[]): number[][] =>
  batches.map(({ topicMessages = [] }) =>
    topicMessages.map(({ messages }) => messages.reduce((sum, { value }) => sum + (value?.length ?? 0), 0)),
  );

describe('the sender', () => {
  it('keeps each topic of a request below 900 kB, and sends everything in order', async () => {
    const { sender, batches } = senderOver();
    await sender.send([...many(40, 60_000), ...many(40, 60_000, 'b')]);
    for (const bytes of sizes(batches).flat()) expect(bytes).toBeLessThanOrEqual(900_000);
    expect(batches.flatMap(({ topicMessages = [] }) => topicMessages.flatMap(({ messages }) => messages))).toHaveLength(
      80,
    );
    expect(batches.length).toBeLessThanOrEqual(7);
  });

  it('counts key and headers, and characters of several bytes as what they are on the wire', async () => {
    const { sender, batches } = senderOver();
    const header = 'å'.repeat(300_000);
    await sender.send(Array.from({ length: 3 }, () => ({ ...message(0), headers: { x: header } })));
    expect(batches).toHaveLength(3);
  });

  it('asks for all in-sync replicas and no transformation of the value', async () => {
    const { sender, batches } = senderOver();
    await sender.send([message(10)]);
    expect(batches[0]).toMatchObject({ acks: -1 });
    expect(batches[0]?.topicMessages?.[0]?.topic).toBe('p.a');
  });

  it('gathers what comes while a request is on its way into the next', async () => {
    let release: () => void = () => undefined;
    const { sender, batches } = senderOver(() => new Promise((resolve) => (release = resolve)));
    const first = sender.send([message(1)]);
    while (batches.length === 0) await new Promise((resolve) => setImmediate(resolve));
    const rest = Array.from({ length: 50 }, () => sender.send([message(1)]));
    release();
    await first;
    while (batches.length === 1) await new Promise((resolve) => setImmediate(resolve));
    release();
    await Promise.all(rest);
    expect(batches).toHaveLength(2);
  });

  it('says that Kafka is down to all whose records were in a failed request, and serves the next', async () => {
    let failing = true;
    const { sender } = senderOver(async () => {
      if (failing) throw new Error('no broker');
    });
    const results = await Promise.allSettled([sender.send([message(1)]), sender.send([message(1)])]);
    for (const result of results)
      expect(result).toMatchObject({ status: 'rejected', reason: expect.any(DependencyDown) });
    failing = false;
    await sender.send([message(1)]);
    await sender.flush();
  });

  it('refuses a record that no broker takes, by topic and size, and loses none beside it', async () => {
    const { sender, batches } = senderOver();
    const [good, bad] = await Promise.allSettled([sender.send([message(1)]), sender.send([message(3_000_000)])]);
    expect(good.status).toBe('fulfilled');
    expect(bad).toMatchObject({ status: 'rejected', reason: expect.any(RangeError) });
    expect(String((bad as PromiseRejectedResult).reason)).toMatch(/a: .*3000\d\d\d bytes/);
    expect(batches).toHaveLength(1);
  });
});
