import { afterEach, describe, expect, it, jest } from '@jest/globals';
import type { SigningIdentity } from '@postgang/document-package';
import type { MaskinportenTokens } from '@postgang/maskinporten';
import { HttpClient } from '@postgang/outside';
import { decode } from '@postgang/pipeline';
import { AccessPoint } from '@postgang/providers';
import type { Draft, EffectLedger, Runtime } from '@postgang/runtime';
import { EventEmitter, once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { randomUUID } from 'node:crypto';
import { ReceiptPoller } from './receipt-poller.js';

const LIMIT = 256 * 1024;

/** Receipts, oldest first, as an access point gives them out. */
class Queue {
  readonly events = new EventEmitter();
  readonly asked: string[] = [];
  private readonly waiting: { readonly id: string; readonly raw: string }[];
  readonly server: Server;

  constructor(raws: readonly string[]) {
    this.waiting = raws.map((raw) => ({ id: randomUUID(), raw }));
    this.server = createServer((request, response) => {
      const { pathname, searchParams } = new URL(request.url ?? '/', 'http://access-point.example');
      if (request.method === 'POST') {
        const at = this.waiting.findIndex(({ id }) => pathname === `/messages/in/${id}/read`);
        if (at >= 0) this.waiting.splice(at, 1);
        response.writeHead(200).end();
        return void this.events.emit('read');
      }
      const [page, size] = [Number(searchParams.get('page')), Number(searchParams.get('page_size'))];
      this.asked.push(`${page} of ${size}`);
      const list = this.waiting.slice((page - 1) * size, page * size);
      response.writeHead(list.length === 0 ? 204 : 200, { 'content-type': 'application/json' });
      if (list.length === 0) response.end();
      else response.end(JSON.stringify(list.map(({ id, raw }) => ({ forretningsmelding: raw, downloadurl: url(id) }))));
      this.events.emit('asked');
    });
  }

  get length(): number {
    return this.waiting.length;
  }
}

const url = (id: string): string => `https://access-point.example/messages/in/${id}`;

let closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.reverse()) await close();
  closing = [];
});

type Look = (result: { observe(value: number): void }) => void;

async function poll(queue: Queue) {
  await once(queue.server.listen(0, '127.0.0.1'), 'listening');
  closing.push(() => once(queue.server.close(), 'close'));
  const baseUrl = `http://127.0.0.1:${(queue.server.address() as AddressInfo).port}`;
  const http = new HttpClient({ name: 'access-point', baseUrl, maxResponseBytes: LIMIT });
  closing.push(() => http.close());
  const published: string[] = [];
  const warn = jest.fn();
  let gauge: Look | undefined;
  const runtime = {
    log: { warn },
    clock: { now: () => new Date() },
    metrics: {
      dependency: () => undefined,
      meter: {
        createObservableGauge: () => ({
          addCallback: (look: Look) => void (gauge = look),
          removeCallback: () => void (gauge = undefined),
        }),
      },
    },
    publisher: {
      publish: (drafts: Draft[]) => {
        const raws = drafts.map(({ value }) => decode('receipt.received.v1', value).raw);
        return Promise.resolve(void published.push(...raws.filter((raw) => raw !== null)));
      },
    },
  } as unknown as Runtime;
  const accessPoint = new AccessPoint({
    http,
    tokens: { tokenFor: () => Promise.resolve({ token: 'a.b.c' }) } as unknown as MaskinportenTokens,
    signer: {} as SigningIdentity,
    operator: '987464291',
    receiptQueue: 'spec',
  });
  const ledger = { markAnswered: () => Promise.resolve(new Map()) } as unknown as EffectLedger;
  const poller = new ReceiptPoller(runtime, ledger, accessPoint);
  closing.push(() => poller.stop());
  const measured = (): number | undefined => {
    let value: number | undefined;
    gauge?.({ observe: (seen) => void (value = seen) });
    return value;
  };
  return { published, warn, measured };
}

const receipts = (count: number, bytes: number): string[] =>
  Array.from({ length: count }, (_, index) => `${index}.${'x'.repeat(bytes)}`);

describe('receipts that do not fit into one answer', () => {
  it('are fetched in smaller pages', async () => {
    const all = receipts(40, 40_000);
    const queue = new Queue(all);
    const { published } = await poll(queue);
    while (queue.length > 0) await once(queue.events, 'read');
    expect([...published].sort()).toEqual([...all].sort());
  }, 10_000);

  it('are passed over, one alone being too large, and told of once', async () => {
    const [before, after] = [receipts(11, 10_000), receipts(23, 10_001)];
    const queue = new Queue([...before, 'x'.repeat(LIMIT), ...after]);
    const { published, warn, measured } = await poll(queue);
    while (queue.length > 1) await once(queue.events, 'read');
    expect([...published].sort()).toEqual([...before, ...after].sort());
    queue.asked.length = 0;
    for (let more = 0; more < 3; more++) await once(queue.events, 'asked');
    // whatever lies behind it is asked for, and never again what is known not to fit
    expect(new Set(queue.asked)).toEqual(new Set(['2 of 1']));
    expect(warn).toHaveBeenCalledTimes(1);
    expect(measured()).toBe(1);
  }, 10_000);
});
