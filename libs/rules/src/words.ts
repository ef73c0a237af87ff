/**
 * The words of Postgang, defined once. GLOSSARY.md tells newcomers the same; a spec holds the two together.
 *
 * letter       one recipient, one main document, attachments, how and when; its id follows from its sender and their reference
 * agency       a public body that hands letters in, over REST or on a Kafka topic of its own
 * sender       the agency a letter is from (behandlingsansvarlig): `consumer` of its token
 * operator     who runs Postgang (databehandler): `supplier` in delegated tokens, technical sender, signer
 * kind         legal kind of a letter; the first four bring notice (eForvaltningsforskriften §8) and reservation (§9) with them
 * hand-in      an agency gives us a letter; accepted once documents and letter are durable
 * mailing      many letters handed in together (masseutsendelse)
 * channel      digital mailbox (DPI) or print (DPI utskrift)
 * provider     who carries a leg: digipost, eboks, print
 * leg          one attempt to deliver a letter over one channel at one provider, numbered 1, 2, … (forsendelsesforsøk)
 * conversation what receipts find their leg by: an id that follows from letter and leg
 * package      the sealed thing: ASiC-E in CMS (dokumentpakke)
 * receipt      a provider's signed statement about a leg (kvittering)
 * notice       varsel, with legal effect; a service message (servicemelding) has none
 * protected    adressebeskyttelse: blocks print only, and looks from outside exactly like an unknown address
 * stage        what a service does with each record of a topic; it handles batches
 * refusal      a rule or a provider says no: news for the sender, never a dead letter
 * effect       something done outside that cannot be undone: a letter handed over, a mail sent
 * hand-over    the effect of giving a leg's package to its provider; done once, however often its record comes
 * ledger       a row per effect, written before it is done: what was intended, done, refused, and what nobody knows yet
 * lane         the hand-overs of one sender, or to one provider: what blocks them (a lapsed delegation, an outage) holds up no others
 * settle       to find out by asking whether an uncertain effect was done; never by doing it again
 * parked       waits for a person, an authorisation or the register of addresses, without deadline: a letter before its route, a hand-over that asking did not settle
 * set aside    kept and not believed (a receipt that proves nothing), or not processed now (a record in a retry tier or a dead letter)
 * retry tier   a topic in which a failed record waits 10 s, 1 min, 10 min or 1 h for its next attempt
 * dead letter  a record that could not be processed; waits for a person
 * redrive      dead letters sent again by a frozen plan, which a second person releases above a limit
 * history      append-only, hash-chained list of everything that happened to a letter
 * day root     signed Merkle root over the newest history entries of all letters that changed on a day: nothing before it can be altered unseen
 * evidence     one file with what proves a letter's history to somebody who does not trust us
 * expectation  what must happen next to a leg, who owes it, by when
 * stuck        waits more than twice as long as nearly all others at that provider, however far its deadline
 * books        all that is written down of a period's letters, by everybody; they close when every letter is accounted for
 * sandbox      everything outside Postgang, simulated to its published interfaces; it counts for itself
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
