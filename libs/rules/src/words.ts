/**
 * The words of Postgang, defined once.
 *
 * letter       one recipient, one main document, attachments, how and when
 * kind         legal kind of a letter; the first four bring notice (eForvaltningsforskriften §8) and reservation (§9) with them
 * sender       the agency the letter is from (behandlingsansvarlig): `consumer` of its token
 * operator     who runs Postgang (databehandler): `supplier` in delegated tokens, technical sender, signer
 * leg          one attempt to deliver a letter over one channel at one provider, numbered 1, 2, …
 * channel      digital mailbox (DPI) or print (DPI utskrift)
 * provider     who carries a leg
 * package      the sealed thing: ASiC-E in CMS (dokumentpakke)
 * receipt      a provider's signed statement about a leg (kvittering)
 * notice       varsel, with legal effect; service message: servicemelding, without
 * refusal      a rule or a provider says no: news for the sender, never a dead letter
 * dead letter  a record that could not be processed; waits for a person
 * protected    adressebeskyttelse: blocks print only, and looks from outside exactly like an unknown address
 */
export const LEGAL_KINDS = [
  'enkeltvedtak',
  'forhåndsvarsel',
  'rettsstilling',
  'særlig-betydning',
  'information',
] as const;
export type LegalKind = (typeof LEGAL_KINDS)[number];

/** On the wire enums are ASCII upper case (Avro symbols). */
export const WIRE_KIND = {
  enkeltvedtak: 'ENKELTVEDTAK',
  forhåndsvarsel: 'FORHANDSVARSEL',
  rettsstilling: 'RETTSSTILLING',
  'særlig-betydning': 'SARLIG_BETYDNING',
  information: 'INFORMATION',
} as const satisfies Record<LegalKind, string>;
export type WireKind = (typeof WIRE_KIND)[LegalKind];

export function kindOf(wire: string): LegalKind | undefined {
  return LEGAL_KINDS.find((kind) => WIRE_KIND[kind] === wire);
}

/** §8 notice and §9 reservation apply to every kind but information. */
export const hasLegalEffect = (kind: LegalKind): boolean => kind !== 'information';

export type Provider = 'digipost' | 'eboks' | 'print';
export const LANGUAGES = ['nb', 'nn', 'en', 'se', 'no'] as const;
export type Language = (typeof LANGUAGES)[number];

/** Why a letter, a leg or a hand-in was refused: stable, for machines; the sentence is for people. */
export const REFUSALS = {
  'no-postal-address': 'The letter must go on paper, and there is no postal address for the recipient.',
  'print-not-ordered': 'The letter must go on paper, and it was handed in without print options.',
  'print-needs-pdf': 'The letter must go on paper, and not every document is a PDF.',
  deceased: 'The recipient is registered as dead.',
  'provider-refused': 'The provider refused the letter.',
  'provider-unreachable': 'The letter was given up without an answer of the provider, after all attempts.',
} as const;
export type RefusalReason = keyof typeof REFUSALS;

/** The sentence for a reason that came from outside; undefined when it is none of ours. `REFUSALS['constructor']` would be a function. */
export const refusalSentence = (reason: string): string | undefined =>
  Object.hasOwn(REFUSALS, reason) ? REFUSALS[reason as RefusalReason] : undefined;
