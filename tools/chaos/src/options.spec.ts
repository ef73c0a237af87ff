import { describe, expect, it } from '@jest/globals';
import { FAULT_NAMES } from './fault-kinds.js';
import { parseOptions, USAGE, UsageError } from './options.js';

describe('the options of a run', () => {
  it('are those of the usage, with its defaults', () => {
    const options = parseOptions([]);
    expect(options).toMatchObject({ letters: 1_000, minutes: 2, seed: 1, layout: 'alone', json: false });
    expect(options.kinds).toEqual(FAULT_NAMES);
    for (const name of FAULT_NAMES) expect(USAGE).toContain(name);
  });

  it('have a fault for each ten seconds, and at least one of each kind', () => {
    expect(parseOptions(['--minutes', '1']).faults).toBe(FAULT_NAMES.length);
    expect(parseOptions(['--minutes', '30']).faults).toBe(180);
    expect(parseOptions(['--minutes', '1', '--kinds', 'kill,pause']).faults).toBe(6);
    expect(parseOptions(['--faults', '0']).faults).toBe(0);
  });

  it.each([
    ['--letters', '0'],
    ['--letters', 'many'],
    ['--minutes', '0'],
    ['--seed', '1.5'],
    ['--kinds', 'kill,earthquake'],
    ['--layout', 'upside-down'],
    ['--no-such-option', '1'],
  ])('do not take %s %s', (...args) => {
    expect(() => parseOptions(args)).toThrow(UsageError);
  });
});
