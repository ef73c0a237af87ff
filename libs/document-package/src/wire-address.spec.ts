import { expect, it } from '@jest/globals';
import { PackageError } from './errors.js';
import { wireAddress } from './sbd.js';

const sweden = { name: 'Kari', postalCode: '422 46', city: 'Hisings Backa', countryCode: 'SE' };

it('no line of an address abroad is left out', () => {
  expect(wireAddress({ ...sweden, lines: ['c/o Lindqvist', 'Block B', 'Storgatan 1', 'lgh 1102'] })).toEqual({
    navn: 'Kari',
    adresselinje1: 'c/o Lindqvist',
    adresselinje2: 'Block B, Storgatan 1',
    adresselinje3: 'lgh 1102',
    adresselinje4: '422 46 Hisings Backa',
    landkode: 'SE',
  });
});

it('an address that does not fit is none', () => {
  const lines = ['a', 'b', 'c', 'd'].map((letter) => letter.repeat(60));
  expect(() => wireAddress({ ...sweden, lines })).toThrow(PackageError);
});
