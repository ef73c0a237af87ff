import type { KeyRing } from '@postgang/outside';
import type { LetterSubmitted } from '@postgang/pipeline';
import { kindOf } from '@postgang/rules';
import { MEDIA_TYPES } from '../letter/letter-schema.js';
import type { Upload } from '../documents/uploads.js';

/**
 * A record of an ingress topic in the form that both doors check. Sealed fields are opened with the agency's key; throws UnknownKey or
 * NotOpenable. The type of a document is the one it was uploaded with.
 */
export function inputOf(
  keys: KeyRing,
  sender: string,
  letterId: string,
  event: LetterSubmitted,
  uploads: ReadonlyMap<string, Upload>,
): unknown {
  const open = (field: string, sealed: Buffer): string => keys.open(`agency:${sender}`, letterId, field, sealed);
  const optional = (field: string, sealed: Buffer | null): Record<string, string> =>
    sealed === null ? {} : { [field.split('.').at(-1) as string]: open(field, sealed) };
  const { print, notice } = event;
  return {
    reference: event.reference,
    recipient: open('recipient', event.recipient),
    kind: kindOf(event.kind),
    title: open('title', event.title),
    nonSensitiveTitle: open('nonSensitiveTitle', event.nonSensitiveTitle),
    language: event.language,
    securityLevel: event.securityLevel,
    documents: event.documents.map(({ title, documentId }, index) => ({
      title: open(`document.${index}.title`, title),
      // an unknown upload is reported as such, not as a wrong type
      type: uploads.get(`${sender}/${documentId.toLowerCase()}`)?.mediaType ?? MEDIA_TYPES[0],
      documentId,
    })),
    ...(print === null
      ? {}
      : {
          print: {
            colour: print.colour === 'COLOUR',
            postClass: print.postClass,
            returnAddress: present({ ...print.returnAddress }),
            returnHandling: print.returnHandling,
          },
        }),
    ...(notice === null
      ? {}
      : {
          notice: {
            ...optional('notice.emailText', notice.emailText),
            ...optional('notice.smsText', notice.smsText),
            serviceMessage: notice.serviceMessage,
          },
        }),
    openingReceipt: event.openingReceipt,
    ...present({
      effectiveAt: event.effectiveAt === null ? null : timeOf(event.effectiveAt),
      avsenderidentifikator: event.avsenderidentifikator,
      invoiceReference: event.invoiceReference,
      caseReference: event.caseReference,
    }),
  };
}

const present = (fields: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));

/** A time beyond what a Date holds is left for the check to refuse. */
const timeOf = (ms: number): string => (Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : '');
