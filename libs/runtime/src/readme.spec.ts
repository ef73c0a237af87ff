import { describe, expect, it } from '@jest/globals';
import { RETRY_TIERS } from '@postgang/pipeline';
import { globSync, readFileSync } from 'node:fs';
import { configKeys, runtimeConfig } from './service/config.js';

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');

/** Cells of the table under a heading, without its head and its padding. */
function tableUnder(heading: string): string[][] {
  const section = readme.split(/^## /m).find((part) => part.startsWith(`${heading}\n`));
  const rows = (section ?? '').split('\n').filter((line) => line.startsWith('|'));
  return rows.slice(2).map((row) =>
    row
      .slice(1, -1)
      .split(/(?<!\\)\|/)
      .map((cell) => cell.trim().replaceAll('`', '').replaceAll('\\|', '|')),
  );
}

describe('the README', () => {
  it('tells every setting, its default and what it is, as the schema does', () => {
    const told = configKeys(runtimeConfig).map((key) => {
      const field = runtimeConfig.shape[key as keyof typeof runtimeConfig.shape];
      const { success, data } = field.safeParse(undefined);
      const standard = !success ? 'required' : data === undefined || data === '' ? '–' : String(data);
      return [key, standard, field.description];
    });
    expect(tableUnder('Settings')).toEqual(told);
  });

  it('tells every metric that the runtime measures', () => {
    const sources = globSync('**/*.ts', { cwd: import.meta.dirname }).map((file) =>
      readFileSync(new URL(file, import.meta.url), 'utf8'),
    );
    const measured = sources.flatMap((source) =>
      [...source.matchAll(/create(?:Counter|Histogram|ObservableGauge)\(\s*'(\w+)'/g)].map(([, name]) => name),
    );
    expect(measured.length).toBeGreaterThan(5);
    expect(
      tableUnder('Metrics')
        .map(([name]) => name)
        .sort(),
    ).toEqual(measured.sort());
  });

  it('tells the retry tiers', () => {
    expect(readme).toContain(RETRY_TIERS.map(({ tier }) => tier).join(', '));
  });
});
