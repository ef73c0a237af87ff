import { beforeAll, expect, it } from '@jest/globals';
import { receiptSbd, Revocations, signSbd, TestAuthority } from '@postgang/document-package';
import { conversationIdOf, letterIdOf, type ReceiptReceived } from '@postgang/pipeline';
import fc from 'fast-check';
import { claimOf, SKEW_MS, type Yardstick } from './claim.js';

/** A failure prints its seed and path; `{ seed, path }` here repeats it. */
const RUNS = { numRuns: 1_250, seed: 20_261_125 };
const PROVIDER = '984661185';
const CONVERSATION = conversationIdOf(letterIdOf('991825827', 'generated'), 1);

let good: string;
let yardstick: Yardstick;

beforeAll(async () => {
  const authority = await TestAuthority.create();
  const signer = await authority.issue(PROVIDER, 'Provider');
  yardstick = { trust: authority.trust, skewMs: SKEW_MS, now: new Date(), revocations: new Revocations([]) };
  const createdAt = new Date();
  const head = { technicalSender: PROVIDER, receiver: '987464291', messageId: CONVERSATION, createdAt };
  const sbd = receiptSbd(
    { ...head, conversationId: CONVERSATION },
    { kind: 'leveringskvittering', process: 'digital', at: createdAt },
  );
  good = await signSbd(sbd, signer);
});

const event = (raw: string | null, more: Partial<ReceiptReceived> = {}): ReceiptReceived => ({
  ...{
    provider: 'digipost',
    conversationId: CONVERSATION,
    raw,
    report: null,
    pulledUntil: null,
    receivedAt: Date.now(),
  },
  ...more,
});
const judged = (one: ReceiptReceived): 'counts' | 'aside' =>
  'problem' in claimOf(one, 'digipost', yardstick) ? 'aside' : 'counts';
const encoded = (text: string): string => Buffer.from(text).toString('base64url');

it('a receipt that was altered anywhere is set aside, whatever was done to it', () => {
  expect(judged(event(good))).toBe('counts');
  const at = fc.nat(1_000_000).map((n) => n % good.length);
  const altered = fc.oneof(
    fc.tuple(at, fc.string({ minLength: 1, maxLength: 3 })).map(([n, text]) => good.slice(0, n) + text + good.slice(n)),
    fc.tuple(at, fc.nat(40)).map(([n, count]) => good.slice(0, n) + good.slice(n + count + 1)),
    fc
      .tuple(at, fc.string({ minLength: 1, maxLength: 1 }))
      .map(([n, char]) => good.slice(0, n) + char + good.slice(n + 1)),
    fc.tuple(at, at).map(([n, m]) => good.slice(n) + good.slice(0, m)),
  );
  fc.assert(
    fc.property(altered, (raw) => {
      fc.pre(raw !== good);
      expect(judged(event(raw))).toBe('aside');
    }),
    RUNS,
  );
});

it('what is no receipt at all is set aside, and nothing is thrown', () => {
  const part = fc.oneof(fc.string({ unit: 'binary', maxLength: 60 }), fc.json().map(encoded), fc.base64String());
  const raw = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 400 }),
    fc.json(),
    fc.array(part, { minLength: 1, maxLength: 5 }).map((parts) => parts.join('.')),
    fc
      .tuple(fc.json(), part)
      .map(([payload, signature]) => [good.split('.')[0], encoded(payload), signature].join('.')),
  );
  const claimed = fc.oneof(fc.constant(CONVERSATION), fc.string({ unit: 'binary', maxLength: 60 }));
  const time = fc.oneof(fc.constant(Date.now()), fc.double(), fc.integer());
  fc.assert(
    fc.property(raw, claimed, time, (text, conversationId, receivedAt) => {
      expect(judged(event(text, { conversationId, receivedAt }))).toBe('aside');
    }),
    RUNS,
  );
});
