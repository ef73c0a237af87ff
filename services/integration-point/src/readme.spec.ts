import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { configKeys, runtimeConfig } from '@postgang/runtime';
import { integrationPointConfig } from './config.js';
import { PROBLEMS } from './http/problem.js';

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
const rowsUnder = (heading: string): string[][] =>
  readme
    .slice(readme.indexOf(heading))
    .split('\n\n')[0]
    ?.split('\n')
    .slice(2)
    .map((row) =>
      row
        .split('|')
        .map((cell) => cell.trim())
        .slice(1, -1),
    ) ?? [];
const title = (heading: RegExp): string => heading.exec(readme)?.[0] ?? 'no such table';

describe('the README', () => {
  it('lists every problem with status and title, and when it comes', () => {
    const rows = rowsUnder(title(/\| problem .*/));
    expect(rows.map((row) => row.slice(0, 3))).toEqual(
      Object.entries(PROBLEMS).map(([name, [status, text]]) => [`\`${name}\``, String(status), text]),
    );
    for (const row of rows) expect(row[3]).not.toBe('');
  });

  it('has every setting of its own with default and meaning, and no other', () => {
    const runtimeKeys = new Set(configKeys(runtimeConfig));
    const own = Object.entries(integrationPointConfig.shape).filter(([key]) => !runtimeKeys.has(key));
    expect(rowsUnder(title(/\| KEY .*/))).toEqual(
      own.map(([key, schema]) => {
        const parsed = schema.safeParse(undefined);
        const standard = parsed.success && parsed.data !== undefined ? String(parsed.data) : 'none';
        return [`\`${key}\``, standard, schema.description];
      }),
    );
  });
});
