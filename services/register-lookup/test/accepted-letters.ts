import { KeyRing } from '@postgang/outside';
import { letterIdOf, type Letter } from '@postgang/pipeline';
import { randomBytes, randomUUID } from 'node:crypto';

const PRINT: Letter['print'] = {
  colour: 'BLACK_WHITE',
  postClass: 'B',
  returnAddress: { name: 'Etaten', lines: ['Boks 1'], postalCode: '0001', city: 'Oslo', countryCode: null },
  returnHandling: 'RETURN',
};

/** Letters as integration-point leaves them behind: sealed in scope "internal". */
export class AcceptedLetters {
  readonly keyRing = JSON.stringify({ internal: { active: 'k', keys: { k: randomBytes(32).toString('base64') } } });
  readonly keys = KeyRing.parse(this.keyRing);

  letter(sender: string, nationalId: string, kind: Letter['kind'] = 'INFORMATION', more: Partial<Letter> = {}): Letter {
    const reference = randomUUID();
    const letterId = letterIdOf(sender, reference);
    const seal = (field: string, value: string): Buffer => this.keys.seal('internal', letterId, field, value);
    return {
      letterId,
      sender,
      senderName: null,
      supplier: null,
      reference,
      kind,
      recipient: seal('recipient', nationalId),
      title: seal('title', 'Vedtak'),
      nonSensitiveTitle: seal('nonSensitiveTitle', 'Brev'),
      language: 'nb',
      securityLevel: 4,
      documents: [
        {
          title: seal('document.0.title', 'Vedtak'),
          mediaType: 'application/pdf',
          ref: 'ref',
          size: 1,
          sha256: Buffer.alloc(32),
        },
      ],
      print: PRINT,
      notice: null,
      openingReceipt: false,
      effectiveAt: null,
      avsenderidentifikator: null,
      invoiceReference: null,
      caseReference: null,
      contentHash: Buffer.alloc(33, 1),
      door: 'REST',
      acceptedAt: Date.now(),
      ...more,
    };
  }
}
