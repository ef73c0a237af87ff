import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { X509Certificate } from 'node:crypto';
import {
  readRevocationList,
  RevocationListError,
  Revocations,
  revocationListsIn,
  type RevocationList,
} from '@postgang/document-package';
import type { Logger } from 'pino';

/** An issuer publishes one list, or a few; anything more is a wrong folder. */
const MAX_FILES = 200;
const MAX_FILE_BYTES = 64 * 1024 * 1024;

interface Known {
  /** Size and time of change: what is as it was is not read again. */
  readonly version: string;
  readonly lists: readonly RevocationList[];
  readonly usable: boolean;
}

/**
 * The revocation lists that somebody (cron, a sidecar) puts into a folder or one file. Read anew when they change. What counts never goes back: only a
 * newer list takes the place of one, so that a download broken off, a file taken away or an older one put back forget no revocation.
 */
export class RevocationFiles {
  /** What counts now. */
  current = new Revocations([]);
  private readonly files = new Map<string, Known>();

  constructor(
    private readonly path: string | undefined,
    /** Authorities whose lists are believed. */
    private readonly authorities: readonly X509Certificate[],
    private readonly log: Pick<Logger, 'warn'>,
  ) {}

  /** True if something changed. Throws when the folder or file is not there at all. */
  async refresh(): Promise<boolean> {
    if (this.path === undefined) return false;
    const names = await this.names(this.path);
    let changed = false;
    for (const known of this.files.keys()) if (!names.includes(known)) changed = this.files.delete(known) || changed;
    for (const name of names) changed = (await this.look(name)) || changed;
    if (changed) this.learn(this.lists);
    return changed;
  }

  /** DER of lists that were believed before, by whoever read them. What the authorities of today do not prove counts for nothing. */
  async recall(ders: readonly Buffer[]): Promise<void> {
    const lists: RevocationList[] = [];
    for (const der of ders)
      try {
        lists.push(await readRevocationList(der, this.authorities));
      } catch (error) {
        if (!(error instanceof RevocationListError)) throw error;
        this.log.warn({ problem: error.problem }, 'a stored revocation list does not count any more');
      }
    this.learn(lists);
  }

  private learn(lists: readonly RevocationList[]): void {
    this.current = new Revocations([...lists, ...this.current.lists]);
  }

  /** What the files say now. */
  get lists(): readonly RevocationList[] {
    return [...this.files.values()].flatMap(({ lists }) => lists);
  }

  get unusable(): number {
    return [...this.files.values()].filter(({ usable }) => !usable).length;
  }

  /** Authorities about whose certificates nothing is known. */
  get missing(): number {
    return this.authorities.filter((one) => one.ca && (this.path === undefined || this.current.of(one).length === 0))
      .length;
  }

  /** For each list that counts, until when (`nextUpdate`). */
  get ends(): readonly { readonly issuer: string; readonly until: Date }[] {
    return this.authorities.flatMap((authority) =>
      this.current
        .of(authority)
        .flatMap(({ nextUpdate }) =>
          nextUpdate === undefined ? [] : [{ issuer: commonName(authority), until: nextUpdate }],
        ),
    );
  }

  private async names(path: string): Promise<string[]> {
    if (!(await stat(path)).isDirectory()) return [path];
    const names = (await readdir(path)).filter((name) => !name.startsWith('.')).sort();
    if (names.length > MAX_FILES) throw new Error(`RECEIPT_CRLS holds more than ${MAX_FILES} files`);
    return names.map((name) => join(path, name));
  }

  private async look(name: string): Promise<boolean> {
    const known = this.files.get(name);
    try {
      const { size, mtimeMs, ino } = await stat(name);
      const version = `${size} ${mtimeMs} ${ino}`;
      if (known?.version === version) return false;
      if (size > MAX_FILE_BYTES) throw new RevocationListError('too-large');
      this.files.set(name, { version, lists: known?.lists ?? [], usable: false });
      const blocks = revocationListsIn(await readFile(name));
      const lists: RevocationList[] = [];
      for (const block of blocks) lists.push(await readRevocationList(block, this.authorities));
      this.files.set(name, { version, lists, usable: true });
    } catch (error) {
      const problem = error instanceof RevocationListError ? error.problem : (error as NodeJS.ErrnoException).code;
      this.log.warn({ file: name, problem }, 'revocation list not usable; what the file said before counts on');
      // one that could not even be read may be whole: it is looked at again, changed or not
      const version = error instanceof RevocationListError ? (this.files.get(name)?.version ?? '') : '';
      this.files.set(name, { version, lists: known?.lists ?? [], usable: false });
    }
    return true;
  }
}

const commonName = ({ subject }: X509Certificate): string => /^CN=(.*)$/m.exec(subject)?.[1] ?? 'unnamed';
