import { describe, expect, it } from '@jest/globals';
import type { LyingRecord } from '@postgang/runtime';
import { isOf, type Whose } from './set-aside.js';

const OURS: Whose = {
  letterId: '0b7e1c9a-3d52-5f4e-8a11-000000000001',
  sender: '310000027',
  conversationId: '0b7e1c9a-3d52-5f4e-8a11-00000000000c',
  provider: 'digipost',
};
const { letterId, conversationId = '' } = OURS;
const record = (key: string, origin?: string): LyingRecord => ({
  ...{ partition: 0, offset: 1n, at: new Date(0), key, value: null },
  headers: origin === undefined ? {} : { 'origin-topic': origin },
});

describe('whose a record is that was set aside', () => {
  it.each<[string, LyingRecord, boolean]>([
    ['our own topic names it', record(letterId, 'letter.accepted.v1'), true],
    ['it is written in other letters', record(letterId.toUpperCase(), 'letter.accepted.v1'), true],
    ["it lay in its sender's own topic", record(letterId, 'letter.submitted.v1.310000027'), true],
    ["it lay in another agency's topic", record(letterId, 'letter.submitted.v1.310000108'), false],
    ['another letter is named', record('0b7e1c9a-3d52-5f4e-8a11-000000000002', 'letter.accepted.v1'), false],
    ['nothing says where it came from', record(letterId), false],
    ['it came from a topic that is not ours', record(letterId, 'letter.submitted.v1.310000027.x'), false],
    ["its provider's topic names its conversation", record(conversationId, 'receipt.received.digipost.v1'), true],
    ["another provider's topic names its conversation", record(conversationId, 'receipt.received.print.v1'), false],
    ['a receipt names the letter for its conversation', record(letterId, 'receipt.received.digipost.v1'), false],
    ['our own topic names the conversation for the letter', record(conversationId, 'letter.accepted.v1'), false],
  ])('when %s', (_what, lying, expected) => expect(isOf(lying, OURS)).toBe(expected));

  it('is not told from the key of an agency’s record while its sender is not known', () => {
    for (const sender of [undefined, null])
      expect(isOf(record(letterId, 'letter.submitted.v1.310000027'), { letterId, sender })).toBe(false);
  });

  it('is told from the conversation alone while nobody knows the provider', () => {
    const lying = record(conversationId, 'receipt.received.print.v1');
    expect(isOf(lying, { ...OURS, provider: undefined })).toBe(true);
    expect(isOf(lying, { letterId, sender: null })).toBe(false);
  });
});
