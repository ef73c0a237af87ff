import type { Folded } from '../legs/fold.js';
import { REPORT_KIND, type Claim, type SetAside } from '../verification/claim.js';
import type { ReceiptRow } from './save.js';

/** What table receipt is to hold of a batch: matched, waiting, or set aside. In one order for every batch, so that two never wait for each other. */
export function receiptRows(
  claims: readonly Claim[],
  asides: readonly SetAside[],
  folded: readonly Folded[],
): ReceiptRow[] {
  const rows = new Map<string, ReceiptRow>();
  for (const claim of claims) rows.set(claim.eventId, claimRow(claim));
  for (const { letter, settled } of folded)
    for (const { claim, leg, problem } of settled) {
      const matched = problem === null ? { letterId: letter.id, leg } : {};
      rows.set(claim.eventId, { ...claimRow(claim), ...matched, problem });
    }
  const unknown = { letterId: null, leg: null, kind: null, chain: null, verified: false };
  for (const aside of asides) rows.set(aside.eventId, { ...unknown, ...aside });
  return [...rows.values()].sort((a, b) => (a.eventId < b.eventId ? -1 : 1));
}

function claimRow(claim: Claim): ReceiptRow {
  const { eventId, conversationId, provider, raw, receivedAt, says } = claim;
  const signed = says.by === 'signature';
  return {
    eventId,
    letterId: null,
    leg: null,
    conversationId,
    provider,
    kind: signed ? says.kind : REPORT_KIND,
    raw,
    chain: signed ? says.chain : null,
    verified: signed,
    problem: null,
    receivedAt,
  };
}
