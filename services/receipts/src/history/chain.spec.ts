import { describe, expect, it } from '@jest/globals';
import { canonical, chainStart, hashEntry, verifyHistory, type HistoryEntry } from './chain.js';

const LETTER = '0b0e4bb5-6a0b-5d8e-9a54-3d3c6c1f8a01';

function chain(length: number): HistoryEntry[] {
  const entries: HistoryEntry[] = [];
  let previous = chainStart(LETTER);
  for (let seq = 1; seq <= length; seq++) {
    const at = new Date(1_700_000_000_000 + seq);
    const entry = { letterId: LETTER, seq, at, kind: 'sealed', leg: 1, eventId: `e${seq}`, data: canonical({ seq }) };
    previous = hashEntry(previous, entry);
    entries.push({ ...entry, cause: entry.eventId, hash: previous });
  }
  return entries;
}

describe('the history chain', () => {
  it('holds as it was written', () => {
    const entries = chain(4);
    expect(verifyHistory(LETTER, entries, entries.at(-1)?.hash)).toBeUndefined();
  });

  it.each<[string, Partial<HistoryEntry>]>([
    ['time', { at: new Date(0) }],
    ['kind', { kind: 'refused' }],
    ['leg', { leg: 2 }],
    ['event id', { eventId: 'other' }],
    ['data', { data: Buffer.from('{}') }],
    ['number', { seq: 9 }],
  ])('breaks at an entry whose %s was changed', (_what, change) => {
    const entries = chain(4).map((entry) => (entry.seq === 2 ? { ...entry, ...change } : entry));
    expect(verifyHistory(LETTER, entries)).toBe(2);
  });

  it('breaks where an entry was taken out, and at a cut-off end when the head is known', () => {
    const entries = chain(4);
    const head = entries.at(-1)?.hash as Buffer;
    expect(
      verifyHistory(
        LETTER,
        entries.filter(({ seq }) => seq !== 3),
        head,
      ),
    ).toBe(3);
    expect(verifyHistory(LETTER, entries.slice(0, 3), head)).toBe(4);
  });

  it('does not hold for another letter', () => {
    const other = '0b0e4bb5-6a0b-5d8e-9a54-3d3c6c1f8a02';
    const moved = chain(2).map((entry) => ({ ...entry, letterId: other }));
    expect(verifyHistory(other, moved)).toBe(1);
  });

  it('gives the same bytes whatever the order of keys', () => {
    expect(canonical({ b: 1, a: { d: 2, c: 3 } })).toEqual(canonical({ a: { c: 3, d: 2 }, b: 1 }));
  });
});
