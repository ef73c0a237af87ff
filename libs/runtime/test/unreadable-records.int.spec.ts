import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { deadLetterTopic, encode, letterIdOf } from '@postgang/pipeline';
import { eventually } from '@postgang/testing';
import { publish, type Received } from '../src/index.js';
import { startRig, type Rig } from './rig.js';
import { serviceOf } from './spec-stage.js';

const KEYS = JSON.stringify({ internal: { active: 'k', keys: { k: Buffer.alloc(32, 7).toString('base64') } } });
const RUBBISH = 400;
const keyOf = (name: string): string => letterIdOf('310000019', name);

let rig: Rig;
beforeAll(async () => {
  rig = await startRig();
}, 60_000);
afterAll(() => rig.close());

it('of an outside adapter end as dead letters, and do not stop the receipts of other providers', async () => {
  const seen: Received[] = [];
  const service = serviceOf(
    'receipts',
    'receipt.received.<provider>.v1',
    (batch) => {
      seen.push(...batch);
      return Promise.resolve(batch.map(() => publish()));
    },
    { topicParameters: () => Promise.resolve({ provider: ['digipost', 'print'] }) },
  );
  const running = await rig.start(service, { KEY_RING: KEYS });
  const dead = await rig.collect(deadLetterTopic('receipts'));
  const json = Buffer.from('{"outcome":"TAKEN"}');
  await rig.produce(
    'receipt.received.print.v1',
    Array.from({ length: RUBBISH }, (_, index) => ({ key: keyOf(String(index)), value: json })),
  );
  await eventually('all of it set aside', () => dead.length >= RUBBISH || undefined);
  const nothing = { conversationId: null, report: null, pulledUntil: null };
  const event = { ...nothing, provider: 'digipost', raw: 'x', receivedAt: 1 };
  await rig.produce('receipt.received.digipost.v1', [
    { key: keyOf('good'), value: encode('receipt.received.v1', event) },
  ]);
  await eventually('the receipt of another provider', () => seen.length === 1 || undefined);
  expect(running.ready()).toBe(true);
}, 60_000);
