import type { KeyRing } from '@postgang/outside';
import type { LetterInput } from './letter-schema.js';

const VERSION = 1;
/** Its key must outlive every letter: with another key, a repeat would look like other content. */
export const CONTENT_SCOPE = 'content';

/** A document that lies in the store. */
export interface HeldDocument {
  readonly title: string;
  readonly mediaType: string;
  readonly ref: string;
  readonly size: number;
  readonly sha256: Buffer;
}

/**
 * What makes two hand-ins the same letter: version byte and a keyed hash over this list of fields, in this order; without the key nobody could
 * tell from it, by trying, whom a letter is for. A field more is a new version.
 * Where the documents lie and which door they came through is not part of it, so a repeat with new uploads is the same letter.
 */
export function contentHash(
  keys: KeyRing,
  sender: string,
  letter: LetterInput,
  documents: readonly HeldDocument[],
): Buffer {
  const { print, notice } = letter;
  const fields = [
    sender,
    letter.reference,
    letter.recipient,
    letter.kind,
    letter.title,
    letter.nonSensitiveTitle,
    letter.language,
    letter.securityLevel,
    documents.map(({ title, mediaType, size, sha256 }) => [title, mediaType, size, sha256.toString('hex')]),
    print === undefined
      ? null
      : [
          print.colour,
          print.postClass,
          print.returnAddress.name,
          print.returnAddress.lines,
          print.returnAddress.postalCode ?? null,
          print.returnAddress.city ?? null,
          print.returnAddress.countryCode ?? null,
          print.returnHandling,
        ],
    notice === undefined ? null : [notice.emailText ?? null, notice.smsText ?? null, notice.serviceMessage],
    letter.openingReceipt,
    letter.effectiveAt === undefined ? null : Date.parse(letter.effectiveAt),
    letter.avsenderidentifikator ?? null,
    letter.invoiceReference ?? null,
    letter.caseReference ?? null,
  ];
  return Buffer.concat([Buffer.from([VERSION]), keys.mac(CONTENT_SCOPE, JSON.stringify(fields))]);
}
