import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { readFully } from './file-io.js';

interface OpenFile {
  readonly handle: Promise<FileHandle>;
  readonly openedAt: number;
  users: number;
  retired: boolean;
}

/** A dropped segment that is still open would keep its disk space and stay readable in this process: open it anew now and then. */
const REOPEN_AFTER_MS = 60_000;

/** Keeps the segments read last open: an open per document was a large part of all CPU when tried. */
export class SegmentFiles {
  private readonly files = new Map<string, OpenFile>();

  constructor(
    private readonly pathOf: (segment: string) => string,
    private readonly limit: number,
  ) {}

  async read(segment: string, offset: number, length: number): Promise<Buffer> {
    const file = this.borrow(segment);
    try {
      return await readFully(await file.handle, offset, length);
    } finally {
      this.giveBack(segment, file);
    }
  }

  async forget(segment: string): Promise<void> {
    const file = this.files.get(segment);
    if (file === undefined) return;
    this.retire(segment, file);
    await file.handle.catch(() => undefined);
  }

  async close(): Promise<void> {
    await Promise.all([...this.files.keys()].map((segment) => this.forget(segment)));
  }

  get open(): number {
    return this.files.size;
  }

  private borrow(segment: string): OpenFile {
    let file = this.files.get(segment);
    if (file !== undefined && performance.now() - file.openedAt > REOPEN_AFTER_MS) {
      this.retire(segment, file);
      file = undefined;
    }
    if (file === undefined) {
      const handle = open(this.pathOf(segment), constants.O_RDONLY | constants.O_NOFOLLOW);
      file = { handle, openedAt: performance.now(), users: 0, retired: false };
    }
    // A Map lists in order of insertion: what is used moves to the end, so the first is the one used longest ago.
    this.files.delete(segment);
    this.files.set(segment, file);
    file.users += 1;
    return file;
  }

  private giveBack(segment: string, file: OpenFile): void {
    file.users -= 1;
    if (file.retired) this.closeIfUnused(file);
    // A failed open is not kept: the segment may appear a moment later (shared file systems).
    else file.handle.catch(() => this.retire(segment, file));
    for (const [name, other] of this.files) {
      if (this.files.size <= this.limit) break;
      if (other.users === 0) this.retire(name, other);
    }
  }

  private retire(segment: string, file: OpenFile): void {
    if (this.files.get(segment) === file) this.files.delete(segment);
    if (file.retired) return;
    file.retired = true;
    this.closeIfUnused(file);
  }

  private closeIfUnused(file: OpenFile): void {
    if (file.users > 0) return;
    file.handle.then((handle) => handle.close()).catch(() => undefined);
  }
}
