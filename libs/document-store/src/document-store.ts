/** What a store remembers of a document; `ref` is the claim check that events and rows carry. */
export interface StoredDocument {
  /** Opaque. Whoever has it may read the document, so it belongs in our own events and rows only. */
  readonly ref: string;
  /** Bytes of the content. */
  readonly size: number;
  /** SHA-256 of the content. */
  readonly sha256: Buffer;
}

export interface PutInfo {
  /** Stops reading and rejects with {@link DocumentTooLarge} as soon as the content is larger. Bytes. */
  readonly maxBytes?: number;
}

export interface SegmentInfo {
  readonly name: string;
  /** The UTC day it was opened, `YYYY-MM-DD`: no document in it is older, none is more than a day younger. */
  readonly day: string;
  /** On disk, large documents included. */
  readonly bytes: number;
}

/**
 * Where documents and packages lie while they travel; Kafka carries only their refs. The promises, held by `document-store.contract.ts`:
 *  - a `put` that resolved survives the death of the process and of the machine; one that did not resolve was never named;
 *  - what is read is what was put, byte for byte, or the read fails; no unverified byte is ever handed out;
 *  - after `erase` resolved nobody can read the document, we included.
 */
export interface DocumentStore {
  /** The bytes must not change before it resolves. Rejects with {@link StoreFull}, {@link StoreUnavailable}, {@link DocumentTooLarge}, or what the content's own iterator threw. */
  put(content: Uint8Array | AsyncIterable<Uint8Array>, info?: PutInfo): Promise<StoredDocument>;
  /** Rejects with {@link InvalidRef}, {@link DocumentMissing}, {@link DocumentErased}, {@link DocumentDamaged}, {@link UnknownMasterKey}. */
  get(ref: string): Promise<Buffer>;
  /** As `get`, in verified pieces, for what should not be held in memory at once. A late error means: throw away what you have. */
  stream(ref: string): AsyncIterable<Buffer>;
  /** Destroys the document's own key. Doing it twice is harmless. */
  erase(ref: string): Promise<void>;
  segments(): Promise<readonly SegmentInfo[]>;
  /** Deletes a whole segment. The caller knows that every letter in it is past retention; the store only refuses segments still written to. */
  drop(segment: string): Promise<void>;
  /** Waits for puts under way. */
  close(): Promise<void>;
}
