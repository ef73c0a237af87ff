import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
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

const LENGTH = 8;
const HEAD = chain(LENGTH).at(-1)?.hash as Buffer;

type Attack =
  | { how: 'change'; change: { index: number; field: keyof HistoryEntry; bit: number } }
  | { how: 'swap'; a: number; b: number }
  | { how: 'remove' | 'repeat' | 'forge'; at: number };

/** The chain after an attack, and the seq at which it must be found; undefined where nothing was changed. */
function attacked(attack: Attack): { entries: HistoryEntry[]; first: number | undefined } {
  const entries = chain(LENGTH);
  if (attack.how === 'change') {
    const { index, field, bit } = attack.change;
    const entry = entries[index] as HistoryEntry;
    entries[index] = { ...entry, [field]: flipped(entry[field], bit) };
    return { entries, first: index + 1 };
  }
  if (attack.how === 'swap') {
    const { a, b } = attack;
    [entries[a], entries[b]] = [entries[b] as HistoryEntry, entries[a] as HistoryEntry];
    return { entries, first: a === b ? undefined : Math.min(a, b) + 1 };
  }
  const entry = entries[attack.at] as HistoryEntry;
  if (attack.how === 'remove') entries.splice(attack.at, 1);
  if (attack.how === 'repeat') entries.splice(attack.at, 0, entry);
  // numbered rightly, and chained to what comes before
  if (attack.how === 'forge') {
    const previous = entries[attack.at - 1]?.hash ?? chainStart(LETTER);
    const forged = { ...entry, kind: 'refused' };
    entries.splice(attack.at, 0, { ...forged, hash: hashEntry(previous, forged) });
  }
  return { entries, first: attack.how === 'remove' ? attack.at + 1 : attack.at + 2 };
}

function flipped(value: HistoryEntry[keyof HistoryEntry], bit: number): unknown {
  if (value instanceof Date) return new Date(value.getTime() ^ (1 << (bit % 30)));
  if (Buffer.isBuffer(value)) {
    const copy = Buffer.from(value);
    const at = bit % copy.length;
    copy[at] = (copy[at] as number) ^ (1 << (bit % 8));
    return copy;
  }
  return typeof value === 'number' ? value + 1 + (bit % 9) : `${value ?? ''}x`;
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

  it('tells the first wrong place of any change, swap, removal, repeat or insertion, wherever it is made', () => {
    const entryOf = (index: fc.Arbitrary<number>) =>
      fc.record({
        index,
        field: fc.constantFrom('at', 'kind', 'leg', 'eventId', 'data', 'hash', 'seq', 'letterId'),
        bit: fc.nat(),
      });
    const place = fc.nat({ max: LENGTH - 1 });
    fc.assert(
      fc.property(
        fc.oneof(
          fc.record({ how: fc.constant('change' as const), change: entryOf(place) }),
          fc.record({ how: fc.constant('swap' as const), a: place, b: place }),
          fc.record({ how: fc.constantFrom('remove' as const, 'repeat' as const, 'forge' as const), at: place }),
        ),
        (attack) => {
          const { entries, first } = attacked(attack);
          expect(verifyHistory(LETTER, entries, HEAD)).toBe(first);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('is not made whole by chaining on anew from a changed entry: the head tells', () => {
    const entries = chain(LENGTH);
    let previous = (entries[2] as HistoryEntry).hash;
    const forged = entries.slice(3).map((entry) => {
      const changed = { ...entry, kind: 'opened' };
      previous = hashEntry(previous, changed);
      return { ...changed, hash: previous };
    });
    expect(verifyHistory(LETTER, [...entries.slice(0, 3), ...forged], HEAD)).toBe(LENGTH + 1);
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
