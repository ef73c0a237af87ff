import { describe, expect, it } from '@jest/globals';
import { ageOf, filterOf, serviceOf } from './dead-letter-commands.js';

const NOW = new Date('2026-11-25T12:00:00Z');
const ID = '0B7E1C9A-3D52-5F4E-8A11-000000000001';

describe('a filter at the command line', () => {
  it.each([
    ['90s', '2026-11-25T11:58:30.000Z'],
    ['15m', '2026-11-25T11:45:00.000Z'],
    ['2h', '2026-11-25T10:00:00.000Z'],
    ['3d', '2026-11-22T12:00:00.000Z'],
    ['2026-11-24T08:00:00Z', '2026-11-24T08:00:00.000Z'],
    ['2026-11-24T08:00:00+01:00', '2026-11-24T07:00:00.000Z'],
  ])('takes %s for %s', (since, expected) => {
    expect(filterOf({ since }, NOW)).toEqual({ since: new Date(expected) });
  });

  it.each(['yesterday', '2026-11-24', '2026-11-24T08:00:00', '-2h', '2w', '', '2026-13-45T99:00:00Z'])(
    'takes %j for no time, whatever the machine is set to',
    (since) => expect(() => filterOf({ since }, NOW)).toThrow('is no time'),
  );

  it('narrows by nothing that was not given, and knows a letter by its id only', () => {
    expect(filterOf({}, NOW)).toEqual({});
    expect(filterOf({ letter: ID, reason: 'TypeError' }, NOW)).toEqual({
      letter: ID.toLowerCase(),
      reason: 'TypeError',
    });
    expect(() => filterOf({ letter: '21883649874' }, NOW)).toThrow(/^--letter takes the id of a letter$/);
  });

  it('knows the services', () => {
    expect(serviceOf('receipts')).toBe('receipts');
    expect(() => serviceOf('__proto__')).toThrow('--service is one of integration-point,');
  });

  it.each([
    [30_000, '0 min'],
    [3_599_000, '59 min'],
    [7_200_000, '2 h'],
    [3 * 86_400_000, '3 d'],
    [-5_000, '0 min'],
  ])('says of %d ms: %s', (ms, said) => expect(ageOf(new Date(NOW.getTime() - ms), NOW)).toBe(said));
});
