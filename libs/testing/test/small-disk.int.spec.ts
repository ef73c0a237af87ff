import { afterAll, describe, expect, it } from '@jest/globals';
import { FilesystemStore, MasterKeys, StoreFull } from '@postgang/document-store';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SmallDisk } from '../src/faults/index.js';

const dir = mkdtempSync(join(tmpdir(), 'postgang-disk-'));
const disk = SmallDisk.mount(join(dir, 'disk'), 4);
const onDisk = disk === undefined ? describe.skip : describe;

afterAll(() => {
  disk?.unmount();
  rmSync(dir, { recursive: true, force: true });
});

onDisk('a disk that can be full', () => {
  it('is full to the last byte, and has room again', () => {
    disk?.fill();
    expect(disk?.freeBytes).toBe(0);
    expect(() => writeFileSync(join(disk?.path ?? '', 'one'), 'more')).toThrow(/ENOSPC/);
    disk?.free();
    writeFileSync(join(disk?.path ?? '', 'one'), 'more');
  });

  it('can be removed after one who was killed, and where nothing is mounted nothing happens', () => {
    const left = join(dir, 'left');
    expect(SmallDisk.mount(left, 1)).toBeDefined();
    expect(() => rmSync(left, { recursive: true })).toThrow(/busy/i);
    SmallDisk.unmountLeft(left);
    SmallDisk.unmountLeft(left);
    rmSync(left, { recursive: true });
  });

  it('makes the document store say so, keep what it had, and go on when there is room', async () => {
    const keys = MasterKeys.parse(JSON.stringify({ active: 'k1', keys: { k1: randomBytes(32).toString('base64') } }));
    const store = await FilesystemStore.open({ root: join(disk?.path ?? '', 'store'), keys, fresh: true });
    try {
      const before = await store.put(Buffer.from('before'), { maxBytes: 100 });
      disk?.fill();
      await expect(store.put(randomBytes(100_000), { maxBytes: 200_000 })).rejects.toThrow(StoreFull);
      expect(String(await store.get(before.ref))).toBe('before');
      disk?.free();
      const after = await store.put(Buffer.from('after'), { maxBytes: 100 });
      expect(String(await store.get(after.ref))).toBe('after');
    } finally {
      await store.close();
    }
  });
});
