import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createHash, randomBytes } from 'node:crypto';
import { DocumentErased, DocumentTooLarge, InvalidRef, type DocumentStore } from '../src/index.js';

export interface StoreUnderTest {
  /** Opens another store on the same documents, as another process would. */
  readonly open: () => Promise<DocumentStore>;
  readonly remove: () => Promise<void>;
}

const SIZES = [0, 1, 15, 16, 17, 10_000, 262_144, 1_048_575, 1_048_576, 1_048_577, 1_310_720, 3_000_001];

/** What every driver of the document store must do; run it from the driver's own spec. */
export function itKeepsDocuments(driver: string, prepare: () => Promise<StoreUnderTest>): void {
  describe(`${driver}, as every document store,`, () => {
    let place: StoreUnderTest;
    let store: DocumentStore;
    beforeEach(async () => {
      place = await prepare();
      store = await place.open();
    });
    afterEach(async () => {
      await store.close();
      await place.remove();
    });

    it.each(SIZES)('gives back %i bytes as they were put, whole and in pieces', async (size) => {
      const content = randomBytes(size);
      const stored = await store.put(content);
      expect(stored.size).toBe(size);
      expect(stored.sha256).toEqual(createHash('sha256').update(content).digest());
      expect((await store.get(stored.ref)).equals(content)).toBe(true);
      expect((await collect(store.stream(stored.ref))).equals(content)).toBe(true);
    });

    it.each(SIZES)('takes %i bytes in pieces of odd sizes', async (size) => {
      const content = randomBytes(size);
      const stored = await store.put(inPieces(content, 70_001));
      expect(stored.sha256).toEqual(createHash('sha256').update(content).digest());
      expect((await store.get(stored.ref)).equals(content)).toBe(true);
    });

    it('gives equal documents different refs, so that erasing one leaves the other', async () => {
      const content = randomBytes(1_000);
      const [one, other] = await Promise.all([store.put(content), store.put(content)]);
      expect(one.ref).not.toBe(other.ref);
      await store.erase(one.ref);
      expect((await store.get(other.ref)).equals(content)).toBe(true);
    });

    it.each([500, 2_000_000])('cannot read a document of %i bytes after erasing it, and erases twice', async (size) => {
      const { ref } = await store.put(randomBytes(size));
      await store.erase(ref);
      await store.erase(ref);
      await expect(store.get(ref)).rejects.toThrow(DocumentErased);
      await expect(collect(store.stream(ref))).rejects.toThrow(DocumentErased);
    });

    it('is read and erased by another store on the same documents', async () => {
      const other = await place.open();
      const content = randomBytes(4_000);
      const { ref } = await store.put(content);
      expect((await other.get(ref)).equals(content)).toBe(true);
      await other.erase(ref);
      await expect(store.get(ref)).rejects.toThrow(DocumentErased);
      await other.close();
    });

    it('stops reading content that is larger than allowed, and tells its source', async () => {
      for (const limit of [10_000, 1_500_000]) {
        let given = 0;
        let told = false;
        const endless = async function* (): AsyncGenerator<Buffer> {
          try {
            for (;;) {
              given += 1_000;
              yield Buffer.alloc(1_000);
            }
          } finally {
            told = true;
          }
        };
        await expect(store.put(endless(), { maxBytes: limit })).rejects.toThrow(DocumentTooLarge);
        expect(given).toBe(limit + 1_000);
        expect(told).toBe(true);
      }
      await expect(store.put(Buffer.alloc(11), { maxBytes: 10 })).rejects.toThrow(DocumentTooLarge);
    });

    it.each([100, 2_000_000])('passes on the error of content that breaks off after %i bytes', async (size) => {
      const broken = Object.assign(new Error('the upload broke off'), { code: 'ECONNRESET', syscall: 'read' });
      const content = async function* (): AsyncGenerator<Buffer> {
        yield Buffer.alloc(size);
        throw broken;
      };
      await expect(store.put(content())).rejects.toBe(broken);
    });

    it('refuses whatever is not a ref, without repeating it', async () => {
      const { ref } = await store.put(Buffer.from('x'));
      const wrong = ['', 'x', '../../etc/passwd', `${ref}/..`, ` ${ref}`, `${ref}\n`, ref.toUpperCase(), ref.repeat(9)];
      for (const text of [...wrong, undefined, null, 7, {}, [ref]] as string[]) {
        await expect(store.get(text)).rejects.toThrow(InvalidRef);
        await expect(store.erase(text)).rejects.toThrow(new InvalidRef().message);
        await expect(collect(store.stream(text))).rejects.toThrow(InvalidRef);
      }
    });

    it('refuses to put after it was closed', async () => {
      await store.close();
      await expect(store.put(Buffer.from('late'))).rejects.toThrow('document-store is down');
    });
  });
}

export async function collect(pieces: AsyncIterable<Buffer>): Promise<Buffer> {
  const all: Buffer[] = [];
  for await (const piece of pieces) all.push(piece);
  return Buffer.concat(all);
}

async function* inPieces(content: Buffer, bytes: number): AsyncGenerator<Buffer> {
  for (let from = 0; from < content.length; from += bytes) yield content.subarray(from, from + bytes);
}
