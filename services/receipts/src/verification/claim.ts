import type { X509Certificate } from 'node:crypto';
import { PackageError, verifySbd, type PackageReason, type Revocations, type Sbd } from '@postgang/document-package';
import { CLOCK_SKEW_MS, receiptEventId } from '@postgang/evidence';
import { conversationIdOf, isUuid, type ReceiptReceived } from '@postgang/pipeline';
import { isReceiptKind, type ReceiptKind } from '@postgang/rules';
import { isLegNumber } from '../legs/fact.js';
import { storedChain, type StoredChain } from './stored-chain.js';

/** Why a receipt was set aside: it proves nothing, and a person may look at it. */
export type Problem =
  | PackageReason
  | 'not-a-receipt'
  | 'wrong-signer'
  | 'wrong-sender'
  | 'wrong-provider'
  | 'wrong-channel'
  | 'signer-revoked'
  | 'signed-after-received'
  | 'signed-before-sealed'
  | 'happened-after-signed'
  | 'neither-receipt-nor-report';

/** As whoever verifies the evidence has it (milliseconds). */
export const SKEW_MS = CLOCK_SKEW_MS;

/** What receipts are verified against. */
export interface Yardstick {
  readonly trust: readonly X509Certificate[];
  readonly skewMs: number;
  /** By our own clock. */
  readonly now: Date;
  readonly revocations: Pick<Revocations, 'revokedAt'>;
}

/** What somebody says about a leg, before it is known whether they may say it. */
export interface Claim {
  /** Derived from the content, never from what the writer of the record calls it: nobody can occupy another receipt's id. */
  readonly eventId: string;
  readonly conversationId: string;
  /** Whose topic it came over. */
  readonly provider: string;
  readonly raw: string;
  readonly receivedAt: Date;
  /** When it was read, by our own clock: what it tells of has happened by then, whatever it says. */
  readonly readAt: Date;
  readonly says: SignedReceipt | Report;
}

export interface SignedReceipt {
  readonly by: 'signature';
  readonly kind: ReceiptKind;
  readonly at: Date;
  /** Latest moment, by our clock, at which it can have been signed if it says the truth. */
  readonly signedBy: Date;
  /** Organisation number in the signer's certificate. */
  readonly signer: string;
  /** The SBD's sender, as it stands there. */
  readonly sender: string;
  readonly chain: StoredChain;
  /** `KLIENT` or `SERVER`, in a `feil`. */
  readonly errorType: string | undefined;
}

/** Who wrote it is proved by the broker's ACL on the provider's topic. */
export interface Report {
  readonly by: 'topic';
  readonly outcome: 'TAKEN' | 'REFUSED';
  readonly reason: string | null;
}

export interface SetAside {
  readonly eventId: string;
  readonly conversationId: string | null;
  readonly provider: string;
  readonly raw: string;
  readonly receivedAt: Date;
  readonly problem: Problem;
}

export const REPORT_KIND = 'adapter-report';

/** Verifies a record of receipt.received as far as it can be without its leg. Never throws for what is in the receipt. */
export function claimOf(event: ReceiptReceived, provider: string, yardstick: Yardstick): Claim | SetAside {
  const receivedAt = validDate(new Date(event.receivedAt)) ?? new Date(0);
  if (event.raw !== null && event.report === null && event.pulledUntil === null)
    return receiptOf(event.raw, provider, receivedAt, yardstick, event.conversationId);
  if (event.raw === null && event.report !== null && event.pulledUntil === null)
    return reportOf(JSON.stringify(event.report), provider, receivedAt, yardstick);
  return setAside(JSON.stringify(event), provider, receivedAt, event.conversationId, 'neither-receipt-nor-report');
}

export function receiptOf(
  raw: string,
  provider: string,
  receivedAt: Date,
  { trust, skewMs, now, revocations }: Yardstick,
  claimed: string | null,
): Claim | SetAside {
  const aside = (problem: Problem): SetAside => setAside(raw, provider, receivedAt, claimed, problem);
  try {
    const { sbd, type, organisation, chain } = verifySbd(raw, { trust });
    if (!isReceiptKind(type)) return aside('not-a-receipt');
    const header = sbd.standardBusinessDocument.standardBusinessDocumentHeader;
    const body = sbd.standardBusinessDocument[type] ?? {};
    // an impossible date compares as neither before nor after a certificate's validity
    const signedAt = validDate(new Date(header.documentIdentification.creationDateAndTime));
    const at = validDate(new Date(String(body['tidspunkt'])));
    const conversationId = conversationOf(sbd);
    if (signedAt === undefined || at === undefined || conversationId === undefined) return aside('message-invalid');
    // certificates are judged at the time the receipt states: one that states what it likes would be signed with any that was ever valid
    // `receivedAt` is another host's word, and its clock may be behind: we have it now
    const latest = Math.max(receivedAt.getTime(), now.getTime());
    if (signedAt.getTime() > latest + skewMs) return aside('signed-after-received');
    // both are the signer's own word: nobody signs today what will have happened tomorrow
    if (at.getTime() > signedAt.getTime() + skewMs) return aside('happened-after-signed');
    // what was signed before counts: the key was its owner's then
    const revokedAt = revocations.revokedAt(chain);
    if (revokedAt !== undefined && revokedAt <= signedAt) return aside('signer-revoked');
    return {
      eventId: receiptEventId(provider, raw),
      conversationId,
      provider,
      raw,
      receivedAt,
      readAt: now,
      says: {
        by: 'signature',
        kind: type,
        at,
        signedBy: new Date(signedAt.getTime() + skewMs),
        signer: organisation,
        sender: header.sender[0].identifier.value,
        chain: storedChain(chain),
        errorType: typeof body['feiltype'] === 'string' ? body['feiltype'] : undefined,
      },
    };
  } catch (error) {
    return aside(error instanceof PackageError ? error.reason : 'not-a-package');
  }
}

const REASON = /^[a-z0-9-]{1,60}$/;

/** A report has no time of its own but that of its record, which is an adapter's word: none is from the future. */
export function reportOf(
  raw: string,
  provider: string,
  writtenAt: Date,
  { now }: Pick<Yardstick, 'now'>,
): Claim | SetAside {
  const receivedAt = writtenAt < now ? writtenAt : now;
  const { letterId, leg, outcome, reason } = JSON.parse(raw) as NonNullable<ReceiptReceived['report']>;
  const known = outcome === 'TAKEN' || outcome === 'REFUSED';
  if (!isUuid(letterId) || !isLegNumber(leg) || !known)
    return setAside(raw, provider, receivedAt, null, 'message-invalid');
  return {
    eventId: receiptEventId(provider, raw),
    conversationId: conversationIdOf(letterId.toLowerCase(), leg),
    provider,
    raw,
    receivedAt,
    readAt: now,
    // free text from outside could be personal
    says: { by: 'topic', outcome, reason: reason !== null && REASON.test(reason) ? reason : null },
  };
}

function setAside(raw: string, provider: string, receivedAt: Date, claimed: string | null, problem: Problem): SetAside {
  const conversationId = claimed !== null && isUuid(claimed) ? claimed.toLowerCase() : null;
  // PostgreSQL's text cannot hold NUL; what carries one was never a JWS
  return {
    eventId: receiptEventId(provider, raw),
    conversationId,
    provider,
    raw: raw.replaceAll('\0', '\uFFFD'),
    receivedAt,
    problem,
  };
}

const validDate = (date: Date): Date | undefined => {
  const year = date.getUTCFullYear();
  return year >= 1970 && year <= 9999 ? date : undefined;
};

function conversationOf(sbd: Sbd): string | undefined {
  const scopes = sbd.standardBusinessDocument.standardBusinessDocumentHeader.businessScope.scope;
  const [conversation, second] = scopes.filter((scope) => scope.type === 'ConversationId');
  // of two, another reader might take the other
  return second === undefined ? conversation?.instanceIdentifier?.toLowerCase() : undefined;
}
