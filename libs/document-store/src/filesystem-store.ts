import { constants } from 'node:fs';
import { open, readdir, rm, stat } from 'node:fs/promises';
import { formatRef, isSegmentName, parseRef, type DocumentRef } from './document-ref.js';
import type { DocumentStore, PutInfo, SegmentInfo, StoredDocument } from './document-store.js';
import {
  DocumentDamaged,
  DocumentMissing,
  DocumentTooLarge,
  InvalidRef,
  SegmentInUse,
  StoreUnavailable,
} from './errors.js';
import { ContentFailed, peek } from './content.js';
import { asStoreError, codeOf, readFully, syncFolder, writeFully } from './file-io.js';
import { LARGE_MAGIC, readLarge, writeLarge } from './large-file.js';
import { isMarked, mark } from './marker.js';
import { WRAPPED_KEY_BYTES, type MasterKeys } from './master-keys.js';
import { findHead, LONGEST_HEAD } from './sealed-head.js';
import { SegmentFiles } from './segment-files.js';
import { SegmentWriter } from './segment-writer.js';
import { LARGEST_SMALL, LONGEST_RECORD, openRecord, sealRecord, SHORTEST_RECORD, SMALL_MAGIC } from './small-record.js';

export interface FilesystemStoreOptions {
  /** A folder of its own, shared by all processes of the store. */
  readonly root: string;
  readonly keys: MasterKeys;
  /** Nothing was ever put there: the folder is made and marked as the store's. Otherwise one without the mark is not mounted, and the store is down. */
  readonly fresh?: boolean;
  /** Names the day of new segments. */
  readonly now?: () => Date;
  /** A new segment is begun beyond this size. Bytes. */
  readonly segmentBytes?: number;
  /** The largest document taken. Bytes. */
  readonly maxBytes?: number;
  /** Segments kept open for reading. */
  readonly openSegments?: number;
}

export interface StoreStats {
  puts: number;
  writes: number;
  syncs: number;
}

const DAY_MS = 86_400_000;

/** Log-structured store on a local or shared file system; see the README for its layout and its peculiarities. */
export class FilesystemStore implements DocumentStore {
  readonly stats: StoreStats = { puts: 0, writes: 0, syncs: 0 };
  private readonly root: string;
  private readonly keys: MasterKeys;
  private readonly now: () => Date;
  private readonly segmentBytes: number;
  private readonly maxBytes: number;
  private readonly reading: SegmentFiles;
  private current: Promise<SegmentWriter> | undefined;
  private readonly finishing = new Set<Promise<void>>();
  private readonly putting = new Set<Promise<unknown>>();
  private closed = false;

  private constructor(options: FilesystemStoreOptions) {
    this.root = options.root;
    this.keys = options.keys;
    this.now = options.now ?? (() => new Date());
    this.segmentBytes = options.segmentBytes ?? 1_073_741_824;
    this.maxBytes = options.maxBytes ?? 268_435_456;
    this.reading = new SegmentFiles((segment) => this.segmentPath(segment), options.openSegments ?? 64);
  }

  static async open(options: FilesystemStoreOptions): Promise<FilesystemStore> {
    if (options.fresh === true) await mark(options.root);
    return new FilesystemStore(options);
  }

  async put(content: Uint8Array | AsyncIterable<Uint8Array>, info: PutInfo = {}): Promise<StoredDocument> {
    if (this.closed) throw new StoreUnavailable(new Error('closed'));
    const work = this.store(content, Math.min(info.maxBytes ?? this.maxBytes, this.maxBytes));
    this.putting.add(work);
    try {
      return await work;
    } catch (error) {
      throw error instanceof ContentFailed ? error.cause : asStoreError(error);
    } finally {
      this.putting.delete(work);
    }
  }

  async get(text: string): Promise<Buffer> {
    const ref = parseRef(text);
    if ('fileLength' in ref.place) {
      const pieces: Buffer[] = [];
      for await (const piece of this.large(ref, ref.place.fileLength)) pieces.push(piece);
      return Buffer.concat(pieces);
    }
    const { offset, length } = ref.place;
    // Before anything is allocated: the length is only a claim.
    if (length < SHORTEST_RECORD || length > LONGEST_RECORD) throw new InvalidRef();
    return this.finding(async () => {
      const record = await this.reading.read(ref.segment, offset, length);
      if (record.length !== length) throw new DocumentDamaged();
      return openRecord(record, ref.segment, ref.documentId, this.keys);
    });
  }

  async *stream(text: string): AsyncGenerator<Buffer, void, undefined> {
    const ref = parseRef(text);
    if ('fileLength' in ref.place) yield* this.large(ref, ref.place.fileLength);
    else yield await this.get(text);
  }

  async erase(text: string): Promise<void> {
    const ref = parseRef(text);
    const isLarge = 'fileLength' in ref.place;
    const path = isLarge ? this.largePath(ref) : this.segmentPath(ref.segment);
    const offset = 'fileLength' in ref.place ? 0 : ref.place.offset;
    await this.finding(async () => {
      const file = await open(path, constants.O_RDWR | constants.O_NOFOLLOW);
      try {
        const magic = isLarge ? LARGE_MAGIC : SMALL_MAGIC;
        const { context } = findHead(magic, ref.documentId, await readFully(file, offset, LONGEST_HEAD));
        await writeFully(file, [Buffer.alloc(WRAPPED_KEY_BYTES)], offset + context.length);
        await file.datasync();
      } finally {
        await file.close();
      }
    });
  }

  async segments(): Promise<readonly SegmentInfo[]> {
    return this.finding(async () => {
      const names = new Set<string>();
      // A drop cut short may have left only the folder of the large documents: it is listed, so that it is dropped again.
      for (const entry of await readdir(this.root)) {
        const name = entry.replace(/\.(?:seg|large)$/, '');
        if (name !== entry && isSegmentName(name)) names.add(name);
      }
      return Promise.all(
        [...names].sort().map(async (name) => ({ name, day: dayOf(name), bytes: await this.bytesOf(name) })),
      );
    });
  }

  async drop(segment: string): Promise<void> {
    if (!isSegmentName(segment)) throw new InvalidRef();
    // Another process notices the end of the day with its next put, so yesterday's segments may still get the batch under way.
    const yesterday = compactDay(new Date(this.now().getTime() - DAY_MS));
    const own = await this.current?.catch(() => undefined);
    if (segment.slice(0, 8) >= yesterday || own?.name === segment) throw new SegmentInUse();
    await this.reading.forget(segment);
    await this.finding(async () => {
      await rm(this.segmentPath(segment), { force: true });
      await rm(`${this.root}/${segment}.large`, { recursive: true, force: true });
      await syncFolder(this.root);
    });
  }

  async close(): Promise<void> {
    this.closed = true;
    await Promise.allSettled(this.putting);
    const current = await this.current?.catch(() => undefined);
    await Promise.all([current?.finish(), ...this.finishing, this.reading.close()]);
    this.current = undefined;
  }

  private async store(content: Uint8Array | AsyncIterable<Uint8Array>, maxBytes: number): Promise<StoredDocument> {
    if (content instanceof Uint8Array) {
      if (content.length > maxBytes) throw new DocumentTooLarge(maxBytes);
      return content.length > LARGEST_SMALL ? this.putLarge(once(content)) : this.putSmall(content);
    }
    const peeked = await peek(content, LARGEST_SMALL, maxBytes);
    return 'whole' in peeked ? this.putSmall(peeked.whole) : this.putLarge(peeked.rest);
  }

  private async putSmall(content: Uint8Array): Promise<StoredDocument> {
    let writer = await this.writer();
    // Another put may have retired it in the meantime; from here to `append` nothing waits.
    while (!writer.usable) writer = await this.writer();
    const record = sealRecord(content, writer.name, this.keys);
    const offset = await writer.append(record);
    this.stats.puts += 1;
    const { documentId, length, sha256 } = record;
    const ref = formatRef({ segment: writer.name, documentId, place: { offset, length } });
    return { ref, size: content.length, sha256 };
  }

  private async putLarge(pieces: AsyncGenerator<Uint8Array, void, undefined>): Promise<StoredDocument> {
    try {
      const writer = await this.writer();
      const folder = await writer.folderForLarge();
      const { documentId, fileLength, size, sha256 } = await writeLarge(folder, pieces, writer.name, this.keys);
      await syncFolder(folder);
      this.stats.puts += 1;
      this.stats.syncs += 2;
      return { ref: formatRef({ segment: writer.name, documentId, place: { fileLength } }), size, sha256 };
    } finally {
      // When no folder could be made the content was never read: its source must still be told to stop.
      await pieces.return();
    }
  }

  /** The segment of this process for today; a new one at its first put, after midnight UTC, when it is large enough, and after a failed sync. */
  private async writer(): Promise<SegmentWriter> {
    for (;;) {
      const current = (this.current ??= SegmentWriter.create(this.root, compactDay(this.now()), this.stats));
      let writer: SegmentWriter;
      try {
        writer = await current;
      } catch (error) {
        if (this.current === current) this.current = undefined;
        throw error;
      }
      if (writer.usable && writer.size < this.segmentBytes && writer.day === compactDay(this.now())) return writer;
      // Several puts may come here at once; the first one retires it.
      if (this.current !== current) continue;
      this.current = undefined;
      const finish: Promise<void> = writer
        .finish()
        .catch(() => undefined)
        .finally(() => this.finishing.delete(finish));
      this.finishing.add(finish);
    }
  }

  private async *large(ref: DocumentRef, fileLength: number): AsyncGenerator<Buffer, void, undefined> {
    try {
      yield* readLarge(this.largePath(ref), fileLength, ref.segment, ref.documentId, this.keys);
    } catch (error) {
      throw await this.translated(error);
    }
  }

  private async finding<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw await this.translated(error);
    }
  }

  private async translated(error: unknown): Promise<unknown> {
    if (codeOf(error) !== 'ENOENT') return asStoreError(error);
    return (await isMarked(this.root)) ? new DocumentMissing() : new StoreUnavailable(error);
  }

  private async bytesOf(segment: string): Promise<number> {
    const large = `${this.root}/${segment}.large`;
    const files = await readdir(large).catch(() => []);
    const paths = [this.segmentPath(segment), ...files.map((file) => `${large}/${file}`)];
    const sizes = await Promise.all(paths.map(async (path) => (await stat(path).catch(() => undefined))?.size ?? 0));
    return sizes.reduce((sum, size) => sum + size, 0);
  }

  private segmentPath(segment: string): string {
    return `${this.root}/${segment}.seg`;
  }

  private largePath(ref: DocumentRef): string {
    return `${this.root}/${ref.segment}.large/${ref.documentId}`;
  }
}

const compactDay = (at: Date): string => at.toISOString().slice(0, 10).replaceAll('-', '');
const dayOf = (segment: string): string => `${segment.slice(0, 4)}-${segment.slice(4, 6)}-${segment.slice(6, 8)}`;

async function* once(content: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield content;
}
