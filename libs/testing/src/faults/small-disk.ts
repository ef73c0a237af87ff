import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const BALLAST = 'ballast';
const PIECE = Buffer.alloc(65_536, 1);

/**
 * A file system of its own that can really be full (ENOSPC), and nothing else of the machine with it: a tmpfs of so many megabytes. Only root may
 * mount one, and not in every container.
 */
export class SmallDisk {
  private constructor(readonly path: string) {}

  /** Undefined, and said aloud, where this machine does not let us. */
  static mount(path: string, megabytes: number): SmallDisk | undefined {
    mkdirSync(path, { recursive: true });
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=700`, 'postgang', path], { stdio: 'pipe' });
    } catch {
      process.stderr.write('SKIPPED: a full disk needs the right to mount a tmpfs, which this user has not\n');
      return undefined;
    }
    return new SmallDisk(path);
  }

  /** What a run that was killed has left mounted; nothing where nothing is. */
  static unmountLeft(path: string): void {
    try {
      execFileSync('umount', ['--lazy', path], { stdio: 'pipe' });
    } catch {
      // not mounted
    }
  }

  /** Takes every free byte. Others may find room again when they delete something. */
  fill(): void {
    const file = openSync(join(this.path, BALLAST), 'a');
    try {
      for (let size = PIECE.length; size >= 1;) {
        try {
          writeSync(file, PIECE, 0, size);
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
          size = Math.floor(size / 2);
        }
      }
    } finally {
      closeSync(file);
    }
  }

  free(): void {
    rmSync(join(this.path, BALLAST), { force: true });
  }

  get freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.path);
    return bavail * bsize;
  }

  /** Lazily: a process that was killed a moment ago may still hold a file. */
  unmount(): void {
    execFileSync('umount', ['--lazy', this.path], { stdio: 'pipe' });
  }
}
