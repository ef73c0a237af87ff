import { expect, it } from '@jest/globals';
import { pauseMs } from './pause.js';

it.each([
  ['the first', undefined, 0, 500],
  ['the eighth', undefined, 7, 500],
  ['the ninth', undefined, 8, 1_000],
  ['the last that is longer than the one before', undefined, 24, 5_000],
  ['one of a long night', undefined, 10_000, 5_000],
  ['one that was asked for', 7_000, 10_000, 7_000],
  ['one of an hour that was asked for', 3_600_000, 0, 60_000],
])('%s pause', (_which, askedForMs, pausesBefore, ms) => {
  expect(pauseMs(askedForMs, pausesBefore)).toBe(ms);
});
