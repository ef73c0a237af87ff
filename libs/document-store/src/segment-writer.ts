import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { mkdir, open, type FileHandle } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import { StoreUnavailable } from './errors.js';
import { asStoreError, syncFolder, writeFully } from './file-io.js';
import { isMarked } from './marker.js';
import type { SealedRecord } from './small-record.js';

const FILE_HEAD = Buffer.from('postgang store 1');
/** Larger batches only delay the first of their puts. */
const LARGEST_BATCH = 8 * 1_048_576;

export interface WriterStats {
  writes: number;
  syncs: number;
}

interface Waiting {
  readonly pieces: readonly Buffer[];
  readonly length: number;
  readonly done: (offset: number) => void;
  readonly failed: (error: unknown) => void;
}

/**
 * Appends to one segment, which this process created and nobody else writes to. Group commit: while one batch is being written and synced the
 * next one collects, so the number of syncs follows the speed of the disk, not the number of documents.
 *
 * A record is acknowledged after write and fdatasync; what a crash leaves behind the last acknowledged one is named by nobody.
 */
export class SegmentWriter {
  private waiting: Waiting[] = [];
  private working: Promise<void> | undefined;
  private largeFolder: Promise<string> | undefined;
  private end = 0;
  private broken: unknown;
  private finished = false;

  private constructor(
    private readonly root: string,
    readonly name: string,
    readonly day: string,
    private readonly file: FileHandle,
    private readonly stats: WriterStats,
  ) {}

  static async create(root: string, day: string, stats: WriterStats): Promise<SegmentWriter> {
    // below the place where the store is mounted at other times nobody would find it again
    if (!(await isMarked(root))) throw new StoreUnavailable(new Error('not mounted'));
    const name = `${day}-${randomBytes(16).toString('hex')}`;
    const file = await open(`${root}/${name}.seg`, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY, 0o600);
    try {
      await syncFolder(root);
    } catch (error) {
      await file.close();
      throw error;
    }
    return new SegmentWriter(root, name, day, file, stats);
  }

  get size(): number {
    return this.end;
  }

  /** After a failed sync nobody knows what the kernel still holds of this file (it may report the loss only once), so it is left for good. */
  get usable(): boolean {
    return this.broken === undefined && !this.finished;
  }

  /** Resolves to the record's offset once it is durable. */
  append({ pieces, length }: Pick<SealedRecord, 'pieces' | 'length'>): Promise<number> {
    return new Promise((done, failed) => {
      this.waiting.push({ pieces, length, done, failed });
      this.working ??= this.work();
    });
  }

  /** The folder of this segment's large documents. */
  async folderForLarge(): Promise<string> {
    this.largeFolder ??= this.makeLargeFolder();
    try {
      return await this.largeFolder;
    } catch (error) {
      this.largeFolder = undefined;
      throw error;
    }
  }

  /** Writes what waits, then closes. No appends after this. */
  async finish(): Promise<void> {
    this.finished = true;
    while (this.working !== undefined) await this.working;
    await this.file.close();
  }

  private async makeLargeFolder(): Promise<string> {
    const path = `${this.root}/${this.name}.large`;
    await mkdir(path, { recursive: true, mode: 0o700 });
    await syncFolder(this.root);
    return path;
  }

  private async work(): Promise<void> {
    // The rest of this turn of the event loop may well put more.
    await setImmediate();
    while (this.waiting.length > 0) await this.writeBatch(this.takeBatch());
    this.working = undefined;
  }

  private takeBatch(): Waiting[] {
    let bytes = 0;
    const over = this.waiting.findIndex(({ length }) => (bytes += length) > LARGEST_BATCH);
    return this.waiting.splice(0, over === -1 ? this.waiting.length : Math.max(over, 1));
  }

  private async writeBatch(batch: readonly Waiting[]): Promise<void> {
    const head = this.end === 0 ? [FILE_HEAD] : [];
    const start = this.end + (head.length === 0 ? 0 : FILE_HEAD.length);
    try {
      if (this.broken !== undefined) throw new StoreUnavailable(this.broken);
      this.stats.writes += 1;
      const end = await writeFully(this.file, [...head, ...batch.flatMap(({ pieces }) => pieces)], this.end);
      await this.sync();
      // Only now: after a failed write the next batch starts at the same place and covers what this one left.
      this.end = end;
    } catch (error) {
      for (const { failed } of batch) failed(asStoreError(error));
      return;
    }
    let offset = start;
    for (const { length, done } of batch) {
      done(offset);
      offset += length;
    }
  }

  private async sync(): Promise<void> {
    this.stats.syncs += 1;
    try {
      await this.file.datasync();
    } catch (error) {
      this.broken = error;
      throw error;
    }
  }
}
