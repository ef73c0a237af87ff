// Generated from schemas/ by `npm run generate`. Do not edit: a test regenerates it.

/** A sealed string (libs/outside, KeyRing): bytes that only holders of the scope's key can open. */
export type Sealed = Buffer;

/** A day is over, and its root was signed: what anybody may keep, to hold the operator to it. One for each day; a second one about a day says which it replaces. */
export interface DayClosed {
  /** The day in Norway, YYYY-MM-DD. It is the record's key, and stands in the statement too: what the statement says counts. */
  day: string;
  /** The day's root as signed (compact JWS, format in libs/evidence). Evidence of a letter holds the very same bytes. */
  statement: string;
}

/** Legal kind of the letter; the first four bring notice (eForvaltningsforskriften §8) and reservation (§9) with them. */
export type LegalKind = 'ENKELTVEDTAK' | 'FORHANDSVARSEL' | 'RETTSSTILLING' | 'SARLIG_BETYDNING' | 'INFORMATION' | 'UNKNOWN';

/** One document of the letter; the first is the main document. */
export interface Document {
  /** Title shown to the recipient after log-in. */
  title: Sealed;
  /** Media type, checked against the content. */
  mediaType: string;
  /** Claim check into the document store. */
  ref: string;
  /** Size in bytes. */
  size: number;
  /** SHA-256 of the content. */
  sha256: Buffer;
}

/** Black and white or colour. */
export type Colour = 'BLACK_WHITE' | 'COLOUR' | 'UNKNOWN';

/** Class of post. */
export type PostClass = 'A' | 'B' | 'UNKNOWN';

/** Where undeliverable post goes: the agency, never a person. */
export interface ReturnAddress {
  /** Name of the agency or its unit. */
  name: string;
  /** One to four address lines. */
  lines: string[];
  /** Four digits; absent for an address abroad. */
  postalCode: string | null;
  /** Norwegian post town; absent for an address abroad. */
  city: string | null;
  /** ISO 3166-1 alpha-2, only for an address abroad. */
  countryCode: string | null;
}

/** What is done with returned post. */
export type ReturnHandling = 'RETURN' | 'SHRED_WITH_MESSAGE' | 'UNKNOWN';

/** How the letter is printed, if it is. */
export interface PrintOptions {
  /** Colour of every sheet. */
  colour: Colour;
  /** A = priority, B = economy. */
  postClass: PostClass;
  /** Return address. */
  returnAddress: ReturnAddress;
  /** Sent back, or shredded and reported. */
  returnHandling: ReturnHandling;
}

/** How the recipient is told about the letter. */
export interface Notice {
  /** Text of the mailbox provider's e-mail notice, at most 500 characters. */
  emailText: Sealed | null;
  /** Text of the mailbox provider's SMS notice, at most 160 characters. */
  smsText: Sealed | null;
  /** An e-mail service message from Postgang, without legal effect; only with kind INFORMATION. */
  serviceMessage: boolean;
}

/** Where the letter was handed in. */
export type Door = 'REST' | 'KAFKA' | 'UNKNOWN';

/** An accepted letter. Sealed strings are sealed in scope "internal". */
export interface Letter {
  /** uuidv5(namespace, sender/reference). */
  letterId: string;
  /** Organisation number of the agency the letter is from. */
  sender: string;
  /** The agency's name as it was registered with us when the letter was accepted; absent in older letters. */
  senderName: string | null;
  /** Organisation number of who handed it in for the agency. */
  supplier: string | null;
  /** The agency's own reference; unique per agency. */
  reference: string;
  /** Legal kind. */
  kind: LegalKind;
  /** National identity number of the recipient, 11 digits. */
  recipient: Sealed;
  /** Title; shown only after log-in at the letter's security level. */
  title: Sealed;
  /** Title without anything sensitive, used in notices. */
  nonSensitiveTitle: Sealed;
  /** ISO 639-1, two letters. */
  language: string;
  /** Log-in level the recipient needs: 3 or 4. */
  securityLevel: number;
  /** Main document first, then attachments in order. */
  documents: Document[];
  /** Print options; without them the letter cannot go on paper. */
  print: PrintOptions | null;
  /** Notices ordered by the sender. */
  notice: Notice | null;
  /** The sender wants to know when the letter is opened. */
  openingReceipt: boolean;
  /** Not visible to the recipient before this time. */
  effectiveAt: number | null;
  /** The sender's unit as registered at the mailboxes. */
  avsenderidentifikator: string | null;
  /** Put on the provider's invoice, at most 40 characters. */
  invoiceReference: string | null;
  /** The sender's case, only carried along. */
  caseReference: string | null;
  /** SHA-256 over the fields that make the letter what it is; version in the first byte. */
  contentHash: Buffer;
  /** REST or the agency's ingress topic. */
  door: Door;
  /** When the letter was accepted. */
  acceptedAt: number;
}

/** Salted commitments (libs/evidence) that the history keeps: they tell nothing, and bind to what was handed in. The salts are not here. */
export interface Commitments {
  /** SHA-256(salt, national identity number of the recipient). */
  recipient: Buffer;
  /** SHA-256(salt, JSON list of the documents' SHA-256, hexadecimal, main document first). */
  documents: Buffer;
}

/** Durable at Postgang: documents, letter and this event. */
export interface LetterAccepted {
  /** The letter. */
  letter: Letter;
  /** Absent in letters accepted before there were any. */
  commitments: Commitments | null;
}

/** How the letter travels. */
export type Channel = 'DIGITAL_MAILBOX' | 'PRINT' | 'UNKNOWN';

/** What a digital mailbox needs. */
export interface MailboxDelivery {
  /** Mailbox address. */
  address: Sealed;
  /** Title used in notices. */
  nonSensitiveTitle: Sealed;
  /** ISO 639-1, two letters. */
  language: string;
  /** 3 or 4. */
  securityLevel: number;
  /** The sender wants to know when the letter is opened. */
  openingReceipt: boolean;
  /** Not visible before this time. */
  effectiveAt: number | null;
  /** E-mail address for the notice; set together with emailText. */
  email: Sealed | null;
  /** Text of the e-mail notice. */
  emailText: Sealed | null;
  /** Mobile number for the notice; set together with smsText. */
  mobile: Sealed | null;
  /** Text of the SMS notice. */
  smsText: Sealed | null;
}

/** A sealed package ready for its provider. Sealed strings are sealed in scope "provider:<provider>". */
export interface LetterDispatch {
  /** The letter. */
  letterId: string;
  /** Number of the leg, from 1. */
  leg: number;
  /** Organisation number of the agency the letter is from. */
  sender: string;
  /** The agency's own reference. */
  reference: string;
  /** Who carries the leg. */
  provider: string;
  /** Organisation number of the provider. */
  providerOrganisation: string;
  /** Channel. */
  channel: Channel;
  /** Legal kind. */
  kind: LegalKind;
  /** uuidv5(letterId, leg): the only link between a letter and its receipts. */
  conversationId: string;
  /** Instance identifier of the SBD, the same at every attempt. */
  messageId: string;
  /** Claim check of the encrypted package (CMS) in the document store. */
  packageRef: string;
  /** Size of the encrypted package in bytes. */
  packageSize: number;
  /** SHA-256 of the encrypted package, base64. */
  packageDigest: string;
  /** The sender's unit. */
  avsenderidentifikator: string | null;
  /** For the provider's invoice. */
  invoiceReference: string | null;
  /** Set for DIGITAL_MAILBOX. */
  mailbox: MailboxDelivery | null;
  /** Postal address as JSON, set for PRINT. */
  postalAddress: Sealed | null;
  /** Set for PRINT. */
  print: PrintOptions | null;
  /** When the package was sealed. */
  sealedAt: number;
}

/** The provider has taken the leg over. */
export interface LetterDispatched {
  /** The letter. */
  letterId: string;
  /** Number of the leg. */
  leg: number;
  /** Who took it. */
  provider: string;
  /** Conversation of the leg. */
  conversationId: string;
  /** Message id used. */
  messageId: string;
  /** Calls it took, from 1; 0 when it was taken before the database was restored from a backup, and is known by asking only. */
  attempts: number;
  /** The outcome was uncertain and was settled by asking the provider, or by an operator. */
  settled: boolean;
  /** When the provider took it, as far as we know. */
  handedOverAt: number;
  /** Set where an operator settled the uncertain outcome by hand: the stable word for what was said. Who it was and how they know stays in the ledger. Records of older versions hold the operator's own words: they go no further. */
  operatorNote: string | null;
}

/** A service message is to be sent about a delivered letter. */
export interface LetterNotify {
  /** The letter. */
  letterId: string;
  /** The leg that was delivered. */
  leg: number;
  /** The agency. */
  sender: string;
  /** The agency's name, for the text; absent when the letter does not carry it. */
  senderName: string | null;
  /** The agency's own reference. */
  reference: string;
  /** National identity number, scope "internal", field "recipient". */
  recipient: Sealed;
  /** The letter's language, used when the register knows none. */
  language: string;
  /** When it became due. */
  orderedAt: number;
}

/** Planned, released by a second person, sent to the service again, left out because the world had changed, or given up with its plan. */
export type RedriveStep = 'PLANNED' | 'RELEASED' | 'SENT' | 'SUPPRESSED' | 'CANCELLED' | 'UNKNOWN';

/** A record about the letter lay among the dead letters, and an operator's plan to process it again came a step further. Belongs to the letter's history; changes no state. */
export interface LetterRedriven {
  /** The letter. */
  letterId: string;
  /** The plan. */
  plan: string;
  /** What happened. */
  step: RedriveStep;
  /** The service whose dead letter it is. */
  service: string;
  /** The topic the record was first published to. */
  originTopic: string;
  /** Id of the event in the dead letter: the same when it is sent again. */
  recordId: string;
  /** Why it was left out; stable, kebab-case. */
  reason: string | null;
  /** Empty: whose step it was stands in the plan. Records of older versions hold the operator's id: it goes no further. */
  operator: string;
  /** When. */
  at: number;
}

/** What was refused. */
export type RefusedWhat = 'HAND_IN' | 'LETTER' | 'LEG' | 'UNKNOWN';

/** A rule or a provider says no: news for the sender. A refused hand-in never touches a letter. */
export interface LetterRefused {
  /** A hand-in, the letter, or one leg of it. */
  about: RefusedWhat;
  /** The letter; for a hand-in the id its reference would give. */
  letterId: string;
  /** The agency. */
  sender: string;
  /** The agency's own reference. */
  reference: string;
  /** Set when a leg was refused. */
  leg: number | null;
  /** Stable reason, kebab-case. */
  reason: string;
  /** One sentence for a person; nothing personal in it. */
  detail: string;
  /** JSON pointer to the field at fault (RFC 6901). */
  pointer: string | null;
  /** The service that refused. */
  stage: string;
  /** When. */
  refusedAt: number;
}

/** Where in the mailbox provider. */
export interface Mailbox {
  /** Mailbox address (postkasseadresse). */
  address: Sealed;
  /** E-mail address that may be used for the notice. */
  email: Sealed | null;
  /** Mobile number that may be used for the notice. */
  mobile: Sealed | null;
}

/** Channel and provider chosen for one leg. Sealed strings are sealed in scope "internal". */
export interface LetterRouted {
  /** The letter. */
  letter: Letter;
  /** Number of the leg, from 1. */
  leg: number;
  /** Channel. */
  channel: Channel;
  /** Who carries the leg: digipost, eboks, print. */
  provider: string;
  /** Organisation number of the provider: receiver of the SBD and the signer its receipts must have. */
  providerOrganisation: string;
  /** The rule that chose, kebab-case. */
  rule: string;
  /** X.509 certificate (DER) the package is encrypted for. */
  certificate: Buffer;
  /** Set for DIGITAL_MAILBOX. */
  mailbox: Mailbox | null;
  /** Postal address as JSON, set for PRINT. */
  postalAddress: Sealed | null;
  /** When the route was chosen. */
  routedAt: number;
}

/** A letter, or a hand-in that became none. */
export type StatusOf = 'LETTER' | 'HAND_IN' | 'UNKNOWN';

/** Status of a letter. */
export type LetterStatus = 'ACCEPTED' | 'ROUTED' | 'SEALED' | 'HANDED_OVER' | 'DELIVERED' | 'OPENED' | 'RECEIVED_FOR_PRINT' | 'POSTED' | 'RETURNED' | 'REFUSED' | 'FAILED' | 'UNKNOWN';

/** The status of a letter, or that a hand-in was refused. Readers ignore a seq lower than one they have seen. */
export interface LetterStatusChanged {
  /** What this is about. */
  about: StatusOf;
  /** The letter; for a hand-in the id its reference would give. */
  letterId: string;
  /** The agency. */
  sender: string;
  /** The agency's own reference. */
  reference: string;
  /** Grows with every change of the letter; 0 for a hand-in. */
  seq: number;
  /** Status. */
  status: LetterStatus;
  /** The leg the status comes from. */
  leg: number | null;
  /** DIGITAL_MAILBOX or PRINT, once known. */
  channel: string | null;
  /** Who carries it, once known. */
  provider: string | null;
  /** Why, for REFUSED, FAILED and RETURNED; overdue where a provider is late with its next receipt, the status being unchanged. */
  reason: string | null;
  /** One sentence for a person. */
  detail: string | null;
  /** JSON pointer to the field at fault, for a refused hand-in. */
  pointer: string | null;
  /** When the fact happened. */
  at: number;
}

/** An uploaded document; the first is the main document. */
export interface UploadedDocument {
  /** Title shown to the recipient after log-in. */
  title: Sealed;
  /** Id that PUT /v1/documents was called with. */
  documentId: string;
}

/** An agency hands in a letter on its own ingress topic. Sealed strings are sealed in scope "agency:<orgnr>" with the letter id that the reference gives; documents were uploaded with PUT /v1/documents. */
export interface LetterSubmitted {
  /** The agency's own reference; the same reference is the same letter. */
  reference: string;
  /** Legal kind. */
  kind: LegalKind;
  /** National identity number of the recipient, 11 digits. */
  recipient: Sealed;
  /** Title; shown only after log-in at the letter's security level. */
  title: Sealed;
  /** Title without anything sensitive, used in notices. */
  nonSensitiveTitle: Sealed;
  /** ISO 639-1, two letters. */
  language: string;
  /** Log-in level the recipient needs: 3 or 4. */
  securityLevel: number;
  /** Main document first, then attachments in order. */
  documents: UploadedDocument[];
  /** Print options; without them the letter cannot go on paper. */
  print: PrintOptions | null;
  /** Notices ordered by the sender. */
  notice: Notice | null;
  /** The sender wants to know when the letter is opened. */
  openingReceipt: boolean;
  /** Not visible to the recipient before this time. */
  effectiveAt: number | null;
  /** The sender's unit as registered at the mailboxes. */
  avsenderidentifikator: string | null;
  /** Put on the provider's invoice, at most 40 characters. */
  invoiceReference: string | null;
  /** The sender's case, only carried along. */
  caseReference: string | null;
}

/** What became of the hand-over. */
export type AdapterOutcome = 'TAKEN' | 'REFUSED' | 'UNKNOWN';

/** What an outside adapter says about a leg. */
export interface AdapterReport {
  /** The letter. */
  letterId: string;
  /** Number of the leg. */
  leg: number;
  /** Taken over or refused. */
  outcome: AdapterOutcome;
  /** Why it was refused: kebab-case class, nothing personal. */
  reason: string | null;
}

/** A raw receipt as it was fetched, not yet verified; or the report of an outside adapter; or how far the provider has been asked. Exactly one of raw, report and pulledUntil is set. */
export interface ReceiptReceived {
  /** Whose topic this is; proves nothing about the signer. */
  provider: string;
  /** Conversation the receipt claims to belong to, unverified. */
  conversationId: string | null;
  /** The signed receipt, byte for byte (compact JWS). */
  raw: string | null;
  /** Report of an outside adapter. */
  report: AdapterReport | null;
  /** When it was fetched. */
  receivedAt: number;
  /** Everything the provider had to say before this moment has been published before this record. */
  pulledUntil: number | null;
}

/** By what means. */
export type Medium = 'EMAIL' | 'UNKNOWN';

/** Sent; nothing to send to; refused by the mail server; or uncertain, which is never sent again. */
export type NotifyOutcome = 'SENT' | 'NO_ADDRESS' | 'REFUSED' | 'UNCERTAIN' | 'UNKNOWN';

/** What became of a service message. */
export interface RecipientNotified {
  /** The letter. */
  letterId: string;
  /** The leg. */
  leg: number;
  /** Medium. */
  medium: Medium;
  /** Outcome. */
  outcome: NotifyOutcome;
  /** Class of the reason, nothing personal. */
  reason: string | null;
  /** When. */
  at: number;
}

export interface EventBySubject {
  'day.closed.v1': DayClosed;
  'letter.accepted.v1': LetterAccepted;
  'letter.dispatch.v1': LetterDispatch;
  'letter.dispatched.v1': LetterDispatched;
  'letter.notify.v1': LetterNotify;
  'letter.redriven.v1': LetterRedriven;
  'letter.refused.v1': LetterRefused;
  'letter.routed.v1': LetterRouted;
  'letter.status.v1': LetterStatusChanged;
  'letter.submitted.v1': LetterSubmitted;
  'receipt.received.v1': ReceiptReceived;
  'recipient.notified.v1': RecipientNotified;
}

export type Subject = keyof EventBySubject;
export type EventOf<S extends Subject> = EventBySubject[S];
