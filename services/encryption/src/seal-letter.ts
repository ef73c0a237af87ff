import { safeHref, sealPackage, type PackageDocument, type SigningIdentity } from '@postgang/document-package';
import type { DocumentStore, StoredDocument } from '@postgang/document-store';
import type { KeyRing } from '@postgang/outside';
import { conversationIdOf, messageIdOf, type LetterDispatch, type LetterRouted } from '@postgang/pipeline';
import { hasLegalEffect, kindOf, participantOf } from '@postgang/rules';
import type { RecipientCertificates } from './recipient-certificates.js';

export interface Sealing {
  readonly store: DocumentStore;
  readonly keys: KeyRing;
  readonly signer: SigningIdentity;
  readonly recipients: RecipientCertificates;
}

/** A package that is made, and how it becomes an event once the store has it. */
export interface SealedLetter {
  readonly cms: Buffer;
  dispatch(stored: StoredDocument): LetterDispatch;
}

const INTERNAL = 'internal';

/** Makes the package of a leg, and says what its provider needs. */
export async function sealLetter(
  routed: LetterRouted,
  { store, keys, signer, recipients }: Sealing,
  now: Date,
): Promise<SealedLetter> {
  const { letter, leg } = routed;
  // certificates live in real time, also where business time runs fast
  const recipient = recipients.certificateFor(routed.certificate, routed.providerOrganisation, new Date());
  const open = (field: string, sealed: Buffer): string => keys.open(INTERNAL, letter.letterId, field, sealed);
  const documents = await Promise.all(
    letter.documents.map(async (document, index): Promise<PackageDocument> => ({
      href: safeHref(index, document.mediaType),
      mediaType: document.mediaType,
      title: open(`document.${index}.title`, document.title),
      content: await store.get(document.ref),
    })),
  );
  const [main, ...attachments] = documents;
  if (main === undefined) throw new Error('a letter without documents');
  const mailboxAddress = routed.mailbox === null ? undefined : open('mailbox.address', routed.mailbox.address);
  const sealed = await sealPackage({
    manifest: {
      sender: participantOf(letter.sender),
      language: letter.language,
      ...(letter.avsenderidentifikator === null ? {} : { senderUnit: letter.avsenderidentifikator }),
      ...(letter.invoiceReference === null ? {} : { invoiceReference: letter.invoiceReference }),
      ...(mailboxAddress === undefined ? {} : { mailboxAddress }),
    },
    main,
    attachments,
    signer,
    recipient,
    signingTime: now,
  });
  const scope = `provider:${routed.provider}`;
  const seal = (field: string, value: string): Buffer => keys.seal(scope, letter.letterId, field, value);
  const dispatch = (stored: StoredDocument): LetterDispatch => ({
    letterId: letter.letterId,
    leg,
    sender: letter.sender,
    reference: letter.reference,
    provider: routed.provider,
    providerOrganisation: routed.providerOrganisation,
    channel: routed.channel,
    kind: letter.kind,
    conversationId: conversationIdOf(letter.letterId, leg),
    messageId: messageIdOf(letter.letterId, leg),
    packageRef: stored.ref,
    packageSize: stored.size,
    packageDigest: sealed.digest,
    avsenderidentifikator: letter.avsenderidentifikator,
    invoiceReference: letter.invoiceReference,
    mailbox: mailboxAddress === undefined ? null : mailboxDelivery(routed, mailboxAddress, open, seal),
    postalAddress:
      routed.postalAddress === null ? null : seal('postalAddress', open('postalAddress', routed.postalAddress)),
    print: routed.channel === 'PRINT' ? letter.print : null,
    sealedAt: now.getTime(),
  });
  return { cms: sealed.cms, dispatch };
}

/** The mailbox notifies in a channel when there is both a text and an address for it. §8 letters get a text even if the sender gave none. */
function mailboxDelivery(
  routed: LetterRouted,
  address: string,
  open: (field: string, sealed: Buffer) => string,
  seal: (field: string, value: string) => Buffer,
): LetterDispatch['mailbox'] {
  const { letter, mailbox } = routed;
  const kind = kindOf(letter.kind);
  const fallback = kind !== undefined && hasLegalEffect(kind) ? (NOTICE[letter.language] ?? NOTICE['nb']) : undefined;
  const email = mailbox?.email == null ? undefined : open('mailbox.email', mailbox.email);
  const mobile = mailbox?.mobile == null ? undefined : open('mailbox.mobile', mailbox.mobile);
  const emailText = letter.notice?.emailText == null ? fallback : open('notice.emailText', letter.notice.emailText);
  const smsText =
    letter.notice?.smsText == null
      ? email === undefined
        ? fallback
        : undefined
      : open('notice.smsText', letter.notice.smsText);
  const byEmail = email !== undefined && emailText !== undefined;
  const bySms = mobile !== undefined && smsText !== undefined;
  return {
    address: seal('mailbox.address', address),
    nonSensitiveTitle: seal('nonSensitiveTitle', open('nonSensitiveTitle', letter.nonSensitiveTitle)),
    language: letter.language,
    securityLevel: letter.securityLevel,
    openingReceipt: letter.openingReceipt,
    effectiveAt: letter.effectiveAt,
    email: byEmail ? seal('notice.email', email) : null,
    emailText: byEmail ? seal('notice.emailText', emailText) : null,
    mobile: bySms ? seal('notice.mobile', mobile) : null,
    smsText: bySms ? seal('notice.smsText', smsText) : null,
  };
}

/** eForvaltningsforskriften §8: the notice says that there is a letter and where to read it; nothing else. */
const NOTICE: Record<string, string> = {
  nb: 'Du har fått digital post fra det offentlige. Logg inn i din digitale postkasse for å lese den.',
  nn: 'Du har fått digital post frå det offentlege. Logg inn i den digitale postkassa di for å lese han.',
  en: 'You have received digital mail from a public body. Log in to your digital mailbox to read it.',
};
