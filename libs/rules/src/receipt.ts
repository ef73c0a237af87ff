import type { LegState } from './letter-status.js';

/** The receipt kinds of DPI (innbyggerpost 1.0). */
export const RECEIPT_KINDS = [
  'leveringskvittering',
  'aapningskvittering',
  'varslingfeiletkvittering',
  'mottakskvittering',
  'returpostkvittering',
  'feil',
] as const;
export type ReceiptKind = (typeof RECEIPT_KINDS)[number];

export type ReceiptMeaning =
  | { readonly state: LegState }
  /** The mailbox could not notify: an event on a delivered letter, never a failure of the letter. */
  | { readonly notice: 'failed' }
  /** This kind cannot come over this channel. */
  | { readonly nonsense: true };

const MEANING: Record<'digital' | 'print', Record<ReceiptKind, ReceiptMeaning>> = {
  digital: {
    leveringskvittering: { state: 'Delivered' },
    aapningskvittering: { state: 'Opened' },
    varslingfeiletkvittering: { notice: 'failed' },
    mottakskvittering: { nonsense: true },
    returpostkvittering: { nonsense: true },
    feil: { state: 'Failed' },
  },
  print: {
    leveringskvittering: { state: 'Posted' },
    aapningskvittering: { nonsense: true },
    varslingfeiletkvittering: { nonsense: true },
    mottakskvittering: { state: 'ReceivedForPrint' },
    returpostkvittering: { state: 'Returned' },
    feil: { state: 'Failed' },
  },
};

/** What the access point (C2) says of a message it has: it was taken, it was sent on, it could not be sent on. */
export const ACCESS_POINT_MEANING = {
  OPPRETTET: 'HandedOver',
  SENDT: 'HandedOver',
  FEILET: 'Failed',
} as const satisfies Record<string, LegState>;
export type AccessPointStatus = keyof typeof ACCESS_POINT_MEANING;
export const isAccessPointStatus = (text: string): text is AccessPointStatus =>
  Object.hasOwn(ACCESS_POINT_MEANING, text);

export const meaningOf = (channel: 'digital' | 'print', kind: ReceiptKind): ReceiptMeaning => MEANING[channel][kind];
export const isReceiptKind = (text: string): text is ReceiptKind => (RECEIPT_KINDS as readonly string[]).includes(text);
