import { freshForNotice, type ContactPoint } from './contact.js';
import { hasLegalEffect, type LegalKind, type Provider, type RefusalReason } from './words.js';

/** What the contact and reservation register says of a person, as asked for at this moment. Never a cache. */
export interface RegisterEntry {
  readonly reserved: boolean;
  readonly status: 'AKTIV' | 'SLETTET' | 'IKKE_REGISTRERT';
  readonly canBeNotified: boolean;
  readonly mailbox?: { readonly address: string; readonly providerOrganisation: string };
  /** X.509, DER. */
  readonly certificate?: Uint8Array;
  readonly email?: ContactPoint;
  readonly mobile?: ContactPoint;
  readonly language?: string;
}

export interface PostalAddress {
  readonly name: string;
  /** As the register has them; `addressLines` makes those of the envelope. */
  readonly lines: readonly string[];
  readonly postalCode?: string;
  readonly city?: string;
  /** ISO 3166-1 alpha-2; absent for Norway. */
  readonly countryCode?: string;
}

export type AddressAnswer =
  | { readonly kind: 'known'; readonly address: PostalAddress }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'protected' }
  | { readonly kind: 'deceased' };

export interface RoutedLetter {
  readonly kind: LegalKind;
  readonly hasPrintOptions: boolean;
  readonly onlyPdf: boolean;
}

/** Every decision names the rule that chose, so that it can be explained. */
export type RouteDecision =
  | {
      readonly channel: 'digital-mailbox';
      readonly provider: Provider;
      readonly rule: DigitalRule;
      readonly noticeEmail?: string;
      readonly noticeMobile?: string;
    }
  | { readonly channel: 'print'; readonly rule: PaperRule; readonly address: PostalAddress }
  | { readonly refuse: RefusalReason; readonly rule: PaperRule };

export type DigitalRule = 'mailbox' | 'mailbox-reservation-does-not-apply';
export type PaperRule =
  | 'reserved'
  | 'may-not-be-notified'
  | 'contact-outdated'
  | 'no-mailbox'
  | 'not-registered'
  | 'mailbox-without-certificate'
  | 'mailbox-provider-unknown';

export const MAILBOX_PROVIDERS: ReadonlyMap<string, Provider> = new Map([
  ['984661185', 'digipost'],
  ['922020175', 'eboks'],
]);

/**
 * First half: does the letter go to the mailbox, or must it go on paper, and by which rule? Paper needs the postal address, which is asked for
 * only then (data minimisation).
 *
 * enkeltvedtak, forhåndsvarsel, rettsstilling, særlig-betydning (eForvaltningsforskriften §8, §9, §32):
 *   reserved → paper; may not be notified → paper; no contact point that may carry the notice → paper; active mailbox with certificate → mailbox
 * information: the reservation does not apply (§9 covers the others only); active mailbox with certificate → mailbox
 * everything else → paper
 *
 * Death is not asked about for a mailbox: the contact register closes a dead person's entry itself (status SLETTET), and from there the letter
 * comes to the address, where death is told.
 */
export function chooseChannel(
  kind: LegalKind,
  entry: RegisterEntry,
  now: Date,
): { digital: Extract<RouteDecision, { channel: 'digital-mailbox' }> } | { paper: PaperRule } {
  if (entry.status !== 'AKTIV') return { paper: 'not-registered' };
  if (hasLegalEffect(kind)) {
    if (entry.reserved) return { paper: 'reserved' };
    if (!entry.canBeNotified) return { paper: 'may-not-be-notified' };
    if (!hasFreshContact(entry, now)) return { paper: 'contact-outdated' };
  }
  if (entry.mailbox === undefined) return { paper: 'no-mailbox' };
  if (entry.certificate === undefined || entry.certificate.length === 0)
    return { paper: 'mailbox-without-certificate' };
  const provider = MAILBOX_PROVIDERS.get(entry.mailbox.providerOrganisation);
  if (provider === undefined) return { paper: 'mailbox-provider-unknown' };
  return {
    digital: {
      channel: 'digital-mailbox',
      provider,
      rule: entry.reserved ? 'mailbox-reservation-does-not-apply' : 'mailbox',
      ...(usable(kind, entry.email, now) ? { noticeEmail: entry.email.value } : {}),
      ...(usable(kind, entry.mobile, now) ? { noticeMobile: entry.mobile.value } : {}),
    },
  };
}

/** Second half, for paper. Protected and unknown give the same refusal: from outside nobody may tell them apart. */
export function decidePaper(
  letter: RoutedLetter,
  rule: PaperRule,
  answer: AddressAnswer,
): Exclude<RouteDecision, { channel: 'digital-mailbox' }> {
  if (answer.kind === 'deceased') return { refuse: 'deceased', rule };
  if (answer.kind !== 'known') return { refuse: 'no-postal-address', rule };
  if (!letter.hasPrintOptions) return { refuse: 'print-not-ordered', rule };
  if (!letter.onlyPdf) return { refuse: 'print-needs-pdf', rule };
  return { channel: 'print', rule, address: answer.address };
}

function hasFreshContact(entry: RegisterEntry, now: Date): boolean {
  return [entry.email, entry.mobile].some((point) => point !== undefined && freshForNotice(point, now));
}

/** Outdated contact data may still serve a message without legal effect (§32 speaks of the notice of §8 only). */
function usable(kind: LegalKind, point: ContactPoint | undefined, now: Date): point is ContactPoint {
  return point !== undefined && (!hasLegalEffect(kind) || freshForNotice(point, now));
}
