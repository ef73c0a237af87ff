/** Packages up to this size, in bytes, are not counted: with every lane full of them they take less than the larger ones may. */
const SMALL_BYTES = 128 * 1024;
/** Of all the larger ones together, in bytes. Each is copied once more, into its message. */
const BYTES_AT_ONCE = 64 * 1024 * 1024;
const MOST_WAITING = 16;

/**
 * How much of the packages is in memory at once, whatever their size. Small ones go at once: they never wait for large ones. The larger ones go in their
 * order, as far as there is room, one that is larger than all the room alone. One of each sender may wait here; what else there is of it stays in the
 * ledger, and takes no place in a lane from others meanwhile.
 */
export class PackageMemory {
  private used = 0;
  private readonly waiting: { readonly sender: string; readonly bytes: number; readonly go: () => void }[] = [];
  /** Senders for whose letters there was no room, until one goes at once; true while one of them waits here. */
  private readonly crowded = new Map<string, boolean>();

  /** `onRoom`: one that waited has gone, and the next of its sender may come. */
  constructor(private readonly onRoom: () => void) {}

  /** False: not now, it must go back. Whoever got room gives it back, with the same number of bytes. */
  take(sender: string, bytes: number): Promise<true> | boolean {
    const fits = bytes <= SMALL_BYTES || (this.waiting.length === 0 && this.hasRoom(bytes));
    if (fits) {
      this.use(bytes);
      if (this.crowded.get(sender) === false) this.crowded.delete(sender);
      return true;
    }
    const another = this.crowded.get(sender) === true;
    if (another || this.waiting.length >= MOST_WAITING) {
      this.crowded.set(sender, another);
      return false;
    }
    this.crowded.set(sender, true);
    return new Promise((resolve) => this.waiting.push({ sender, bytes, go: () => resolve(true) }));
  }

  giveBack(bytes: number): void {
    if (bytes > SMALL_BYTES) this.used -= bytes;
    for (let next = this.waiting[0]; next !== undefined && this.hasRoom(next.bytes); next = this.waiting[0]) {
      this.waiting.shift();
      this.use(next.bytes);
      this.crowded.set(next.sender, false);
      next.go();
      this.onRoom();
    }
  }

  /** Whether a letter of theirs may come: not while another waits. */
  admits(sender: string): boolean {
    return this.crowded.get(sender) !== true;
  }

  /** Of whom no more than so many letters are worth claiming. */
  most(): ReadonlyMap<string, number> {
    return new Map([...this.crowded].map(([sender, waits]) => [sender, waits ? 0 : 1]));
  }

  private hasRoom(bytes: number): boolean {
    return this.used === 0 || this.used + bytes <= BYTES_AT_ONCE;
  }

  private use(bytes: number): void {
    if (bytes > SMALL_BYTES) this.used += bytes;
  }
}
