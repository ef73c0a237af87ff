import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { configKeys, runtimeConfig } from '@postgang/runtime';
import { receiptsConfig } from './config.js';

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
const table = readme.slice(readme.indexOf('| KEY'));
const runtimeKeys = new Set(configKeys(runtimeConfig));

describe('the configuration in the README', () => {
  it('has every key of its own with default and meaning, and no other', () => {
    const rows = [...table.matchAll(/^\| `(\w+)` *\| *(\S+) *\| (.+?) *\|$/gm)].map(([, key, value, what]) => [
      key,
      value,
      what,
    ]);
    const own = Object.entries(receiptsConfig.shape).filter(([key]) => !runtimeKeys.has(key));
    expect(rows).toEqual(
      own.map(([key, schema]) => {
        const parsed = schema.safeParse(undefined);
        return [key, parsed.success && parsed.data !== undefined ? String(parsed.data) : 'none', schema.description];
      }),
    );
  });
});
