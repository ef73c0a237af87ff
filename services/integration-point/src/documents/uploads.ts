import { Inject, Injectable } from '@nestjs/common';
import { DocumentTooLarge, type DocumentStore, type StoredDocument } from '@postgang/document-store';
import { classifyDatabaseError, RUNTIME, type Runtime } from '@postgang/runtime';
import { MAX_LETTER_BYTES, type MediaType } from '../letter/letter-schema.js';
import { peekHead, sniff } from './sniff.js';

export const DOCUMENT_STORE = Symbol('document-store');

export interface Upload extends StoredDocument {
  readonly mediaType: string;
}

export type Stored = { readonly stored: StoredDocument; readonly mediaType: MediaType | undefined };

interface DocumentRow {
  readonly agency: string;
  readonly id: string;
  readonly ref: string;
  readonly media_type: string;
  readonly size: string;
  readonly sha256: Buffer;
}

/** Documents on their way in: stored encrypted while they stream, and the agency's own ids for those handed in beforehand. */
@Injectable()
export class Uploads {
  constructor(
    @Inject(RUNTIME) private readonly runtime: Runtime,
    @Inject(DOCUMENT_STORE) private readonly store: DocumentStore,
  ) {}

  /** Stores the content and says what it is. Throws DocumentTooLarge, StoreFull, StoreUnavailable, or what the content threw. */
  async take(content: AsyncIterable<Buffer>, maxBytes: number = MAX_LETTER_BYTES): Promise<Stored> {
    const { head, content: whole } = await peekHead(content);
    if (head.length > maxBytes) throw new DocumentTooLarge(maxBytes);
    const mediaType = await sniff(head);
    return { stored: await this.store.put(whole, { maxBytes }), mediaType };
  }

  /** Nobody refers to it: its key is destroyed. */
  async discard(document: StoredDocument): Promise<void> {
    await this.store
      .erase(document.ref)
      .catch((error: unknown) => this.runtime.log.warn({ err: error }, 'a refused document was not erased'));
  }

  /** False when the id already stands for other content. Doing it twice is harmless. */
  async register(agency: string, id: string, document: Upload): Promise<boolean> {
    const inserted = await this.query<{ id: string }>(
      `INSERT INTO document (agency, id, ref, media_type, size, sha256) VALUES ($1, $2, $3, $4, $5, $6)
       ON CONFLICT (agency, id) DO NOTHING RETURNING id`,
      [agency, id, document.ref, document.mediaType, document.size, document.sha256],
    );
    if (inserted.length > 0) return true;
    await this.discard(document);
    const existing = (await this.find([{ agency, id }])).get(`${agency}/${id}`);
    return existing?.sha256.equals(document.sha256) === true && existing.mediaType === document.mediaType;
  }

  /** By `<agency>/<id>`. */
  async find(wanted: readonly { agency: string; id: string }[]): Promise<ReadonlyMap<string, Upload>> {
    if (wanted.length === 0) return new Map();
    const rows = await this.query<DocumentRow>(
      `SELECT agency, id, ref, media_type, size, sha256 FROM document
       WHERE (agency, id) IN (SELECT * FROM unnest($1::text[], $2::uuid[]))`,
      [wanted.map(({ agency }) => agency), wanted.map(({ id }) => id)],
    );
    return new Map(
      rows.map(({ agency, id, ref, media_type, size, sha256 }) => [
        `${agency}/${id}`,
        { ref, mediaType: media_type, size: Number(size), sha256 },
      ]),
    );
  }

  private async query<T>(sql: string, parameters: unknown[]): Promise<T[]> {
    try {
      return await this.runtime.database.query<T[]>(sql, parameters);
    } catch (error) {
      throw classifyDatabaseError(error);
    }
  }
}
