import { Inject, Injectable } from '@nestjs/common';
import { decode } from '@postgang/pipeline';
import { RUNTIME, type Runtime } from '@postgang/runtime';
import { Uploads, type Stored } from '../documents/uploads.js';
import { findLetters } from './letter-rows.js';

interface Waiting {
  readonly letterId: string;
  readonly documents: readonly Stored[];
  readonly since: number;
}

/** No statement of a request can still be under way after so long (milliseconds). */
const SETTLES_AFTER_MS = 60_000;

/**
 * Documents of hand-ins that failed while their letter was being written: the row may be there or not. Found out when the database answers again;
 * documents that no letter names are erased. In memory only: what a killed process knew goes with its segment of the store.
 */
@Injectable()
export class Unsettled {
  private waiting: Waiting[] = [];

  constructor(
    @Inject(RUNTIME) private readonly runtime: Pick<Runtime, 'database'>,
    @Inject(Uploads) private readonly uploads: Pick<Uploads, 'discard'>,
  ) {}

  add(letterId: string, documents: readonly Stored[], now = performance.now()): void {
    if (documents.length > 0) this.waiting.push({ letterId, documents, since: now });
  }

  /** Throws what the database throws; nothing is forgotten then. */
  async settle(now = performance.now()): Promise<void> {
    const due = this.waiting.filter(({ since }) => now - since >= SETTLES_AFTER_MS);
    if (due.length === 0) return;
    const rows = await findLetters(this.runtime.database.manager, [...new Set(due.map(({ letterId }) => letterId))]);
    const named = new Set(
      rows.flatMap(({ body }) => decode('letter.accepted.v1', body).letter.documents.map(({ ref }) => ref)),
    );
    const settled = new Set(due);
    this.waiting = this.waiting.filter((one) => !settled.has(one));
    for (const document of due.flatMap(({ documents }) => documents))
      if (!named.has(document.stored.ref)) await this.uploads.discard(document);
  }
}
