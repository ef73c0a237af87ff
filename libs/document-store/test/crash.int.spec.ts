import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readdir, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import type { FilesystemStore } from '../src/index.js';
import { KEY, storeFolder, type StoreFolder } from './store-folder.js';

const here = import.meta.dirname;

describe('A process that writes documents', () => {
  let folder: StoreFolder;
  let reader: FilesystemStore;
  const children: ChildProcess[] = [];
  beforeEach(async () => {
    folder = await storeFolder();
    reader = await folder.open();
  });
  afterEach(async () => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
    await reader.close();
    await folder.remove();
  });

  /** `limitBlocks`: ulimit -f, in blocks of 512 bytes, so that a file cannot grow further. */
  function startWriter(limitBlocks?: number): { child: ChildProcess; lines: AsyncIterable<string> } {
    const node = [
      ...['--conditions=source', '--experimental-transform-types', '--no-warnings'],
      ...['--import', resolve(here, 'run-typescript.mjs'), resolve(here, 'writer.child.ts')],
      ...[folder.root, KEY.toString('hex')],
    ];
    const limit = limitBlocks === undefined ? '' : `ulimit -f ${limitBlocks}; `;
    const child = spawn('sh', ['-c', `${limit}exec "$0" "$@"`, process.execPath, ...node], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    children.push(child);
    return { child, lines: createInterface({ input: child.stdout as NodeJS.ReadableStream }) };
  }

  async function expectReadable(acknowledged: readonly string[]): Promise<void> {
    for (const line of acknowledged) {
      const [ref, sha256] = line.split(' ') as [string, string];
      expect(
        createHash('sha256')
          .update(await reader.get(ref))
          .digest('hex'),
      ).toBe(sha256);
    }
  }

  it('leaves every document readable that it acknowledged before it was killed', async () => {
    for (let round = 0; round < 3; round += 1) {
      const { child, lines } = startWriter();
      const acknowledged: string[] = [];
      for await (const line of lines) {
        acknowledged.push(line);
        if (acknowledged.length === 150 + round * 67) child.kill('SIGKILL');
      }
      expect(acknowledged.length).toBeGreaterThanOrEqual(150);
      await expectReadable(acknowledged);
    }
    // and the next process just starts a segment of its own
    expect((await reader.put(Buffer.from('goes on'))).size).toBe(7);
    expect(await reader.segments()).toHaveLength(4);
  });

  it('says clearly that the store is full, keeps what it acknowledged, and names nothing half-written', async () => {
    const { child, lines } = startWriter(4_096);
    const acknowledged: string[] = [];
    let end = '';
    for await (const line of lines) {
      if (line.startsWith('END')) end = line;
      else acknowledged.push(line);
    }
    if (child.exitCode === null) await once(child, 'exit');
    expect(end).toBe('END large: the document store is full, small: the document store is full');
    expect(child.exitCode).toBe(0);
    expect(acknowledged.length).toBeGreaterThan(50);
    await expectReadable(acknowledged);
    const large = acknowledged.filter((line) => line.includes('.L')).length;
    const names = await readdir(folder.root, { recursive: true });
    expect(names.filter((name) => /\.large\/./.test(name))).toHaveLength(large);
    const segment = names.find((name) => name.endsWith('.seg')) as string;
    expect((await stat(`${folder.root}/${segment}`)).size).toBeLessThanOrEqual(4_096 * 512);
  });
});
