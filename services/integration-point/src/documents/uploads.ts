import { Inject, Injectable } from '@nestjs/common';
import { DocumentTooLarge, type DocumentStore, type StoredDocument } from '@postgang/document-store';
import { classifyDatabaseError, RUNTIME, type Runtime } from '@postgang/runtime';
import { Patience, PATIENCE_MS } from '../patience.js';
import { MAX_LETTER_BYTES, type MediaType } from '../letter/letter-schema.js';
import { peekHead, sniff } from './sniff.js';

export const DOCUMENT_STORE = Symbol('document-store');

export interface Upload extends StoredDocument {
  readonly mediaType: string;
  /** The letter that has taken it, if any. */
  readonly letterId: string | null;
}

export type Stored = { readonly stored: StoredDocument; readonly mediaType: MediaType | undefined };

interface DocumentRow {
  readonly agency: string;
  readonly id: string;
  readonly ref: string;
  readonly media_type: string;
  readonly size: string;
  readonly sha256: Buffer;
  readonly letter_id: string | null;
}

/** An upload belongs to one letter, for each letter's documents are erased with it. */
export interface Claim {
  readonly agency: string;
  readonly id: string;
  readonly letterId: string;
}

/** Uploads that no letter has taken are kept so long. */
const UNUSED_DAYS = 7;

/** Documents on their way in: stored encrypted while they stream, and the agency's own ids for those handed in beforehand. */
@Injectable()
export class Uploads {
  private readonly patience = new Patience('postgres', PATIENCE_MS);

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
  discard({ stored }: Stored): Promise<void> {
    return this.erase(stored.ref);
  }

  private async erase(ref: string): Promise<void> {
    await this.store
      .erase(ref)
      .catch((error: unknown) => this.runtime.log.warn({ err: error }, 'a document nobody refers to was not erased'));
  }

  /** False when the id already stands for other content. Doing it twice is harmless. */
  async register(agency: string, id: string, document: Omit<Upload, 'letterId'>): Promise<boolean> {
    const inserted = await this.query<{ id: string }>(
      `INSERT INTO document (agency, id, ref, media_type, size, sha256) VALUES ($1, $2, $3, $4, $5, $6)
       ON CONFLICT (agency, id) DO NOTHING RETURNING id`,
      [agency, id, document.ref, document.mediaType, document.size, document.sha256],
    );
    if (inserted.length > 0) return true;
    await this.erase(document.ref);
    const existing = (await this.find([{ agency, id }])).get(`${agency}/${id}`);
    return existing?.sha256.equals(document.sha256) === true && existing.mediaType === document.mediaType;
  }

  /** By `<agency>/<id>`. */
  async find(wanted: readonly { agency: string; id: string }[]): Promise<ReadonlyMap<string, Upload>> {
    if (wanted.length === 0) return new Map();
    const rows = await this.query<DocumentRow>(
      `SELECT agency, id, ref, media_type, size, sha256, letter_id FROM document
       WHERE (agency, id) IN (SELECT * FROM unnest($1::text[], $2::uuid[]))`,
      [wanted.map(({ agency }) => agency), wanted.map(({ id }) => id)],
    );
    return new Map(
      rows.map(({ agency, id, ref, media_type, size, sha256, letter_id: letterId }) => [
        `${agency}/${id}`,
        { ref, mediaType: media_type, size: Number(size), sha256, letterId },
      ]),
    );
  }

  /** Before the letters are written. Returns the letters that came too late for one. Doing it twice is harmless. */
  async claim(claims: readonly Claim[]): Promise<ReadonlySet<string>> {
    if (claims.length === 0) return new Set();
    const taken = await this.query<{ agency: string; id: string; letter_id: string }>(
      `WITH claimed AS (
         UPDATE document AS d SET letter_id = c.letter_id
         FROM (SELECT DISTINCT ON (agency, id) agency, id, letter_id
               FROM unnest($1::text[], $2::uuid[], $3::uuid[]) WITH ORDINALITY AS t(agency, id, letter_id, at)
               ORDER BY agency, id, at) AS c
         WHERE d.agency = c.agency AND d.id = c.id AND (d.letter_id IS NULL OR d.letter_id = c.letter_id)
         RETURNING d.agency, d.id, d.letter_id
       ) SELECT * FROM claimed`,
      [claims.map(({ agency }) => agency), claims.map(({ id }) => id), claims.map(({ letterId }) => letterId)],
    );
    const mine = new Set(taken.map(({ agency, id, letter_id: letterId }) => `${agency}/${id}/${letterId}`));
    return new Set(
      claims.flatMap(({ agency, id, letterId }) => (mine.has(`${agency}/${id}/${letterId}`) ? [] : [letterId])),
    );
  }

  /** Forgets what was uploaded and never used. Returns true when there may be more. */
  async dropUnused(most: number): Promise<boolean> {
    // a long one is no sign that the database is silent
    const dropped = await this.runtime.database.query<{ ref: string }[]>(
      `WITH unused AS (
         DELETE FROM document WHERE (agency, id) IN (
           SELECT agency, id FROM document
           WHERE letter_id IS NULL AND uploaded_at < now() - make_interval(days => $2) LIMIT $1 FOR UPDATE SKIP LOCKED)
         RETURNING ref
       ) SELECT ref FROM unused`,
      [most, UNUSED_DAYS],
    );
    for (const { ref } of dropped) await this.erase(ref);
    return dropped.length === most;
  }

  private async query<T>(sql: string, parameters: unknown[]): Promise<T[]> {
    try {
      return await this.patience.wait(() => this.runtime.database.query<T[]>(sql, parameters));
    } catch (error) {
      throw classifyDatabaseError(error);
    }
  }
}
