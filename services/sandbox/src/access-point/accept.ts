import {
  packageDigest,
  PackageError,
  verifySbd,
  type PackageReason,
  type VerifiedSbd,
} from '@postgang/document-package';
import type { X509Certificate } from 'node:crypto';
import type { Bearer } from '../bearer.js';
import { organisationIn } from '../maskinporten/tokens.js';
import { DIGIPOST, EBOKS, PRINT_SHOP } from '../people/person.js';
import { Problem, type ProblemName } from '../problems.js';
import { bodyOf, type AcceptedLetter } from './letter.js';
import type { OutgoingParts } from './multipart.js';

const RECEIVERS: Readonly<Record<AcceptedLetter['type'], readonly string[]>> = {
  digital: [DIGIPOST, EBOKS],
  utskrift: [PRINT_SHOP],
};
const SHA256 = 'http://www.w3.org/2001/04/xmlenc#sha256';
export const MAX_PACKAGE_BYTES = 50 * 1024 * 1024;

/**
 * What corners 2 and 4 check of a message (docs.digdir.no, Digital post til innbyggere; reference: dpi.md §1.2): signature and chain, signer =
 * supplier else consumer, technical sender = signer, consumer = avsender, bearer token = maskinportentoken, receiver, digest. Throws Problem.
 */
export function acceptMessage(
  parts: OutgoingParts,
  bearer: Bearer,
  queue: string | undefined,
  trust: readonly X509Certificate[],
  now: Date,
): AcceptedLetter {
  const { sbd, type, certificate, organisation } = verified(parts.forretningsmelding, trust, now);
  if (type !== 'digital' && type !== 'utskrift') throw new Problem('unsupported-type', type);
  const { claims, token } = bearer;
  if (organisation !== organisationIn(claims.supplier ?? claims.consumer)) throw new Problem('signer-mismatch');
  const header = sbd.standardBusinessDocument.standardBusinessDocumentHeader;
  const technicalSender = numberIn(header.sender[0].identifier.value);
  if (technicalSender !== organisation) throw new Problem('technical-sender-mismatch');
  const body = bodyOf(sbd, type);
  const sender = numberIn(body.avsender.virksomhetsidentifikator.value);
  if (sender !== organisationIn(claims.consumer)) throw new Problem('consumer-mismatch');
  if (body.maskinportentoken !== token) throw new Problem('token-mismatch');
  const receiver = numberIn(header.receiver[0].identifier.value);
  if (!RECEIVERS[type].includes(receiver)) throw new Problem('unknown-receiver');
  if (parts.dokumentpakke.length > MAX_PACKAGE_BYTES) throw new Problem('too-large');
  const { digestMethod, digestValue } = body.dokumentpakkefingeravtrykk;
  if (digestMethod !== SHA256 || digestValue !== packageDigest(parts.dokumentpakke))
    throw new Problem('digest-mismatch');
  return {
    messageId: header.documentIdentification.instanceIdentifier.toLowerCase(),
    conversationId: (
      header.businessScope.scope.find((scope) => scope.type === 'ConversationId')?.instanceIdentifier as string
    ).toLowerCase(),
    type,
    technicalSender,
    sender,
    receiver,
    senderUnit: body.avsender.avsenderidentifikator,
    queue,
    body,
    signer: certificate,
    package: parts.dokumentpakke,
  };
}

const PROBLEM_OF: Partial<Record<PackageReason, ProblemName>> = {
  'signature-invalid': 'signature-invalid',
  'certificate-untrusted': 'certificate-untrusted',
  'certificate-expired': 'certificate-expired',
  'message-invalid': 'message-invalid',
};

function verified(jws: string, trust: readonly X509Certificate[], now: Date): VerifiedSbd {
  try {
    return verifySbd(jws, { trust, at: now });
  } catch (error) {
    if (!(error instanceof PackageError)) throw error;
    throw new Problem(PROBLEM_OF[error.reason] ?? 'not-a-jws', error.where);
  }
}

const numberIn = (participant: string): string => participant.replace(/^0192:/, '');

export interface MessageStatus {
  readonly status: 'OPPRETTET' | 'SENDT' | 'FEILET';
  readonly beskrivelse?: string;
  readonly timestamp: string;
}

/** Every message id ever used, and how many of each conversation: 16 bytes each, so that a million letters stay small. Forgotten at restart and reset. */
export class SentMessages {
  private readonly messages = new Map<string, { readonly technicalSender: string; readonly at: number }>();
  private readonly conversations = new Map<string, number>();

  /** Throws Problem('duplicate-message-id'), whether or not the content is the same. */
  add(letter: AcceptedLetter, at: Date): void {
    const id = packed(letter.messageId);
    if (this.messages.has(id)) throw new Problem('duplicate-message-id');
    this.messages.set(id, { technicalSender: letter.technicalSender, at: at.getTime() });
    const conversation = packed(letter.conversationId);
    this.conversations.set(conversation, (this.conversations.get(conversation) ?? 0) + 1);
  }

  /** Unknown ids have no statuses: the published interface has no 404 here. */
  statuses(messageId: string, technicalSender: string): readonly MessageStatus[] {
    const sent = this.messages.get(packed(messageId.toLowerCase()));
    if (sent === undefined) return [];
    if (sent.technicalSender !== technicalSender) throw new Problem('not-yours');
    const timestamp = new Date(sent.at).toISOString();
    return [
      { status: 'OPPRETTET', timestamp },
      { status: 'SENDT', timestamp },
    ];
  }

  /** Messages by conversation: more than one is a letter that was handed over twice. */
  *byConversation(): Generator<readonly [conversationId: string, messages: number]> {
    for (const [conversation, messages] of this.conversations) yield [unpacked(conversation), messages];
  }

  get distinctMessageIds(): number {
    return this.messages.size;
  }

  get distinctConversations(): number {
    return this.conversations.size;
  }

  clear(): void {
    this.messages.clear();
    this.conversations.clear();
  }
}

function unpacked(text: string): string {
  const hex = Buffer.from(text, 'latin1').toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

const packed = (uuid: string): string => Buffer.from(uuid.replaceAll('-', ''), 'hex').toString('latin1');
