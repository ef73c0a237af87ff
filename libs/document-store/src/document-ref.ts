import { InvalidRef } from './errors.js';

/**
 * `d1.<segment>.<place>.<document id>`, where place is `<offset>-<length>` of a record in the segment, or `L<file length>` of a file of its own.
 *
 *   segment       <YYYYMMDD>-<32 hex>: the day it was opened and a random name
 *   document id   32 hex, random: must be the one found at that place, so a ref can be neither guessed nor bent to another document
 *
 * Every part is checked by one expression that knows no slash and no dot of its own, so a ref cannot leave the store's folder; and there is
 * exactly one way to write a ref.
 */
export interface DocumentRef {
  readonly segment: string;
  readonly documentId: string;
  readonly place: { readonly offset: number; readonly length: number } | { readonly fileLength: number };
}

const SEGMENT = String.raw`\d{8}-[0-9a-f]{32}`;
const NUMBER = String.raw`(?:0|[1-9]\d{0,14})`;
const REF = new RegExp(`^d1\\.(${SEGMENT})\\.(?:(${NUMBER})-(${NUMBER})|L(${NUMBER}))\\.([0-9a-f]{32})$`);
const WHOLE_SEGMENT = new RegExp(`^${SEGMENT}$`);
const LONGEST = 128;

export const isSegmentName = (name: string): boolean => WHOLE_SEGMENT.test(name);

/** Throws {@link InvalidRef}. */
export function parseRef(text: string): DocumentRef {
  // Refs come from events and rows, but a claim check is only worth something if anything at all may be held out.
  const match = typeof text === 'string' && text.length <= LONGEST ? REF.exec(text) : null;
  if (match === null) throw new InvalidRef();
  const [, segment, offset, length, fileLength, documentId] = match as unknown as string[];
  return {
    segment: segment as string,
    documentId: documentId as string,
    place:
      fileLength === undefined
        ? { offset: Number(offset), length: Number(length) }
        : { fileLength: Number(fileLength) },
  };
}

export function formatRef({ segment, documentId, place }: DocumentRef): string {
  const where = 'fileLength' in place ? `L${place.fileLength}` : `${place.offset}-${place.length}`;
  return `d1.${segment}.${where}.${documentId}`;
}
