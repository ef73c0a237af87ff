import { randomBytes } from 'node:crypto';
import { commit, documentsValue, SALT_KEY_BYTES, saltOf, type CommittedField } from '@postgang/evidence';
import type { KeyRing } from '@postgang/outside';
import { encode, letterIdOf, type Door } from '@postgang/pipeline';
import { WIRE_KIND } from '@postgang/rules';
import { contentHash, type HeldDocument } from './content-hash.js';
import type { LetterInput } from './letter-schema.js';

/** Name of the sealed field. */
export const SALT_FIELD = 'evidence.saltKey';

/** A letter ready to be accepted: its row, with the event as it will be published. */
export interface SealedLetter {
  readonly letterId: string;
  readonly sender: string;
  readonly reference: string;
  readonly contentHash: Buffer;
  readonly body: Buffer;
  /** What the commitments' salts follow from, sealed; kept beside the letter, never published. */
  readonly saltKey: Buffer;
  readonly acceptedAt: Date;
  readonly traceparent: string;
}

export interface HandedIn {
  readonly sender: string;
  /** As the agency is registered with us. */
  readonly senderName: string | undefined;
  readonly supplier: string | undefined;
  readonly letter: LetterInput;
  readonly documents: readonly HeldDocument[];
  readonly door: Door;
  readonly traceparent: string;
}

/** Seals everything personal for scope `internal` and encodes `letter.accepted.v1`. */
export function sealLetter(keys: KeyRing, handedIn: HandedIn, acceptedAt: Date): SealedLetter {
  const { sender, senderName, supplier, letter, documents, door, traceparent } = handedIn;
  const { print, notice } = letter;
  const letterId = letterIdOf(sender, letter.reference);
  const hash = contentHash(keys, sender, letter, documents);
  const seal = (field: string, value: string): Buffer => keys.seal('internal', letterId, field, value);
  const saltKey = randomBytes(SALT_KEY_BYTES);
  const committed = (field: CommittedField, value: string): Buffer => commit(saltOf(saltKey, field), value);
  const body = encode('letter.accepted.v1', {
    letter: {
      letterId,
      sender,
      senderName: senderName ?? null,
      supplier: supplier ?? null,
      reference: letter.reference,
      kind: WIRE_KIND[letter.kind],
      recipient: seal('recipient', letter.recipient),
      title: seal('title', letter.title),
      nonSensitiveTitle: seal('nonSensitiveTitle', letter.nonSensitiveTitle),
      language: letter.language,
      securityLevel: letter.securityLevel,
      documents: documents.map(({ title, mediaType, ref, size, sha256 }, index) => ({
        title: seal(`document.${index}.title`, title),
        mediaType,
        ref,
        size,
        sha256,
      })),
      print:
        print === undefined
          ? null
          : {
              colour: print.colour ? 'COLOUR' : 'BLACK_WHITE',
              postClass: print.postClass,
              returnAddress: {
                name: print.returnAddress.name,
                lines: print.returnAddress.lines,
                postalCode: print.returnAddress.postalCode ?? null,
                city: print.returnAddress.city ?? null,
                countryCode: print.returnAddress.countryCode ?? null,
              },
              returnHandling: print.returnHandling,
            },
      notice:
        notice === undefined
          ? null
          : {
              emailText: notice.emailText === undefined ? null : seal('notice.emailText', notice.emailText),
              smsText: notice.smsText === undefined ? null : seal('notice.smsText', notice.smsText),
              serviceMessage: notice.serviceMessage,
            },
      openingReceipt: letter.openingReceipt,
      effectiveAt: letter.effectiveAt === undefined ? null : Date.parse(letter.effectiveAt),
      avsenderidentifikator: letter.avsenderidentifikator ?? null,
      invoiceReference: letter.invoiceReference ?? null,
      caseReference: letter.caseReference ?? null,
      contentHash: hash,
      door,
      acceptedAt: acceptedAt.getTime(),
    },
    commitments: {
      recipient: committed('recipient', letter.recipient),
      documents: committed('documents', documentsValue(documents.map(({ sha256 }) => sha256))),
    },
  });
  const sealedSalt = seal(SALT_FIELD, saltKey.toString('base64'));
  return {
    letterId,
    sender,
    reference: letter.reference,
    contentHash: hash,
    body,
    saltKey: sealedSalt,
    acceptedAt,
    traceparent,
  };
}
