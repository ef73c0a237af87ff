import { receiptDigest } from '@postgang/evidence';
import { GIVEN_UP, meaningOf, type LegState } from '@postgang/rules';
import type { Fact } from '../legs/fact.js';
import type { LegRow } from '../legs/letter.js';
import type { Claim, Problem, Report, SignedReceipt } from './claim.js';

/** Country code of Norwegian organisation numbers (ISO 6523), as in the SBD's sender. */
const ORGANISATION_SCHEME = '0192:';

/** A leg whose provider is known: only then can anybody say who may speak about it. */
export type RoutedLeg = LegRow & { readonly providerOrganisation: string; readonly channel: 'digital' | 'print' };

/**
 * The one problem that another fact of the leg may take away: the records of a leg lie in several topics and are read in any order, so that the first
 * may be that of the host whose clock is ahead.
 */
export const MEASURED_AGAIN = 'signed-before-sealed' satisfies Problem;

export const isRouted = (leg: LegRow | undefined): leg is RoutedLeg =>
  leg !== undefined && leg.providerOrganisation !== null && leg.channel !== null;

/** Whether who says it is the provider of that leg, and the kind can come over that channel; then the fact in it. */
export function judge(claim: Claim, leg: RoutedLeg): Fact | { readonly problem: Problem } {
  return claim.says.by === 'signature' ? judgeReceipt(claim, claim.says, leg) : judgeReport(claim, claim.says, leg);
}

/**
 * Not by whose topic brought it: receipts of all providers lie in one queue of the access point, and the topic is chosen by the very signature
 * that is judged here. Who of two providers is one organisation (a mailbox and a print shop of the same house) signs with one number for both, and
 * its receipts come over one topic: a comparison would lose genuine ones, and stops no forged one. Over a second topic a receipt is stale.
 */
function judgeReceipt(claim: Claim, receipt: SignedReceipt, leg: RoutedLeg): Fact | { problem: Problem } {
  if (receipt.signer !== leg.providerOrganisation) return { problem: 'wrong-signer' };
  if (receipt.sender !== ORGANISATION_SCHEME + leg.providerOrganisation) return { problem: 'wrong-sender' };
  // the other end of what claim.ts bounds: nobody can have received what was not yet on its way
  if (leg.sealedAt !== null && receipt.signedBy < leg.sealedAt) return { problem: MEASURED_AGAIN };
  const meaning = meaningOf(leg.channel, receipt.kind);
  if ('nonsense' in meaning) return { problem: 'wrong-channel' };
  const { at } = receipt;
  const head = { eventId: claim.eventId, letterId: leg.letterId, leg: leg.n, at, since: sinceOf(at, claim, leg) };
  // the id alone is too short to prove the content
  const proof = { receipt: receiptDigest(claim.raw) };
  if ('notice' in meaning) return { ...head, kind: 'notice-failed', particulars: proof };
  const reason = reasonOf(meaning.state, receipt.errorType);
  return {
    ...head,
    kind: receipt.kind,
    effect: { of: 'leg', state: meaning.state, ...(reason === undefined ? {} : { reason }) },
    particulars: reason === undefined ? proof : { ...proof, reason },
  };
}

function judgeReport(claim: Claim, report: Report, leg: RoutedLeg): Fact | { problem: Problem } {
  if (claim.provider !== leg.provider) return { problem: 'wrong-provider' };
  const at = claim.receivedAt;
  const head = { eventId: claim.eventId, letterId: leg.letterId, leg: leg.n, at, since: sinceOf(at, claim, leg) };
  if (report.outcome === 'TAKEN') return { ...head, kind: 'adapter-taken', effect: { of: 'leg', state: 'HandedOver' } };
  // our own word for what nobody took: from an adapter, which may have taken it, a no is a no
  const reason = report.reason === null || report.reason === GIVEN_UP ? 'provider-refused' : report.reason;
  return {
    ...head,
    kind: 'adapter-refused',
    effect: { of: 'leg', state: 'Refused', reason },
    particulars: { reason },
  };
}

/** A signature proves who says it, not when it was: nothing has happened to a letter before it was on its way, or after we heard of it. */
function sinceOf(at: Date, { readAt }: Claim, { sealedAt }: RoutedLeg): Date {
  if (at > readAt) return readAt;
  return sealedAt !== null && at < sealedAt ? sealedAt : at;
}

function reasonOf(state: LegState, errorType: string | undefined): string | undefined {
  if (state === 'Returned') return 'returned';
  if (state !== 'Failed') return undefined;
  return errorType === 'KLIENT' ? 'provider-client-error' : 'provider-server-error';
}
