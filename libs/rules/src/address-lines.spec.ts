import { describe, expect, it } from '@jest/globals';
import { addressLines } from './address-lines.js';

const long = (letter: string): string => letter.repeat(60);
const sweden = { postalCode: '422 46', city: 'Hisings Backa', countryCode: 'SE' };
const oslo = { postalCode: '0150', city: 'Oslo' };

describe('the lines of an address for print', () => {
  it('in Norway are those it has', () => {
    expect(addressLines({ lines: ['c/o Ås', 'Gata 1', 'H0101', 'Blokk B'], ...oslo })).toEqual([
      'c/o Ås',
      'Gata 1',
      'H0101',
      'Blokk B',
    ]);
  });

  it('abroad end with postal code and town', () => {
    expect(addressLines({ lines: ['Storgatan 1'], ...sweden })).toEqual(['Storgatan 1', '422 46 Hisings Backa']);
    expect(addressLines({ lines: ['Storgatan 1', '422 46 Hisings Backa'], countryCode: 'SE' })).toEqual([
      'Storgatan 1',
      '422 46 Hisings Backa',
    ]);
  });

  it('are joined when there are too many, the shortest neighbours first, and none is lost', () => {
    expect(addressLines({ lines: ['c/o Lindqvist & Söner', 'Storgatan 1', 'lgh 1102', 'Backa'], ...sweden })).toEqual([
      'c/o Lindqvist & Söner',
      'Storgatan 1',
      'lgh 1102, Backa',
      '422 46 Hisings Backa',
    ]);
    expect(addressLines({ lines: ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j'], ...oslo })?.join(', ')).toBe(
      'a, b, c, d, e, f, g, h, i, j',
    );
  });

  it('leave empty ones out', () => {
    expect(addressLines({ lines: ['', 'Gata 1', ' '], ...oslo })).toEqual(['Gata 1']);
    expect(addressLines({ lines: [''], ...oslo })).toBeUndefined();
  });

  it.each([
    ['a line is too long', { lines: ['x'.repeat(101)], ...oslo }],
    ['joined lines are', { lines: [long('a'), long('b'), long('c'), long('d')], ...sweden }],
    [
      'postal code and town abroad are',
      { lines: ['Rue 1'], postalCode: '75001', city: 'P'.repeat(96), countryCode: 'FR' },
    ],
    ['the postal code in Norway is none', { lines: ['Gata 1'], postalCode: '75001', city: 'Oslo', countryCode: 'NO' }],
    ['the town in Norway is missing', { lines: ['Gata 1'], postalCode: '0150', countryCode: 'NO' }],
    ['the town in Norway is too long', { lines: ['Gata 1'], postalCode: '0150', city: 'O'.repeat(81) }],
  ])('are none when %s', (_what, address) => {
    expect(addressLines(address)).toBeUndefined();
  });

  it('are counted in characters', () => {
    expect(addressLines({ lines: ['😀'.repeat(100)], ...oslo })).toHaveLength(1);
  });
});
