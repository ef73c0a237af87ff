import {
  conversationIdOf,
  letterIdOf,
  messageIdOf,
  type Letter,
  type LetterAccepted,
  type LetterDispatch,
  type LetterDispatched,
  type LetterRouted,
} from '@postgang/pipeline';

/** One letter's events as the other services would write them; sealed fields are arbitrary bytes here. */
export class LetterFacts {
  readonly letterId: string;
  readonly conversationId: string;

  constructor(
    readonly sender: string,
    readonly reference: string,
    readonly channel: 'DIGITAL_MAILBOX' | 'PRINT',
    readonly provider: 'digipost' | 'eboks' | 'print',
    readonly organisation: string,
  ) {
    this.letterId = letterIdOf(sender, reference);
    this.conversationId = conversationIdOf(this.letterId, 1);
  }

  letter(more: Partial<Letter> = {}): Letter {
    const sealed = Buffer.from('sealed elsewhere');
    return {
      letterId: this.letterId,
      sender: this.sender,
      senderName: null,
      supplier: null,
      reference: this.reference,
      kind: 'INFORMATION',
      recipient: sealed,
      title: sealed,
      nonSensitiveTitle: sealed,
      language: 'nb',
      securityLevel: 3,
      documents: [],
      print: null,
      notice: null,
      openingReceipt: true,
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

  accepted(more: Partial<Letter> = {}): LetterAccepted {
    return { letter: this.letter(more), commitments: null };
  }

  routed(): LetterRouted {
    return {
      letter: this.letter(),
      leg: 1,
      channel: this.channel,
      provider: this.provider,
      providerOrganisation: this.organisation,
      rule: 'mailbox',
      certificate: Buffer.alloc(0),
      mailbox: null,
      postalAddress: null,
      routedAt: Date.now(),
    };
  }

  dispatch(): LetterDispatch {
    return {
      letterId: this.letterId,
      leg: 1,
      sender: this.sender,
      reference: this.reference,
      provider: this.provider,
      providerOrganisation: this.organisation,
      channel: this.channel,
      kind: 'INFORMATION',
      conversationId: this.conversationId,
      messageId: messageIdOf(this.letterId, 1),
      packageRef: 'ref',
      packageSize: 1,
      packageDigest: 'digest',
      avsenderidentifikator: null,
      invoiceReference: null,
      mailbox: null,
      postalAddress: null,
      print: null,
      sealedAt: Date.now(),
    };
  }

  dispatched(): LetterDispatched {
    return {
      letterId: this.letterId,
      leg: 1,
      provider: this.provider,
      conversationId: this.conversationId,
      messageId: messageIdOf(this.letterId, 1),
      attempts: 1,
      settled: false,
      handedOverAt: Date.now(),
      operatorNote: null,
    };
  }
}
