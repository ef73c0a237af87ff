import { describe, expect, it } from '@jest/globals';
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

describe('organisation numbers', () => {
  it.each([
    ['984661185', true],
    ['922020175', true],
    ['974761076', true],
    ['313600947', true],
    ['984661186', false],
    ['98466118', false],
    ['98466118x', false],
  ])('%s: %s', (number, valid) => {
    expect(isOrganisationNumber(number)).toBe(valid);
  });

  it('are read with and without their ISO 6523 prefix', () => {
    expect(organisationOf('0192:984661185')).toBe('984661185');
    expect(organisationOf('9908:984661185')).toBeUndefined();
  });
});
