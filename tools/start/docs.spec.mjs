import { describe, expect, it } from '@jest/globals';
import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs';

/** @param {string} file */
const textOf = (file) => readFileSync(file, 'utf8');

/** Cells of the rows of the first table under a heading; under none, of the first of all. @param {string} text @param {string} [heading] */
function tableIn(text, heading) {
  const section =
    heading === undefined ? text : (text.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? '');
  const lines = section.split('\n');
  const first = lines.findIndex((line) => line.startsWith('|'));
  const end = lines.findIndex((line, index) => index > first && !line.startsWith('|'));
  return lines.slice(first + 2, end).map((row) =>
    row
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim()),
  );
}
/** @param {string | undefined} cell */
const plain = (cell = '') => cell.replaceAll('`', '');
/** @param {string} folder */
const foldersIn = (folder) =>
  readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name !== 'node_modules')
    .map(({ name }) => `${folder}/${name}`);

describe('README.md', () => {
  const rows = tableIn(textOf('README.md'), 'Layout');

  it('names every folder of the workspace, and none besides', () => {
    const folders = ['libs', 'tools', 'deploy'].flatMap(foldersIn);
    expect(rows.map(([folder]) => plain(folder)).sort()).toEqual([...folders, 'services/', 'schemas/'].sort());
    for (const [, what] of rows) expect(what).not.toBe('');
  });

  it('does not promise a README where there is none', () => {
    const missing = rows.map(([folder]) => plain(folder)).filter((folder) => !existsSync(`${folder}/README.md`));
    expect(missing).toEqual([]);
  });
});

describe('GLOSSARY.md', () => {
  const told = tableIn(textOf('GLOSSARY.md'));

  it('tells every word as libs/rules/src/words.ts defines it, in the same order', () => {
    const [comment = ''] = /\/\*\*[^]*?\*\//.exec(textOf('libs/rules/src/words.ts')) ?? [];
    const defined = [...comment.matchAll(/^ \* (?=\S)(.{12}) (\S.*)$/gm)].map(([, word, meaning]) => [
      word?.trim(),
      meaning,
    ]);
    expect(defined.length).toBeGreaterThan(30);
    expect(told.map(([word, meaning]) => [word, meaning])).toEqual(defined.filter(([word]) => word !== 'The words of'));
  });

  it('says where more is to be read, which is there', () => {
    const places = told.map(([, , more]) => plain(more));
    expect(places.filter((place) => !existsSync(place.endsWith('.md') ? place : `${place}/README.md`))).toEqual([]);
  });
});

describe("a tool's README", () => {
  it.each(['demo', 'bench', 'chaos'])('tells every option of %s', (tool) => {
    const options = [...textOf(`tools/${tool}/src/options.ts`).matchAll(/(?<![\w-])--([a-z]+(?:-[a-z]+)*)/g)].map(
      ([option]) => option,
    );
    const readme = textOf(`tools/${tool}/README.md`);
    expect(options.length).toBeGreaterThan(2);
    expect([...new Set(options)].filter((option) => !readme.includes(option))).toEqual([]);
  });

  it.each(['demo/src', 'bench/src', 'launch/src', 'start', 'journeys/test'])('lays out every file of %s', (place) => {
    const files = globSync('**/*.{ts,mjs}', { cwd: `tools/${place}` }).filter(
      (file) => !/\.spec\.(ts|mjs)$/.test(file),
    );
    const rows = tableIn(textOf(`tools/${place.split('/')[0]}/README.md`), 'Layout');
    expect(rows.map(([file]) => plain(file)).sort()).toEqual(files.sort());
  });

  it('of the journeys tells every spec', () => {
    const specs = globSync('**/*.spec.ts', { cwd: 'tools/journeys/test' });
    const rows = tableIn(textOf('tools/journeys/README.md'));
    expect(rows.map(([spec]) => plain(spec)).sort()).toEqual(specs.sort());
  });
});
