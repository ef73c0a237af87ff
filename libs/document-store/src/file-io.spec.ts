import { describe, expect, it } from '@jest/globals';
import type { FileHandle } from 'node:fs/promises';
import { StoreUnavailable } from './errors.js';
import { writeFully } from './file-io.js';

/** A file that takes at most so many bytes at a time, wherever a piece ends. */
function shortFile(most: number): { file: FileHandle; content: () => string } {
  const written: Buffer[] = [];
  const writev = (pieces: readonly Buffer[], position: number) => {
    expect(position).toBe(Buffer.concat(written).length);
    const taken = Buffer.concat(pieces).subarray(0, most);
    written.push(taken);
    return Promise.resolve({ bytesWritten: taken.length, buffers: pieces });
  };
  return { file: { writev } as unknown as FileHandle, content: () => Buffer.concat(written).toString() };
}

describe('writing pieces one behind the other', () => {
  const pieces = ['', 'head', '', 'content of a letter', 'tag', ''].map((text) => Buffer.from(text));

  it.each([1, 2, 3, 4, 5, 7, 23, 25, 26, 100])('goes on where a write of %i bytes was cut short', async (most) => {
    const { file, content } = shortFile(most);
    expect(await writeFully(file, pieces, 0)).toBe(26);
    expect(content()).toBe('headcontent of a lettertag');
  });

  it('gives up where the disk takes nothing and says nothing', async () => {
    await expect(writeFully(shortFile(0).file, pieces, 0)).rejects.toBeInstanceOf(StoreUnavailable);
  });

  it('of nothing asks the disk for nothing', async () => {
    expect(await writeFully(shortFile(1).file, [Buffer.alloc(0)], 7)).toBe(7);
  });
});
