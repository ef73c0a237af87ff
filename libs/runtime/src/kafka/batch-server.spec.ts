import { describe, expect, it } from '@jest/globals';
import { KeyRing } from '@postgang/outside';
import pino from 'pino';
import { KafkaBatchServer, type BatchServerOptions } from './batch-server.js';

type Listener = (event: { payload: { error: Error; restart: boolean } }) => void;

/** What kafkajs tells of a consumer, without a broker: only that can be told at will. */
class Told {
  readonly crash: ((error: Error, restart: boolean) => void)[] = [];
  readonly kafka: BatchServerOptions['kafka'];
  running = 0;
  /** Of the next attempts to connect. */
  readonly failures: Error[] = [];

  constructor() {
    const consumer = (): unknown => {
      const listeners: Listener[] = [];
      let connected = false;
      this.crash.push((error, restart) => listeners.forEach((tell) => tell({ payload: { error, restart } })));
      return {
        events: { GROUP_JOIN: 'join', CRASH: 'crash' },
        on: (event: string, listener: Listener) => void (event === 'crash' && listeners.push(listener)),
        connect: async () => {
          const failure = this.failures.shift();
          if (failure !== undefined) throw failure;
          connected = true;
          this.running++;
        },
        subscribe: () => Promise.resolve(),
        run: () => Promise.resolve(),
        disconnect: async () => {
          if (connected) this.running--;
          connected = false;
        },
      };
    };
    this.kafka = { consumer } as unknown as BatchServerOptions['kafka'];
  }
}

async function listening(told: Told): Promise<{ server: KafkaBatchServer; fatal: unknown[] }> {
  const fatal: unknown[] = [];
  const server = new KafkaBatchServer({
    service: 'encryption',
    kafka: told.kafka,
    topicPrefix: 'p.',
    sender: { flush: () => Promise.resolve() } as unknown as BatchServerOptions['sender'],
    keys: new KeyRing(new Map()),
    log: pino({ level: 'silent' }),
    fetch: { minBytes: 1, maxWaitMs: 100 },
    parameters: () => Promise.resolve({}),
    classify: (error) => error,
    report: () => undefined,
    onFatal: (error) => void fatal.push(error),
    startAgainMs: 5,
  });
  server.addHandler('letter.routed.v1', () => Promise.resolve([]), true);
  await new Promise<void>((resolve, reject) =>
    server.listen((error) => (error === undefined ? resolve() : reject(new Error('not listening', { cause: error })))),
  );
  return { server, fatal };
}

/** As kafkajs makes it: what cannot be tried again, because of what only was not found yet. */
const notFound = (): Error =>
  Object.assign(new Error('Failed to find group coordinator'), {
    name: 'KafkaJSNonRetriableError',
    retriable: false,
    cause: Object.assign(new Error('Failed to find group coordinator'), { name: 'KafkaJSGroupCoordinatorNotFound' }),
  });

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((done) => setTimeout(done, 5));
}

describe('a consumer that kafkajs has given up', () => {
  it('is begun anew when only the broker was away, also when it stays away for a while', async () => {
    const told = new Told();
    const { server, fatal } = await listening(told);
    expect(told.crash).toHaveLength(2);
    const away = new Error('connect ECONNREFUSED');
    told.failures.push(away, away);
    // both consumers of the service hear of it
    told.crash[0]?.(notFound(), false);
    told.crash[1]?.(notFound(), false);
    await until(() => told.running === 2 && told.crash.length === 8);
    expect(fatal).toEqual([]);
    // an old one's last words concern nobody
    told.crash[0]?.(notFound(), false);
    // which waits for whatever was to be begun anew before it
    await server.refresh();
    expect(told.crash).toHaveLength(10);
    told.crash[7]?.(new TypeError('of an old one, too'), false);
    await server.close();
    told.crash[9]?.(new TypeError('of one that was told to end'), false);
    expect(fatal).toEqual([]);
    expect(told.running).toBe(0);
  });

  it('is begun anew also when a new subscription failed, which whoever asked for it hears of', async () => {
    const told = new Told();
    const { server } = await listening(told);
    const away = new Error('connect ECONNREFUSED');
    told.failures.push(away, away);
    await expect(server.refresh()).rejects.toBe(away);
    await until(() => told.running === 2);
    await server.close();
    expect(told.running).toBe(0);
  });

  it('ends the process when it was ended by a fault of ours, and is left to kafkajs when that begins it anew', async () => {
    const told = new Told();
    const { server, fatal } = await listening(told);
    told.crash[0]?.(new Error('The coordinator is loading'), true);
    expect(fatal).toEqual([]);
    const ours = new TypeError('undefined is not a function');
    told.crash[0]?.(ours, false);
    expect(fatal).toEqual([ours]);
    expect(told.crash).toHaveLength(2);
    await server.close();
  });
});
