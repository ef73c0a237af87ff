import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { isOrganisationNumber, nationalIdProblem, organisationOf } from './identifiers.js';

describe('national identity numbers', () => {
  it.each([
    ['21883649874', 'test', undefined],
    ['21883649874', 'production', 'synthetic-national-id'],
    ['21883649875', 'test', 'not-a-national-id'],
    ['2188364987', 'test', 'not-a-national-id'],
    ['２1883649874', 'test', 'not-a-national-id'],
    ['', 'test', 'not-a-national-id'],
  ] as const)('%s in %s: %s', (id, environment, problem) => {
    expect(nationalIdProblem(id, environment)).toBe(problem);
  });
});

/**
 * Numbers made here by the published rules, not by the library: date and individual number, then k1 with remainder r (0 until 2032, then 0–3;
 * nytt fødselsnummer fra 2032) and k2. Undefined where the rules give no digit.
 */
function numberWith(nine: string, remainder: number): string | undefined {
  const sum = (digits: string, weights: readonly number[]): number =>
    weights.reduce((total, weight, index) => total + weight * Number(digits[index]), 0);
  const k1 = (((remainder - sum(nine, [3, 7, 6, 1, 8, 9, 4, 5, 2])) % 11) + 11) % 11;
  if (k1 === 10) return undefined;
  const k2 = (11 - (sum(`${nine}${k1}`, [5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11)) % 11;
  return k2 === 10 ? undefined : `${nine}${k1}${k2}`;
}

const TYPES = {
  real: [0, 0],
  'D-number': [40, 0],
  synthetic: [0, 80],
  'synthetic D-number': [40, 80],
  'H-number': [0, 40],
} as const;
const birthdays = fc.record({
  day: fc.integer({ min: 1, max: 28 }),
  month: fc.integer({ min: 1, max: 12 }),
  rest: fc.integer({ min: 0, max: 99_999 }),
});
const two = (n: number): string => String(n).padStart(2, '0');

describe.each(Object.entries(TYPES))('a %s number', (name, [day, month]) => {
  const made = fc
    .tuple(birthdays, fc.integer({ min: 0, max: 3 }))
    .map(([b, r]) => numberWith(two(b.day + day) + two(b.month + month) + String(b.rest).padStart(5, '0'), r))
    .filter((number) => number !== undefined);
  const real = month === 0;

  it(`is taken in test${real ? ' and in production' : ', and refused by its type in production'}, with the check digits of today and of 2032`, () => {
    fc.assert(
      fc.property(made, (number) => {
        expect(nationalIdProblem(number, 'test')).toBeUndefined();
        expect(nationalIdProblem(number, 'production')).toBe(real ? undefined : 'synthetic-national-id');
      }),
    );
  });

  it('is refused with any one digit wrong', () => {
    fc.assert(
      fc.property(made, fc.integer({ min: 0, max: 10 }), fc.integer({ min: 1, max: 9 }), (number, at, by) => {
        const wrong = number.slice(0, at) + ((Number(number[at]) + by) % 10) + number.slice(at + 1);
        expect(nationalIdProblem(wrong, 'test')).toBe('not-a-national-id');
      }),
    );
  });
});

describe('a number with right check digits', () => {
  it.each(['320190', '300290', '001290', '011390', '010090', '290289'])('is refused when %s is no date', (date) => {
    const numbers = Array.from({ length: 100 }, (_, n) => numberWith(`${date}${100 + n}`, 0)).filter(
      (n) => n !== undefined,
    );
    expect(numbers.length).toBeGreaterThan(50);
    for (const number of numbers) expect(nationalIdProblem(number, 'test')).toBe('not-a-national-id');
  });

  it('is taken on 29 February 2000', () => {
    const numbers = Array.from({ length: 20 }, (_, n) => numberWith(`290200${500 + n}`, 0)).filter(
      (n) => n !== undefined,
    );
    for (const number of numbers) expect(nationalIdProblem(number, 'production')).toBeUndefined();
  });
});

describe('organisation numbers', () => {
  it.each([
    ['984661185', true],
    ['922020175', true],
    ['974761076', true],
    ['313600947', true],
    ['984661186', false],
    ['98466118', false],
    ['98466118x', false],
    ['000000000', false],
    ['９84661185', false],
    [' 984661185', false],
  ])('%s: %s', (number, valid) => {
    expect(isOrganisationNumber(number)).toBe(valid);
  });

  it('are read with and without their ISO 6523 prefix', () => {
    expect(organisationOf('0192:984661185')).toBe('984661185');
    for (const text of ['9908:984661185', '0192:984661186', '0192: 984661185', '0192:984661185\n', 'x0192:984661185'])
      expect(organisationOf(text)).toBeUndefined();
  });
});
