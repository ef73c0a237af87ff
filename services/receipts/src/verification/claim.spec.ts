import { beforeAll, describe, expect, it } from '@jest/globals';
import {
  receiptSbd,
  Revocations,
  signSbd,
  TestAuthority,
  type Sbd,
  type SigningIdentity,
} from '@postgang/document-package';
import { conversationIdOf, letterIdOf, type ReceiptReceived } from '@postgang/pipeline';
import { claimOf, SKEW_MS } from './claim.js';

const PROVIDER = '984661185';
const LETTER = letterIdOf('991825827', 'claim');
const CONVERSATION = conversationIdOf(LETTER, 1);
const DAY_MS = 86_400_000;

const revocations = new Revocations([]);
let authority: TestAuthority;
let signer: SigningIdentity;
let expired: SigningIdentity;

beforeAll(async () => {
  authority = await TestAuthority.create();
  signer = await authority.issue(PROVIDER, 'Provider');
  const ended = { notBefore: new Date(Date.now() - DAY_MS), notAfter: new Date(Date.now() - DAY_MS / 2) };
  expired = await authority.issue(PROVIDER, 'Provider', ended);
});

function sbd(createdAt = new Date(), at = createdAt): Sbd {
  const head = {
    technicalSender: PROVIDER,
    receiver: '987464291',
    messageId: LETTER,
    conversationId: CONVERSATION.toUpperCase(),
    createdAt,
  };
  return receiptSbd(head, { kind: 'leveringskvittering', process: 'digital', at });
}

const event = (raw: string | null, report: ReceiptReceived['report'] = null): ReceiptReceived => ({
  provider: 'digipost',
  conversationId: CONVERSATION,
  raw,
  report,
  pulledUntil: null,
  receivedAt: Date.now(),
});
const claim = (received: ReceiptReceived) =>
  claimOf(received, 'digipost', { trust: authority.trust, skewMs: SKEW_MS, now: new Date(), revocations });

/** A date that has the right form and is on no calendar. */
function withImpossible(field: 'creationDateAndTime' | 'tidspunkt'): Sbd {
  const text = JSON.stringify(sbd());
  return JSON.parse(text.replace(new RegExp(`"${field}":"[^"]+"`), `"${field}":"2026-13-45T99:00:00Z"`)) as Sbd;
}

describe('a received receipt', () => {
  it('is a claim about its conversation, by the organisation that signed', async () => {
    expect(claim(event(await signSbd(sbd(), signer)))).toMatchObject({
      conversationId: CONVERSATION,
      says: { by: 'signature', kind: 'leveringskvittering', signer: PROVIDER, sender: `0192:${PROVIDER}` },
    });
  });

  it('may be signed with a certificate that has ended since, but not after it ended', async () => {
    const during = new Date(Date.now() - DAY_MS * 0.75);
    expect(claim(event(await signSbd(sbd(during), expired)))).toHaveProperty('says');
    expect(claim(event(await signSbd(sbd(), expired)))).toMatchObject({ problem: 'certificate-expired' });
  });

  it.each(['creationDateAndTime', 'tidspunkt'] as const)('is set aside when %s is no date', async (field) => {
    expect(claim(event(await signSbd(withImpossible(field), expired)))).toHaveProperty('problem');
    expect(claim(event(await signSbd(withImpossible(field), signer)))).toMatchObject({ problem: 'message-invalid' });
  });

  it('is set aside when it says that what it tells of happened after it was signed, more than clocks differ', async () => {
    const signedAt = new Date();
    const verdict = async (aheadMs: number) =>
      claim(event(await signSbd(sbd(signedAt, new Date(signedAt.getTime() + aheadMs)), signer)));
    expect(await verdict(SKEW_MS)).toHaveProperty('says');
    expect(await verdict(SKEW_MS + 1)).toMatchObject({ problem: 'happened-after-signed' });
  });

  it('has an id that follows from its content alone', async () => {
    const [one, other] = await Promise.all([signSbd(sbd(), signer), signSbd(sbd(new Date(0)), signer)]);
    expect(claim(event(one)).eventId).toBe(claim({ ...event(one), receivedAt: 0 }).eventId);
    expect(claim(event(one)).eventId).not.toBe(claim(event(other)).eventId);
  });

  it('is set aside when it is neither receipt nor report, or both', () => {
    const report = { letterId: LETTER, leg: 1, outcome: 'TAKEN' as const, reason: null };
    expect(claim(event(null))).toMatchObject({ problem: 'neither-receipt-nor-report' });
    expect(claim(event('raw', report))).toMatchObject({ problem: 'neither-receipt-nor-report' });
  });

  it('is set aside when a report names no letter, no leg or no outcome, and free text in its reason is dropped', () => {
    const report = { letterId: LETTER, leg: 1, outcome: 'REFUSED' as const, reason: 'Kari Nordmann has moved' };
    expect(claim(event(null, report))).toMatchObject({ conversationId: CONVERSATION, says: { reason: null } });
    for (const wrong of [{ letterId: 'x' }, { leg: 0 }, { leg: 1.5 }, { outcome: 'UNKNOWN' as const }])
      expect(claim(event(null, { ...report, ...wrong }))).toMatchObject({ problem: 'message-invalid' });
  });
});
