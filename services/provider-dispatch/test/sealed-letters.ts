import { sealPackage, type SigningIdentity } from '@postgang/document-package';
import { FilesystemStore, MasterKeys } from '@postgang/document-store';
import { KeyRing } from '@postgang/outside';
import { conversationIdOf, letterIdOf, messageIdOf, type LetterDispatch } from '@postgang/pipeline';
import { participantOf } from '@postgang/rules';
import { EBOKS, DIGIPOST, PRINT_SHOP, scripted, type Sandbox } from '@postgang/sandbox';
import { randomBytes, randomUUID } from 'node:crypto';

const PDF = Buffer.from('%PDF-1.4\n% a letter\n%%EOF\n');
const PROVIDERS = { digipost: DIGIPOST, eboks: EBOKS, print: PRINT_SHOP } as const;
export type ProviderName = keyof typeof PROVIDERS;

const key = (): string => randomBytes(32).toString('base64');
const scope = () => ({ active: 'k1', keys: { k1: key() } });

/** What encryption leaves behind: a package in the store, and the event that says what its provider needs. */
export class SealedLetters {
  readonly keyRing = JSON.stringify({
    internal: scope(),
    search: scope(),
    'provider:digipost': scope(),
    'provider:eboks': scope(),
    'provider:print': scope(),
  });
  readonly documentKeys = JSON.stringify(scope());
  private readonly keys = KeyRing.parse(this.keyRing);

  constructor(
    private readonly sandbox: Sandbox,
    private readonly folder: string,
  ) {}

  /** Letters that share one package: to seal thousands would take longer than what is to be seen. */
  async many(sender: string, count: number): Promise<LetterDispatch[]> {
    const first = await this.seal(sender);
    const mailboxAddress = scripted('digipost').contact.mailbox?.address ?? '';
    return Array.from({ length: count }, () => {
      const reference = randomUUID();
      const letterId = letterIdOf(sender, reference);
      const seal = (field: string, value: string): Buffer =>
        this.keys.seal('provider:digipost', letterId, field, value);
      const mailbox = first.mailbox && {
        ...first.mailbox,
        address: seal('mailbox.address', mailboxAddress),
        nonSensitiveTitle: seal('nonSensitiveTitle', 'Brev'),
      };
      const ids = { conversationId: conversationIdOf(letterId, 1), messageId: messageIdOf(letterId, 1) };
      return { ...first, letterId, reference, ...ids, mailbox };
    });
  }

  async seal(sender: string, provider: ProviderName = 'digipost', person: string = provider): Promise<LetterDispatch> {
    const print = provider === 'print';
    const organisation = PROVIDERS[provider];
    const recipient = scripted(print ? 'no-mailbox' : person);
    const reference = randomUUID();
    const letterId = letterIdOf(sender, reference);
    const mailboxAddress = recipient.contact.mailbox?.address ?? '';
    const identity = this.sandbox.certificates.providers.get(organisation) as SigningIdentity;
    const { cms, digest } = await sealPackage({
      manifest: { sender: participantOf(sender), language: 'nb', ...(print ? {} : { mailboxAddress }) },
      main: { href: 'brev.pdf', mediaType: 'application/pdf', title: 'Brev', content: PDF },
      attachments: [],
      signer: this.sandbox.certificates.operator,
      recipient: identity.certificates[0] as SigningIdentity['certificates'][number],
      signingTime: new Date(),
    });
    const store = await FilesystemStore.open({
      root: this.folder,
      keys: MasterKeys.parse(this.documentKeys),
      fresh: true,
    });
    const stored = await store.put(cms);
    await store.close();
    const seal = (field: string, value: string): Buffer =>
      this.keys.seal(`provider:${provider}`, letterId, field, value);
    const address = { name: 'Kari Prøve', lines: ['Prøveveien 5'], postalCode: '0173', city: 'Oslo' };
    return {
      letterId,
      leg: 1,
      sender,
      reference,
      provider,
      providerOrganisation: organisation,
      channel: print ? 'PRINT' : 'DIGITAL_MAILBOX',
      kind: 'ENKELTVEDTAK',
      conversationId: conversationIdOf(letterId, 1),
      messageId: messageIdOf(letterId, 1),
      packageRef: stored.ref,
      packageSize: stored.size,
      packageDigest: digest,
      avsenderidentifikator: null,
      invoiceReference: null,
      mailbox: print
        ? null
        : {
            address: seal('mailbox.address', mailboxAddress),
            nonSensitiveTitle: seal('nonSensitiveTitle', 'Brev'),
            language: 'nb',
            securityLevel: 4,
            openingReceipt: false,
            effectiveAt: null,
            email: null,
            emailText: null,
            mobile: null,
            smsText: null,
          },
      postalAddress: print ? seal('postalAddress', JSON.stringify(address)) : null,
      print: print
        ? {
            colour: 'BLACK_WHITE',
            postClass: 'B',
            returnAddress: { name: 'Etaten', lines: ['Boks 1'], postalCode: '0001', city: 'Oslo', countryCode: null },
            returnHandling: 'RETURN',
          }
        : null,
      sealedAt: Date.now(),
    };
  }
}
