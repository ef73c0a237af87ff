import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { DependencyDown, PermanentError } from '@postgang/outside';
import { letterIdOf, Undecodable } from '@postgang/pipeline';
import { FloodStopped } from './flood-guard.js';
import { Gatherer, IN_HAND, pauseAfter, type Arrived, type SenderFlood, type Unreadable } from './gatherer.js';
import type { BatchingSender } from './kafka/sender.js';
import { draft, failed, publish, type StageHandler, type StageOptions } from './stage.js';

const LIMITS = { share: 0.5, atLeast: 100, windowMs: 60_000 };
const REFUSED = {
  about: 'LETTER',
  sender: '310000027',
  reference: 'r',
  leg: null,
  reason: 'no-postal-address',
  detail: 'x',
  pointer: null,
  stage: 'register-lookup',
  refusedAt: 0,
} as const;

const records = (count: number, senders: readonly string[] = []): Arrived[] =>
  Array.from({ length: count }, (_, index) => {
    const key = letterIdOf('310000027', String(index));
    const place = { topic: 'letter.accepted.v1', partition: 0 } as const;
    return {
      received: {
        id: key,
        key,
        event: senders.length === 0 ? {} : { letter: { sender: senders[index % senders.length] } },
        subject: 'letter.accepted.v1',
        attempt: 0,
        traceparent: undefined,
        source: { ...place, parameter: undefined, offset: BigInt(index), retried: false, replayed: false },
      } as unknown as Arrived['received'],
      raw: { ...place, key, value: null, headers: {}, offset: String(index) },
    };
  });

const gathererOf = (
  handler: StageHandler,
  send: (messages: unknown) => Promise<void>,
  { onSenderFlood, ...options }: StageOptions & { onSenderFlood?: (flood: SenderFlood) => void } = {},
): Gatherer =>
  new Gatherer({
    service: 'register-lookup',
    stage: 'letter.accepted.v1',
    handler,
    options: { everyMs: 0, ...options },
    sender: { send } as unknown as BatchingSender,
    classify: (error) => error,
    flood: LIMITS,
    report: () => undefined,
    ...(onSenderFlood === undefined ? {} : { onSenderFlood }),
  });

describe('the pause after a call', () => {
  afterEach(() => void jest.useRealTimers());

  it.each([
    ['makes up the time from one to the next', 20, 100, 80],
    ['is twice as long as the call where that is more', 60, 100, 120],
    ['lets the next begin within a second of it', 400, 100, 600],
    ['is none after a call that took longer than that', 1_500, 100, 0],
    ['is short after a short call of a stage that may be called at any time', 1, 0, 2],
  ])('%s', (_name, tookMs, everyMs, expected) => {
    expect(pauseAfter(tookMs, everyMs)).toBe(expected);
  });

  it.each([
    ['a batch is full', { maxBatch: 3 }, [1, 1, 1]],
    ['a partition has brought all that it may', { maxBatch: 2_000 }, [1, IN_HAND]],
  ])('is over when %s', async (_name, options, submissions) => {
    // it never ends by itself
    jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick'] });
    const calls: number[] = [];
    const gatherer = gathererOf(
      (batch) => {
        calls.push(batch.length);
        return Promise.resolve(batch.map(() => publish()));
      },
      () => Promise.resolve(),
      { everyMs: 3_600_000, ...options },
    );
    await gatherer.submit(records(1));
    await Promise.all(submissions.map((count) => gatherer.submit(records(count))));
    expect(calls.reduce((sum, count) => sum + count, 0)).toBe(1 + submissions.reduce((sum, count) => sum + count, 0));
  });
});

describe('the flood stop', () => {
  it('does not come of a few bad ends that cannot be published for a while', async () => {
    let away = 80;
    const gatherer = gathererOf(
      (batch) => Promise.resolve(batch.map(() => failed(new PermanentError('never')))),
      () => (away-- > 0 ? Promise.reject(new DependencyDown('kafka')) : Promise.resolve()),
    );
    while (away > 0) await expect(gatherer.submit(records(2))).rejects.toBeInstanceOf(DependencyDown);
    await gatherer.submit(records(2));
  });

  it('is not asked about refusals that are stored: they were admitted before they were', async () => {
    let sent = 0;
    const gatherer = gathererOf(
      (batch) =>
        Promise.resolve(
          batch.map(({ key }) => publish(draft('letter.refused.v1', key, { ...REFUSED, letterId: key }))),
        ),
      () => Promise.resolve(void sent++),
    );
    await gatherer.submit(records(200));
    expect(sent).toBe(1);
  });

  it("does not come of one sender's letters: they become dead letters, and it is told", async () => {
    const floods: SenderFlood[] = [];
    let sent = 0;
    const gatherer = gathererOf(
      (batch) => Promise.resolve(batch.map(() => failed(new PermanentError('never')))),
      () => Promise.resolve(void sent++),
      { onSenderFlood: (flood) => void floods.push(flood) },
    );
    for (let call = 0; call < 3; call++) await gatherer.submit(records(100, ['310000027']));
    expect(sent).toBe(3);
    expect(floods).toEqual([{ stage: 'letter.accepted.v1', sender: '310000027', handled: 100, unhappy: 100 }]);
  });

  it('comes of the letters of many senders, and nothing of the batch is sent', async () => {
    const gatherer = gathererOf(
      (batch) => Promise.resolve(batch.map(() => failed(new PermanentError('a bad deploy')))),
      () => Promise.reject(new Error('nothing may be sent')),
    );
    const senders = ['310000027', '310000108', '310000019', '984661185'];
    await expect(gatherer.submit(records(100, senders))).rejects.toBeInstanceOf(FloodStopped);
  });

  it('that the stage itself calls for is no reason to try its records one by one', async () => {
    const calls: number[] = [];
    const gatherer = gathererOf(
      (batch) => {
        calls.push(batch.length);
        return Promise.reject(new FloodStopped('too many'));
      },
      () => Promise.resolve(),
    );
    await expect(gatherer.submit(records(5))).rejects.toBeInstanceOf(FloodStopped);
    expect(calls).toEqual([5]);
  });
});

describe('records that cannot be read', () => {
  const unreadable = (count: number, sender?: string): Unreadable[] =>
    records(count).map(({ raw }) => ({ record: raw, error: new Undecodable('no magic bytes'), sender }));
  const sendingTo = (sent: unknown[]) => (messages: unknown) => {
    sent.push(...(messages as unknown[]));
    return Promise.resolve();
  };

  it('are set aside beside those that are handled', async () => {
    const sent: { topic: string }[] = [];
    const gatherer = gathererOf(() => Promise.resolve(records(1).map(() => publish())), sendingTo(sent));
    expect(await gatherer.submit(records(1), unreadable(2))).toBe(2);
    expect(sent.map(({ topic }) => topic)).toEqual(['register-lookup.dlq', 'register-lookup.dlq']);
  });

  it('stop the consumer when they are too many: a writer that nobody understands is no reason to lose a day', async () => {
    const sent: unknown[] = [];
    const gatherer = gathererOf(() => Promise.resolve([]), sendingTo(sent));
    await expect(gatherer.submit([], unreadable(200))).rejects.toBeInstanceOf(FloodStopped);
    expect(sent).toEqual([]);
  });

  it('in the topic of one agency do not: they are its own', async () => {
    const sent: unknown[] = [];
    const gatherer = gathererOf(() => Promise.resolve([]), sendingTo(sent));
    await gatherer.submit([], unreadable(1_000, '310000027'));
    expect(sent).toHaveLength(1_000);
  });

  it('come again as they are when those beside them must', async () => {
    const sent: unknown[] = [];
    const gatherer = gathererOf(() => Promise.reject(new DependencyDown('postgres')), sendingTo(sent));
    await expect(gatherer.submit(records(1), unreadable(1))).rejects.toBeInstanceOf(DependencyDown);
    expect(sent).toEqual([]);
  });
});
