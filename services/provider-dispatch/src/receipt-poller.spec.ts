import { describe, expect, it } from '@jest/globals';
import { decode } from '@postgang/pipeline';
import type { FetchedReceipt, ReceiptSource } from '@postgang/providers';
import type { Draft, EffectLedger, Runtime } from '@postgang/runtime';
import { once, EventEmitter } from 'node:events';
import { ReceiptPoller } from './receipt-poller.js';

const receipt = (id: string, raw: string): FetchedReceipt => ({
  id,
  raw,
  conversationId: undefined,
  signerOrganisation: undefined,
});

describe('fetched receipts', () => {
  it.each([
    ['three bytes a character', '€'.repeat(30_000)],
    ['lone surrogates', '\ud800'.repeat(30_000)],
    ['megabytes', 'x'.repeat(2_000_000)],
  ])(
    'are published and marked read beside one of %s',
    async (_what, monstrous) => {
      const published: Draft[] = [];
      const marked = new EventEmitter();
      const queue = new Map([receipt('a', 'good'), receipt('b', monstrous)].map((each) => [each.id, each]));
      const runtime = {
        log: { warn: () => undefined },
        clock: { now: () => new Date() },
        metrics: {
          dependency: () => undefined,
          meter: { createObservableGauge: () => ({ addCallback: () => undefined, removeCallback: () => undefined }) },
        },
        publisher: { publish: (drafts: Draft[]) => Promise.resolve(void published.push(...drafts)) },
      } as unknown as Runtime;
      const source = {
        fetchReceipts: () => Promise.resolve([...queue.values()]),
        markRead: (id: string) => {
          queue.delete(id);
          if (queue.size === 0) marked.emit('all');
          return Promise.resolve();
        },
      } as unknown as ReceiptSource;
      const ledger = { markAnswered: () => Promise.resolve(new Map()) } as unknown as EffectLedger;
      const all = once(marked, 'all');
      const poller = new ReceiptPoller(runtime, ledger, source);
      await all;
      await poller.stop();
      const raws = published.map(({ value }) => decode('receipt.received.v1', value).raw).filter((raw) => raw !== null);
      expect(raws).toHaveLength(2);
      expect(raws).toContain('good');
    },
    10_000,
  );
});
