import type { SigningIdentity } from '@postgang/document-package';
import { KeyRing } from '@postgang/outside';
import type { FilesystemStore, StoredDocument } from '@postgang/document-store';
import { letterIdOf, type LetterRouted } from '@postgang/pipeline';
import { randomBytes, randomUUID } from 'node:crypto';

export const SENDER = '310000027';
export const ADDRESS = { name: 'Kari Prøve', lines: ['Prøveveien 5'], postalCode: '0173', city: 'Oslo' };
export const PDF = Buffer.from('%PDF-1.4\n% a letter\n%%EOF\n');
export const ATTACHMENT = Buffer.from('plain text');

const scope = () => ({ active: 'k1', keys: { k1: randomBytes(32).toString('base64') } });

/** Letters as register-lookup leaves them behind, with their documents in the store. */
export class RoutedLetters {
  readonly keyRing = JSON.stringify({
    internal: scope(),
    'provider:digipost': scope(),
    'provider:eboks': scope(),
    'provider:print': scope(),
  });
  readonly keys = KeyRing.parse(this.keyRing);

  constructor(private readonly store: FilesystemStore) {}

  async routed(
    provider: 'digipost' | 'print',
    recipient: SigningIdentity,
    organisation: string,
    more: Partial<LetterRouted['letter']> = {},
  ): Promise<LetterRouted> {
    const reference = randomUUID();
    const letterId = letterIdOf(SENDER, reference);
    const seal = (field: string, value: string): Buffer => this.keys.seal('internal', letterId, field, value);
    const document = (index: number, title: string, mediaType: string, stored: StoredDocument) => ({
      title: seal(`document.${index}.title`, title),
      mediaType,
      ...stored,
    });
    const print = provider === 'print';
    return {
      letter: {
        letterId,
        sender: SENDER,
        senderName: 'Prøveetaten',
        supplier: null,
        reference,
        kind: 'ENKELTVEDTAK',
        recipient: seal('recipient', '01810050019'),
        title: seal('title', 'Vedtak om støtte'),
        nonSensitiveTitle: seal('nonSensitiveTitle', 'Brev fra etaten'),
        language: 'nb',
        securityLevel: 4,
        documents: [
          document(0, 'Vedtaket', 'application/pdf', await this.store.put(PDF)),
          ...(print ? [] : [document(1, 'Vedlegg', 'text/plain', await this.store.put(ATTACHMENT))]),
        ],
        print: print
          ? {
              colour: 'COLOUR',
              postClass: 'A',
              returnAddress: { name: 'Etaten', lines: ['Boks 1'], postalCode: '0001', city: 'Oslo', countryCode: null },
              returnHandling: 'RETURN',
            }
          : null,
        notice: null,
        openingReceipt: true,
        effectiveAt: null,
        avsenderidentifikator: 'enhet-7',
        invoiceReference: null,
        caseReference: null,
        contentHash: Buffer.alloc(33, 1),
        door: 'REST',
        acceptedAt: Date.now(),
        ...more,
      },
      leg: 1,
      channel: print ? 'PRINT' : 'DIGITAL_MAILBOX',
      provider,
      providerOrganisation: organisation,
      rule: print ? 'no-mailbox' : 'mailbox',
      certificate: recipient.certificates[0]?.raw ?? Buffer.alloc(0),
      mailbox: print
        ? null
        : {
            address: seal('mailbox.address', 'digipost#S001'),
            email: seal('mailbox.email', 'kari@epost.example'),
            mobile: seal('mailbox.mobile', '+4790000001'),
          },
      postalAddress: print ? seal('postalAddress', JSON.stringify(ADDRESS)) : null,
      routedAt: Date.now(),
    };
  }
}
