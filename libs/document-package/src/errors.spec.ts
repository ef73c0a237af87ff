import { expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { REASONS } from './index.js';

it('the README says what every reason means, in the same words and order', () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  const rows = [...readme.matchAll(/^\| `([a-z-]+)` +\| (.+?) +\|$/gm)].map(([, reason, meaning]) => [reason, meaning]);
  expect(rows).toEqual(Object.entries(REASONS));
});
