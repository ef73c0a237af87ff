import { Inject, Injectable } from '@nestjs/common';
import { DependencyDown } from '@postgang/outside';
import { decode } from '@postgang/pipeline';
import { classifyDatabaseError, RUNTIME, type Manager, type Runtime } from '@postgang/runtime';
import type { SealedLetter } from '../letter/seal-letter.js';
import { acceptedDraft } from './accepted-draft.js';
import { findLetters, insertLetters, type LetterRow } from './letter-rows.js';
import { Patience, PATIENCE_MS } from '../patience.js';
import { Sweep } from './sweep.js';

/**
 * `accepted-before`: the same letter had been handed in earlier; what is kept is that hand-in with its documents. `reference-reused`: the
 * reference belongs to a letter with other content, which stays as it is.
 */
export type Acceptance = 'accepted' | 'accepted-before' | 'reference-reused';

interface Waiting {
  readonly letter: SealedLetter;
  readonly resolve: (acceptance: Acceptance) => void;
  readonly reject: (error: unknown) => void;
}

const LARGEST_GROUP = 500;
/** At load, groups of single requests begin this often (milliseconds): few large ones. A lone client is not made to wait for company. */
const GROUP_EVERY_MS = 100;
/** Letters a second that count as load. */
const LOAD = 100;

type Rows = ReadonlyMap<string, LetterRow>;

/** Behind both doors. What it answers is durable: documents before, then the row, then the event, published from the row's own bytes. */
@Injectable()
export class AcceptLetters {
  private waiting: Waiting[] = [];
  private running = false;
  private lastSecond = { began: 0, letters: 0, loaded: false };
  private readonly database = new Patience('postgres', PATIENCE_MS);
  private readonly broker = new Patience('kafka', PATIENCE_MS);

  constructor(
    @Inject(RUNTIME) private readonly runtime: Runtime,
    @Inject(Sweep) private readonly sweep: Sweep,
  ) {}

  /**
   * For single requests: while one group is being written the next gathers. Throws DependencyDown when the row cannot be had; a broker that is away
   * holds up nobody, as the sweep publishes what the row says when it is back.
   */
  acceptOne(letter: SealedLetter): Promise<Acceptance> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ letter, resolve, reject });
      if (!this.running) void this.drain();
    });
  }

  /** The letter of that id as it was accepted. Throws DependencyDown. */
  async find(letterId: string): Promise<LetterRow | undefined> {
    try {
      return (await this.database.wait(() => findLetters(this.runtime.database, [letterId])))[0];
    } catch (error) {
      throw classifyDatabaseError(error);
    }
  }

  /** `alongside` runs in the transaction that writes the letters. Throws DependencyDown. */
  async acceptLetters(
    letters: readonly SealedLetter[],
    alongside?: (manager: Manager) => Promise<void>,
  ): Promise<readonly Acceptance[]> {
    const rows = await this.write(letters, alongside);
    await this.publish(letters, rows);
    return acceptancesOf(letters, rows);
  }

  /**
   * Uploads that a repeat or a refused hand-in has claimed for its letter, and that the letter as it was accepted does not use, are free again;
   * nobody taking them, they are dropped in time. Throws DependencyDown.
   */
  async releaseUploads(letterIds: readonly string[]): Promise<void> {
    if (letterIds.length === 0) return;
    try {
      const rows = await findLetters(this.runtime.database, letterIds);
      const used = rows.flatMap(({ body }) =>
        decode('letter.accepted.v1', body).letter.documents.map((document) => document.ref),
      );
      await this.runtime.database.query(
        'UPDATE document SET letter_id = NULL WHERE letter_id = ANY($1::uuid[]) AND ref <> ALL($2::text[])',
        [rows.map(({ id }) => id), used],
      );
    } catch (error) {
      throw classifyDatabaseError(error);
    }
  }

  private async write(
    letters: readonly SealedLetter[],
    alongside?: (manager: Manager) => Promise<void>,
  ): Promise<Rows> {
    const { database } = this.runtime;
    try {
      // one statement needs no transaction around it
      if (alongside === undefined) return await insertLetters(database, letters);
      return await database.transaction(async (manager) => {
        const rows = await insertLetters(manager, letters);
        await alongside(manager);
        return rows;
      });
    } catch (error) {
      throw classifyDatabaseError(error);
    }
  }

  /** Throws DependencyDown. */
  private async publish(letters: readonly SealedLetter[], rows: Rows): Promise<void> {
    const unpublished = new Map(
      letters.flatMap((letter) => {
        const row = sameLetter(letter, rows);
        const out = row === undefined || row.published || this.sweep.wasPublished(row.id);
        return out ? [] : [[row.id, row] as const];
      }),
    );
    if (unpublished.size === 0) return;
    await this.runtime.publisher.publish([...unpublished.values()].map(acceptedDraft));
    this.sweep.published([...unpublished.keys()]);
  }

  private async acceptGroup(letters: readonly SealedLetter[]): Promise<readonly Acceptance[]> {
    const rows = await this.database.wait(() => this.write(letters));
    await this.broker
      .wait(() => this.publish(letters, rows))
      .catch((error: unknown) => {
        if (!(error instanceof DependencyDown)) throw error;
        this.runtime.log.warn(
          { dependency: error.dependency, letters: letters.length },
          'letters are accepted, and published when the broker is back',
        );
      });
    return acceptancesOf(letters, rows);
  }

  private async drain(): Promise<void> {
    this.running = true;
    // requests of the same tick belong together
    await new Promise((resolve) => setImmediate(resolve));
    while (this.waiting.length > 0) {
      const began = performance.now();
      const group = this.waiting.splice(0, LARGEST_GROUP);
      try {
        const results = await this.acceptGroup(group.map(({ letter }) => letter));
        group.forEach(({ resolve }, index) => resolve(results[index] as Acceptance));
      } catch (error) {
        for (const { reject } of group) reject(error);
      }
      const early = GROUP_EVERY_MS - (performance.now() - began);
      if (this.loadedBy(group.length, began) && early > 0) await new Promise((resolve) => setTimeout(resolve, early));
    }
    this.running = false;
  }

  private loadedBy(letters: number, now: number): boolean {
    if (now - this.lastSecond.began >= 1_000)
      this.lastSecond = { began: now, letters: 0, loaded: this.lastSecond.letters >= LOAD };
    this.lastSecond.letters += letters;
    return this.lastSecond.loaded;
  }
}

/** The row of that id, if it holds this letter. */
function sameLetter(letter: SealedLetter, rows: Rows): LetterRow | undefined {
  const row = rows.get(letter.letterId);
  return row?.contentHash.equals(letter.contentHash) === true ? row : undefined;
}

const acceptancesOf = (letters: readonly SealedLetter[], rows: Rows): readonly Acceptance[] =>
  letters.map((letter) => {
    const row = sameLetter(letter, rows);
    if (row === undefined) return 'reference-reused';
    return row.body.equals(letter.body) ? 'accepted' : 'accepted-before';
  });
