import { Inject, Injectable } from '@nestjs/common';
import { decode } from '@postgang/pipeline';
import { RUNTIME, type Runtime } from '@postgang/runtime';
import { Uploads, type Stored } from '../documents/uploads.js';
import { findLetters, waitForWriters } from './letter-rows.js';

interface Waiting {
  readonly letterId: string;
  readonly documents: readonly Stored[];
  readonly since: number;
}

/** Nobody is looked after sooner (milliseconds); and the database must have answered for as long: what was buffered while it was silent is carried out by then. */
const SETTLES_AFTER_MS = 60_000;
const AT_ONCE = 500;

/**
 * Documents of hand-ins that failed while their letter was being written: the row may be there, or come yet. Found out when the database answers again;
 * documents that no letter names are erased. In memory only: what a killed process knew goes with its segment of the store.
 */
@Injectable()
export class Unsettled {
  private waiting: Waiting[] = [];
  private answeringSince: number | undefined;

  constructor(
    @Inject(RUNTIME) private readonly runtime: Pick<Runtime, 'database'>,
    @Inject(Uploads) private readonly uploads: Pick<Uploads, 'discard'>,
  ) {}

  add(letterId: string, documents: readonly Stored[], now = performance.now()): void {
    if (documents.length > 0) this.waiting.push({ letterId, documents, since: now });
  }

  /** True when there may be more to do at once. Throws what the database throws; nothing is forgotten then. */
  async settle(now = performance.now()): Promise<boolean> {
    const due = this.waiting.filter(({ since }) => now - since >= SETTLES_AFTER_MS).slice(0, AT_ONCE);
    if (due.length === 0) {
      // that it answered for the last ones says nothing of the time after
      this.answeringSince = undefined;
      return false;
    }
    const named = await this.documentsNamed([...new Set(due.map(({ letterId }) => letterId))]).catch(
      (error: unknown) => {
        this.answeringSince = undefined;
        throw error;
      },
    );
    this.answeringSince ??= now;
    if (now - this.answeringSince < SETTLES_AFTER_MS) return false;
    const settled = new Set(due);
    this.waiting = this.waiting.filter((one) => !settled.has(one));
    for (const document of due.flatMap(({ documents }) => documents))
      if (!named.has(document.stored.ref)) await this.uploads.discard(document);
    return due.length === AT_ONCE;
  }

  /** Also by letters that are being written at this moment. A commit may take for ever, and its row is not seen meanwhile: who wants the same id waits for it. */
  private async documentsNamed(letterIds: readonly string[]): Promise<ReadonlySet<string>> {
    const runner = this.runtime.database.createQueryRunner();
    try {
      await runner.startTransaction();
      await runner.query(`SET LOCAL lock_timeout = '5s'`);
      await waitForWriters(runner.manager, letterIds);
      const rows = await findLetters(runner.manager, letterIds);
      return new Set(
        rows
          .filter(({ body }) => body.length > 0)
          .flatMap(({ body }) => decode('letter.accepted.v1', body).letter.documents.map(({ ref }) => ref)),
      );
    } finally {
      await runner.rollbackTransaction().catch(() => undefined);
      await runner.release();
    }
  }
}
