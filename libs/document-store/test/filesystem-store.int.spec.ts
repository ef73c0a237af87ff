import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { appendFile, mkdir, open, readdir, readFile, rename, rm, stat, symlink } from 'node:fs/promises';
import { DependencyDown } from '@postgang/outside';
import {
  DocumentMissing,
  FilesystemStore,
  InvalidRef,
  MasterKeys,
  SegmentInUse,
  StoreUnavailable,
  UnknownMasterKey,
} from '../src/index.js';
import { itKeepsDocuments } from './document-store.contract.js';
import { KEY, storeFolder, type StoreFolder } from './store-folder.js';

itKeepsDocuments('the file system store', storeFolder);

describe('The file system store', () => {
  let folder: StoreFolder;
  let store: FilesystemStore;
  beforeEach(async () => {
    folder = await storeFolder();
    store = await folder.open();
  });
  afterEach(async () => {
    await store.close();
    await folder.remove();
  });

  it('syncs a thousand documents put at once only a few times, into one file', async () => {
    const documents = Array.from({ length: 1_000 }, () => randomBytes(10_000));
    const stored = await Promise.all(documents.map((document) => store.put(document)));
    expect(store.stats.puts).toBe(1_000);
    expect(store.stats.syncs).toBeLessThan(10);
    expect(store.stats.writes).toBe(store.stats.syncs);
    const read = await Promise.all(stored.map(({ ref }) => store.get(ref)));
    expect(read.every((document, index) => document.equals(documents[index] as Buffer))).toBe(true);
    expect((await readdir(folder.root)).filter((name) => name.endsWith('.seg'))).toHaveLength(1);
  });

  it('writes nothing readable: neither content nor digest are found on disk', async () => {
    const content = Buffer.from('Vedtak om barnetrygd '.repeat(200));
    const { sha256 } = await store.put(content);
    const large = await store.put(Buffer.from('Vedtak om barnetrygd '.repeat(90_000)));
    const files = (await readdir(folder.root, { recursive: true })).map((name) => `${folder.root}/${name}`);
    for (const path of files) {
      if ((await stat(path)).isDirectory()) continue;
      const bytes = await readFile(path);
      expect(bytes.includes('barnetrygd')).toBe(false);
      expect(bytes.includes(sha256) || bytes.includes(large.sha256)).toBe(false);
      expect((await stat(path)).mode & 0o077).toBe(0);
    }
  });

  it('opens a segment of its own at each start and leaves the others as they were', async () => {
    const first = await store.put(Buffer.from('first'));
    const [name] = await readdir(folder.root).then((names) => names.filter((entry) => entry.endsWith('.seg')));
    const before = await readFile(`${folder.root}/${name}`);
    const second = await folder.open();
    await second.put(Buffer.from('second'));
    expect((await readFile(`${folder.root}/${name}`)).equals(before)).toBe(true);
    expect(await store.segments()).toHaveLength(2);
    expect((await second.get(first.ref)).toString()).toBe('first');
    await second.close();
  });

  it('begins a new segment at midnight UTC and beyond the size limit, while puts go on', async () => {
    let now = new Date('2026-11-23T23:59:59Z');
    const small = await folder.open({ now: () => now, segmentBytes: 20_000 });
    const early = await Promise.all([1, 2, 3].map((n) => small.put(Buffer.from(`early ${n}`))));
    now = new Date('2026-11-24T00:00:00Z');
    const late = await Promise.all([1, 2, 3].map((n) => small.put(Buffer.alloc(15_000, n))));
    const later = await small.put(Buffer.from('later'));
    expect((await small.segments()).map(({ day }) => day)).toEqual(['2026-11-23', '2026-11-24', '2026-11-24']);
    for (const { ref, size } of [...early, ...late, later]) expect((await small.get(ref)).length).toBe(size);
    await small.close();
  });

  it('drops a segment with its large documents once its day is over, and no sooner', async () => {
    let now = new Date('2026-11-20T12:00:00Z');
    const old = await folder.open({ now: () => now });
    const refs = [await old.put(Buffer.from('small')), await old.put(Buffer.alloc(2_000_000))].map(({ ref }) => ref);
    const [segment] = await old.segments();
    expect(segment).toMatchObject({ day: '2026-11-20' });
    expect(segment?.bytes).toBeGreaterThan(2_000_000);
    const name = segment?.name as string;
    await old.get(refs[0] as string);

    now = new Date('2026-11-21T23:59:59Z');
    await expect(old.drop(name)).rejects.toThrow(SegmentInUse);
    now = new Date('2026-11-22T00:00:00Z');
    await expect(old.drop(name)).rejects.toThrow(SegmentInUse); // still this process's own
    await old.put(Buffer.from('moves on to a new segment'));
    await old.drop(name);
    await old.drop(name);
    for (const ref of refs) {
      await expect(old.get(ref)).rejects.toThrow(DocumentMissing);
      await expect(old.erase(ref)).rejects.toThrow(DocumentMissing);
    }
    expect(await old.segments()).toHaveLength(1);
    for (const wrong of ['', '..', `../${name}`, `${name}.seg`])
      await expect(old.drop(wrong)).rejects.toThrow(InvalidRef);
    await old.close();
  });

  it('reads with the old master key and writes with the new one after a rotation', async () => {
    const { ref } = await store.put(Buffer.from('before'));
    const rotated = new MasterKeys(
      'k2',
      new Map([
        ['k1', KEY],
        ['k2', randomBytes(32)],
      ]),
    );
    const after = await folder.open({ keys: rotated });
    const next = await after.put(Buffer.from('after'));
    expect((await after.get(ref)).toString()).toBe('before');
    expect((await after.get(next.ref)).toString()).toBe('after');
    // not yet distributed to this one: worth a retry, and no reason to call the document damaged
    await expect(store.get(next.ref)).rejects.toThrow(UnknownMasterKey);
    await after.close();
  });

  it('does not call documents missing when its folder is not mounted', async () => {
    const { ref } = await store.put(Buffer.from('x'));
    const other = await folder.open();
    await rm(folder.root, { recursive: true });
    await mkdir(folder.root);
    await expect(other.get(ref)).rejects.toThrow(StoreUnavailable);
    await expect(other.erase(ref)).rejects.toThrow(DependencyDown);
    await other.close();
  });

  it('is down for who opens it while its folder is not mounted: nothing is called missing, nothing is put below the mount point', async () => {
    const { ref } = await store.put(Buffer.from('x'));
    const mounted = `${folder.root}-mounted`;
    await rename(folder.root, mounted);
    await mkdir(folder.root);
    const other = await folder.open({ fresh: false });
    try {
      await expect(other.get(ref)).rejects.toThrow(StoreUnavailable);
      await expect(other.put(Buffer.from('y'))).rejects.toThrow(StoreUnavailable);
      await expect(other.put(Buffer.alloc(2_000_000))).rejects.toThrow(StoreUnavailable);
      expect(await readdir(folder.root)).toEqual([]);
      await rm(folder.root, { recursive: true });
      await rename(mounted, folder.root);
      expect((await other.get(ref)).toString()).toBe('x');
      expect((await other.get((await other.put(Buffer.from('y'))).ref)).toString()).toBe('y');
    } finally {
      await other.close();
    }
  });

  it('holds no more segments open than it was told, however many are read at once', async () => {
    const refs: string[] = [];
    for (let n = 0; n < 12; n += 1) {
      const writer = await folder.open();
      refs.push((await writer.put(Buffer.from(`segment ${n}`))).ref);
      await writer.close();
    }
    const reader = await folder.open({ openSegments: 3 });
    const inFolder = async (): Promise<number> => {
      const links = await readdir('/proc/self/fd').catch(() => []);
      const { readlink } = await import('node:fs/promises');
      const targets = await Promise.all(links.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')));
      return targets.filter((target) => target.startsWith(folder.root)).length;
    };
    for (let round = 0; round < 5; round += 1) {
      const read = await Promise.all([...refs, ...refs].map((ref) => reader.get(ref)));
      expect(read.slice(0, 12).map(String)).toEqual(refs.map((_, n) => `segment ${n}`));
    }
    for (const ref of refs) await reader.get(ref);
    expect(await inFolder()).toBeLessThanOrEqual(4);
    await reader.close();
    expect(await inFolder()).toBe(0);
  });

  it('does not follow a link put in the place of a segment', async () => {
    const { ref } = await store.put(Buffer.from('x'));
    const name = ref.split('.')[1] as string;
    const other = await folder.open();
    const linked = name.replace(/.$/, (last) => (last === '0' ? '1' : '0'));
    await symlink(`${folder.root}/${name}.seg`, `${folder.root}/${linked}.seg`);
    await expect(other.get(ref.replace(name, linked))).rejects.toThrow(StoreUnavailable);
    await other.close();
  });

  it('is not disturbed by what a crash left behind the last acknowledged document', async () => {
    const { ref } = await store.put(Buffer.from('acknowledged'));
    const name = ref.split('.')[1] as string;
    await appendFile(`${folder.root}/${name}.seg`, randomBytes(5_000));
    const next = await folder.open();
    expect((await next.get(ref)).toString()).toBe('acknowledged');
    await next.close();
  });

  it('leaves a segment for good after a failed sync, and acknowledges nothing of that batch', async () => {
    const before = await store.put(Buffer.from('before'));
    const handle = await open(folder.root);
    const fileHandle = Object.getPrototypeOf(handle) as { datasync: () => Promise<void> };
    await handle.close();
    const failure = Object.assign(new Error('EIO'), { code: 'EIO', syscall: 'fdatasync' });
    const datasync = jest.spyOn(fileHandle, 'datasync').mockRejectedValueOnce(failure);
    const lost = await Promise.allSettled([store.put(Buffer.from('a')), store.put(Buffer.from('b'))]);
    datasync.mockRestore();
    for (const put of lost) expect((put as PromiseRejectedResult).reason).toBeInstanceOf(StoreUnavailable);
    const after = await store.put(Buffer.from('after'));
    expect(await store.segments()).toHaveLength(2);
    expect(String(await store.get(before.ref)) + String(await store.get(after.ref))).toBe('beforeafter');
  });

  it('makes a new folder durable in every folder above it before anything is put, and only then', async () => {
    const handle = await open(folder.root);
    const fileHandle = Object.getPrototypeOf(handle) as { sync: () => Promise<void> };
    await handle.close();
    const sync = jest.spyOn(fileHandle, 'sync');
    const root = `${folder.root}/new/and/nested`;
    const keys = new MasterKeys('k', new Map([['k', randomBytes(32)]]));
    await (await FilesystemStore.open({ root, keys, fresh: true })).close();
    expect(sync).toHaveBeenCalledTimes(3);
    await (await FilesystemStore.open({ root, keys, fresh: true })).close();
    expect(sync).toHaveBeenCalledTimes(3);
    sync.mockRestore();
  });
});
