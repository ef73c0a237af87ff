import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { readFile, truncate, writeFile } from 'node:fs/promises';
import { DocumentDamaged, DocumentErased, DocumentMissing, InvalidRef, UnknownMasterKey } from '../src/index.js';
import { storeFolder, type StoreFolder } from './store-folder.js';

/** Where the parts of a sealed document begin, for a key id of two characters (sealed-head.ts). */
const REGIONS = {
  magic: 0,
  id: 4,
  'key id length': 20,
  'key id': 21,
  'wrapped key nonce': 23,
  'wrapped key': 35,
  'wrapped key tag': 67,
};
const HEAD = 83;

describe('A stored document', () => {
  let folder: StoreFolder;
  beforeEach(async () => {
    folder = await storeFolder();
  });
  afterEach(() => folder.remove());

  async function put(content: Buffer): Promise<{ ref: string; path: string; at: number; length: number }> {
    const store = await folder.open();
    const { ref } = await store.put(content);
    await store.close();
    const [, segment, place, id] = ref.split('.') as [string, string, string, string];
    if (place.startsWith('L')) {
      return { ref, path: `${folder.root}/${segment}.large/${id}`, at: 0, length: Number(place.slice(1)) };
    }
    const [at, length] = place.split('-').map(Number) as [number, number];
    return { ref, path: `${folder.root}/${segment}.seg`, at, length };
  }

  async function readingFails(ref: string): Promise<unknown> {
    const store = await folder.open();
    try {
      return await store.get(ref).then(
        () => 'was read',
        (error: unknown) => error,
      );
    } finally {
      await store.close();
    }
  }

  it('is refused when any single byte of it was changed', async () => {
    const { ref, path, at, length } = await put(randomBytes(40));
    const good = await readFile(path);
    const store = await folder.open();
    for (let n = 0; n < length; n += 1) {
      for (const mask of [0x01, 0x80]) {
        const bad = Buffer.from(good);
        bad[at + n] = (bad[at + n] as number) ^ mask;
        await writeFile(path, bad);
        const error = await store.get(ref).catch((thrown: unknown) => thrown);
        const expected = n === REGIONS['key id'] || n === REGIONS['key id'] + 1 ? UnknownMasterKey : DocumentDamaged;
        // a key id length that no longer fits may also name an unknown key
        const fits = error instanceof expected || (n === REGIONS['key id length'] && error instanceof UnknownMasterKey);
        expect({ n, mask, fits }).toEqual({ n, mask, fits: true });
      }
    }
    await writeFile(path, good);
    expect((await store.get(ref)).length).toBe(40);
    await store.close();
  });

  it('is refused in every region when large, and nothing unverified is handed out before', async () => {
    const content = randomBytes(1_200_000);
    const { ref, path, length } = await put(content);
    const good = await readFile(path);
    const places = [
      ...Object.values(REGIONS),
      HEAD,
      HEAD + 262_144,
      HEAD + 262_160,
      HEAD + 700_000,
      length - 48,
      length - 1,
    ];
    for (const place of places) {
      const bad = Buffer.from(good);
      bad[place] = (bad[place] as number) ^ 0x10;
      await writeFile(path, bad);
      const store = await folder.open();
      const handedOut: Buffer[] = [];
      const reading = (async () => {
        for await (const piece of store.stream(ref)) handedOut.push(piece);
      })();
      await expect(reading).rejects.toThrow(/damaged|master key/);
      const got = Buffer.concat(handedOut);
      expect(got.equals(content.subarray(0, got.length))).toBe(true);
      await store.close();
    }
  });

  it('is refused when large pieces are swapped, cut off, repeated or added', async () => {
    const { ref, path } = await put(randomBytes(1_200_000));
    const good = await readFile(path);
    const piece = 262_160;
    const pieces = [0, 1, 2, 3].map((n) => good.subarray(HEAD + n * piece, HEAD + (n + 1) * piece));
    const [head, rest] = [good.subarray(0, HEAD), good.subarray(HEAD + 4 * piece)];
    const order = (...wanted: number[]): Buffer =>
      Buffer.concat([head, ...wanted.map((n) => pieces[n] as Buffer), rest]);
    expect(order(0, 1, 2, 3).equals(good)).toBe(true);
    for (const bad of [
      order(1, 0, 2, 3),
      order(0, 1, 1, 3),
      order(0, 1, 2),
      order(0, 1, 2, 3, 3),
      good.subarray(0, -1),
    ]) {
      await writeFile(path, bad);
      expect(await readingFails(ref)).toBeInstanceOf(DocumentDamaged);
      // with a ref bent to the new length, too
      expect(await readingFails(ref.replace(/\.L\d+\./, `.L${bad.length}.`))).toBeInstanceOf(DocumentDamaged);
    }
  });

  it('is refused when its segment was cut short', async () => {
    const { ref, path, at, length } = await put(randomBytes(500));
    await truncate(path, at + length - 1);
    expect(await readingFails(ref)).toBeInstanceOf(DocumentDamaged);
    await truncate(path, 0);
    expect(await readingFails(ref)).toBeInstanceOf(DocumentDamaged);
  });

  it('is not reached by a ref bent to it from another document, nor by one bent beyond the file', async () => {
    const store = await folder.open();
    const [one, other] = await Promise.all([store.put(Buffer.from('one')), store.put(Buffer.from('two'))]);
    const large = await store.put(Buffer.alloc(1_500_000));
    const bent = [
      one.ref.replace(/[^.]+$/, other.ref.split('.')[3] as string),
      one.ref.replace(/\.\d+-(\d+)\./, '.999999999-$1.'),
      one.ref.replace(/-(\d+)\./, (_, n: string) => `-${Number(n) + 1}.`),
      one.ref.replace(/-(\d+)\./, (_, n: string) => `-${Number(n) - 1}.`),
      large.ref.replace(/L\d+/, 'L999999999999999'),
    ];
    for (const ref of bent) {
      await expect(store.get(ref)).rejects.toThrow(DocumentDamaged);
    }
    await expect(store.get(one.ref.replace(/-\d+\./, '-999999999999.'))).rejects.toThrow(InvalidRef);
    await expect(store.get(one.ref.replace(/-\d+\./, '-0.'))).rejects.toThrow(InvalidRef);
    await expect(store.get(large.ref.replace(/[^.]+$/, '0'.repeat(32)))).rejects.toThrow(DocumentMissing);
    // and a bent ref erases nothing
    await expect(store.erase(bent[0] as string)).rejects.toThrow(DocumentDamaged);
    await expect(store.erase(bent[1] as string)).rejects.toThrow(DocumentDamaged);
    expect(String(await store.get(one.ref)) + String(await store.get(other.ref))).toBe('onetwo');
    await store.close();
  });

  it('stays unreadable when half of its key is put back after it was erased', async () => {
    const { ref, path, at } = await put(randomBytes(100));
    const before = await readFile(path);
    const store = await folder.open();
    await store.erase(ref);
    await store.close();
    expect(await readingFails(ref)).toBeInstanceOf(DocumentErased);
    const erased = await readFile(path);
    expect(erased.subarray(at + 23, at + HEAD).every((byte) => byte === 0)).toBe(true);
    before.copy(erased, at + 23, at + 23, at + 60);
    await writeFile(path, erased);
    expect(await readingFails(ref)).toBeInstanceOf(DocumentDamaged);
  });
});
