import type { DocumentStore } from '@postgang/document-store';
import type { KeyRing } from '@postgang/outside';
import type { LetterDispatch } from '@postgang/pipeline';
import type { Handover } from '@postgang/providers';
import { addressLines, hasLegalEffect, kindOf, type PostalAddress } from '@postgang/rules';
import { packageDigest } from '@postgang/document-package';
import { PermanentError } from '@postgang/outside';

/** A §8 notice is repeated once after a week if the letter is still unopened (eForvaltningsforskriften §8 fifth paragraph). */
const REPEATED = [0, 7];
const ONCE = [0];

/** Opens what the provider needs and fetches the package. Throws PermanentError when the stored package is not the one that was sealed. */
export async function handoverOf(event: LetterDispatch, store: DocumentStore, keys: KeyRing): Promise<Handover> {
  const bytes = await store.get(event.packageRef);
  if (packageDigest(bytes) !== event.packageDigest)
    throw new PermanentError('the stored package is not the one that was sealed');
  const open = (field: string, sealed: Buffer): string =>
    keys.open(`provider:${event.provider}`, event.letterId, field, sealed);
  return {
    messageId: event.messageId,
    conversationId: event.conversationId,
    sender: event.sender,
    providerOrganisation: event.providerOrganisation,
    package: bytes,
    packageDigest: event.packageDigest,
    content: event.mailbox === null ? printContent(event, open) : digitalContent(event, event.mailbox, open),
  };
}

type Open = (field: string, sealed: Buffer) => string;

const senderFields = (event: LetterDispatch) => ({
  ...(event.avsenderidentifikator === null ? {} : { senderUnit: event.avsenderidentifikator }),
  ...(event.invoiceReference === null ? {} : { invoiceReference: event.invoiceReference }),
});

function digitalContent(
  event: LetterDispatch,
  mailbox: NonNullable<LetterDispatch['mailbox']>,
  open: Open,
): Handover['content'] {
  const kind = kindOf(event.kind);
  const email =
    mailbox.email === null || mailbox.emailText === null
      ? undefined
      : { address: open('notice.email', mailbox.email), text: open('notice.emailText', mailbox.emailText) };
  const sms =
    mailbox.mobile === null || mailbox.smsText === null
      ? undefined
      : { number: open('notice.mobile', mailbox.mobile), text: open('notice.smsText', mailbox.smsText) };
  return {
    channel: 'digital',
    ...senderFields(event),
    mailboxAddress: open('mailbox.address', mailbox.address),
    securityLevel: mailbox.securityLevel === 4 ? 4 : 3,
    nonSensitiveTitle: open('nonSensitiveTitle', mailbox.nonSensitiveTitle),
    language: mailbox.language,
    openingReceipt: mailbox.openingReceipt,
    ...(mailbox.effectiveAt === null ? {} : { effectiveAt: new Date(mailbox.effectiveAt) }),
    ...(email === undefined && sms === undefined
      ? {}
      : {
          notice: {
            ...(email === undefined ? {} : { email }),
            ...(sms === undefined ? {} : { sms }),
            repetitions: kind !== undefined && hasLegalEffect(kind) ? REPEATED : ONCE,
          },
        }),
  };
}

function printContent(event: LetterDispatch, open: Open): Handover['content'] {
  const { print, postalAddress } = event;
  if (print === null || postalAddress === null)
    throw new PermanentError('a leg for print without address or print options');
  const { returnAddress: back } = print;
  const address = JSON.parse(open('postalAddress', postalAddress)) as PostalAddress;
  const returnAddress = {
    name: back.name,
    lines: back.lines,
    ...(back.postalCode === null ? {} : { postalCode: back.postalCode }),
    ...(back.city === null ? {} : { city: back.city }),
    ...(back.countryCode === null ? {} : { countryCode: back.countryCode }),
  };
  // routed or accepted before that was looked at
  if (addressLines(address) === undefined || addressLines(returnAddress) === undefined)
    throw new PermanentError('an address that does not fit into the message');
  return {
    channel: 'print',
    ...senderFields(event),
    address,
    colour: print.colour === 'COLOUR',
    postClass: print.postClass === 'A' ? 'A' : 'B',
    returnAddress,
    returnHandling: print.returnHandling === 'SHRED_WITH_MESSAGE' ? 'MAKULERING_MED_MELDING' : 'DIREKTE_RETUR',
  };
}
