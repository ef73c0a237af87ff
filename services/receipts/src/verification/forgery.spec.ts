import type { X509Certificate } from 'node:crypto';
import { beforeAll, describe, expect, it } from '@jest/globals';
import {
  digitalSbd,
  readRevocationList,
  receiptSbd,
  Revocations,
  signingIdentityFromPem,
  signSbd,
  TestAuthority,
  type MessageHead,
  type ReceiptBody,
  type Sbd,
  type SigningIdentity,
} from '@postgang/document-package';
import { conversationIdOf, letterIdOf, type ReceiptReceived } from '@postgang/pipeline';
import { claimOf, SKEW_MS } from './claim.js';
import { isRouted, judge } from './judge.js';

const DIGIPOST = '984661185';
const EBOKS = '922020175';
const AGENCY = '991825827';
const LETTER = letterIdOf(AGENCY, 'forged');
const CONVERSATION = conversationIdOf(LETTER, 1);
const OTHER_CONVERSATION = conversationIdOf(LETTER, 2);
const DAY_MS = 86_400_000;
const days = (count: number): Date => new Date(Date.now() + count * DAY_MS);

let authority: TestAuthority;
let revocations: Revocations;
const who: Record<string, SigningIdentity> = {};

beforeAll(async () => {
  authority = await TestAuthority.create();
  const strangers = await TestAuthority.create('Somebody else');
  who['digipost'] = await authority.issue(DIGIPOST, 'Digipost');
  who['eboks'] = await authority.issue(EBOKS, 'e-Boks');
  who['agency'] = await authority.issue(AGENCY, 'Agency');
  who['no number'] = await authority.issue('nothing', 'Digipost');
  who['small key'] = await authority.issue(DIGIPOST, 'Digipost', { bits: 1024 });
  who['ended'] = await authority.issue(DIGIPOST, 'Digipost', { notBefore: days(-3), notAfter: days(-1) });
  who['to come'] = await authority.issue(DIGIPOST, 'Digipost', { notBefore: days(1), notAfter: days(9) });
  who['stranger'] = await strangers.issue(DIGIPOST, 'Digipost');
  const blocks = authority.toPem().match(/-----BEGIN [A-Z ]+-----[^-]+-----END [A-Z ]+-----/g) as string[];
  who['the authority itself'] = signingIdentityFromPem(blocks[2] as string, blocks[3] as string);
  who['revoked yesterday'] = await authority.issue(DIGIPOST, 'Digipost', { notBefore: days(-9), notAfter: days(9) });
  who['suspect since before'] = await authority.issue(DIGIPOST, 'Digipost', { notBefore: days(-9), notAfter: days(9) });
  const lists = await authority.revocationLists([
    { certificate: leafOf('revoked yesterday'), since: days(-1) },
    { certificate: leafOf('suspect since before'), since: days(-1), invalidSince: days(-3) },
  ]);
  revocations = new Revocations(await Promise.all(lists.map((list) => readRevocationList(list, authority.trust))));
  who['self-signed'] = await TestAuthority.selfSigned(DIGIPOST, 'Digipost');
});

const head = (more: Partial<MessageHead> = {}): MessageHead => ({
  ...{ technicalSender: DIGIPOST, receiver: '987464291', messageId: LETTER, conversationId: CONVERSATION },
  ...{ createdAt: new Date(), ...more },
});
const receipt = (more: Partial<MessageHead> = {}, kind: ReceiptBody['kind'] = 'leveringskvittering'): Sbd =>
  receiptSbd(head(more), { kind, process: 'digital', at: head(more).createdAt });
const by = (name: string, sbd: Sbd = receipt()): Promise<string> => signSbd(sbd, who[name] as SigningIdentity);

const text = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
async function parts(): Promise<[string, string, string]> {
  return (await by('digipost')).split('.') as [string, string, string];
}
async function repacked(change: (sbd: Sbd) => unknown): Promise<string> {
  const [header, payload, signature] = await parts();
  return [header, text(change(JSON.parse(Buffer.from(payload, 'base64url').toString()) as Sbd)), signature].join('.');
}
const inside = (sbd: Sbd, from: string, to: string): unknown => JSON.parse(JSON.stringify(sbd).replaceAll(from, to));

const leg = {
  ...{ letterId: LETTER, n: 1, conversationId: CONVERSATION, channel: 'digital' as const, provider: 'digipost' },
  ...{ providerOrganisation: DIGIPOST, state: 'HandedOver' as const, reason: null, detail: null },
};
/** The letter has been under way for two and a half days. */
const SEALED_AT = days(-2.5);

/** Why it does not count, or the kind of what it tells; `waits` when it speaks of another conversation. */
function verdict(raw: string, sealedAt: Date | null = SEALED_AT): string {
  const event: ReceiptReceived = {
    ...{ provider: 'digipost', conversationId: CONVERSATION, raw, report: null, pulledUntil: null },
    receivedAt: Date.now(),
  };
  const claim = claimOf(event, 'digipost', {
    ...{ trust: authority.trust, skewMs: SKEW_MS, now: new Date(), revocations },
  });
  if ('problem' in claim) {
    // PostgreSQL must be able to hold what is set aside
    expect(claim.raw).not.toContain('\0');
    return claim.problem;
  }
  if (claim.conversationId !== CONVERSATION) return 'waits';
  const routed = { ...leg, sealedAt };
  if (!isRouted(routed)) throw new Error('the leg has its provider');
  const fact = judge(claim, routed);
  return 'problem' in fact ? fact.problem : fact.kind;
}

describe('a receipt counts only when the provider of that leg signed exactly this', () => {
  it.each<[string, string, () => Promise<string>]>([
    ["the leg's provider", 'leveringskvittering', () => by('digipost')],
    ['ended certificate, signed before', 'leveringskvittering', () => by('ended', receipt({ createdAt: days(-2) }))],
    ["another leg's provider", 'wrong-signer', () => by('eboks')],
    ['a valid certificate of anybody', 'wrong-signer', () => by('agency')],
    ['another in whose name it speaks', 'wrong-sender', () => by('digipost', receipt({ technicalSender: EBOKS }))],
    ['another provider about its own leg', 'waits', () => by('eboks', receipt({ conversationId: OTHER_CONVERSATION }))],
    ['a chain to a root we do not know', 'certificate-untrusted', () => by('stranger')],
    ['a certificate signed by itself', 'certificate-untrusted', () => by('self-signed')],
    ['the authority itself', 'certificate-untrusted', () => by('the authority itself')],
    ['a certificate without organisation number', 'certificate-untrusted', () => by('no number')],
    ['a key too small', 'unsupported-algorithm', () => by('small key')],
    ['a certificate that had ended', 'certificate-expired', () => by('ended')],
    ['a certificate that had not begun', 'certificate-expired', () => by('to come')],
    ['a certificate revoked before', 'signer-revoked', () => by('revoked yesterday')],
    [
      'a certificate revoked since, signed before',
      'leveringskvittering',
      () => by('revoked yesterday', receipt({ createdAt: days(-1.5) })),
    ],
    [
      'a certificate revoked since, signed when the key was in other hands',
      'signer-revoked',
      () => by('suspect since before', receipt({ createdAt: days(-1.5) })),
    ],
    ['our own letter sent back', 'not-a-receipt', () => ownLetter()],
    ['a kind that a mailbox does not send', 'wrong-channel', () => by('digipost', receipt({}, 'mottakskvittering'))],
  ])('%s: %s', async (_who, expected, make) => {
    expect(verdict(await make())).toBe(expected);
  });

  const MINUTE_MS = 60_000;
  const after = (date: Date, ms: number): Date => new Date(date.getTime() + ms);
  it.each<[string, string, Date | null, () => Promise<string>]>([
    [
      'a stolen certificate that ended before the letter was made',
      'signed-before-sealed',
      days(-0.5),
      () => by('ended', receipt({ createdAt: days(-2) })),
    ],
    [
      'a certificate that is to come, at a time to come',
      'signed-after-received',
      SEALED_AT,
      () => by('to come', receipt({ createdAt: days(2) })),
    ],
    [
      'an hour ahead of us',
      'signed-after-received',
      SEALED_AT,
      () => by('digipost', receipt({ createdAt: after(new Date(), 60 * MINUTE_MS) })),
    ],
    [
      'a minute ahead of us',
      'leveringskvittering',
      SEALED_AT,
      () => by('digipost', receipt({ createdAt: after(new Date(), MINUTE_MS) })),
    ],
    [
      'a minute before the letter was sealed',
      'leveringskvittering',
      days(-0.1),
      () => by('digipost', receipt({ createdAt: after(days(-0.1), -MINUTE_MS) })),
    ],
    [
      'an hour before the letter was sealed',
      'signed-before-sealed',
      days(-0.1),
      () => by('digipost', receipt({ createdAt: after(days(-0.1), -60 * MINUTE_MS) })),
    ],
    [
      'long ago, about a letter of which nobody knows when it was sealed',
      'leveringskvittering',
      null,
      () => by('ended', receipt({ createdAt: days(-2) })),
    ],
  ])('%s: %s', async (_when, expected, sealedAt, make) => {
    expect(verdict(await make(), sealedAt)).toBe(expected);
  });

  it.each<[string, string, () => Promise<string>]>([
    ['payload', 'signature-invalid', () => repacked((sbd) => inside(sbd, 'leveringskvittering', 'aapningskvittering'))],
    ['conversation', 'signature-invalid', () => repacked((sbd) => inside(sbd, CONVERSATION, OTHER_CONVERSATION))],
    ['time', 'signature-invalid', () => repacked((sbd) => inside(sbd, String(new Date().getFullYear()), '2020'))],
    ['certificate', 'signature-invalid', () => replaced(0, () => headerOf('eboks'))],
    ['algorithm', 'unsupported-algorithm', () => replaced(0, () => text({ alg: 'none', x5c: [derOf('digipost')] }))],
    ['signature', 'signature-invalid', () => replaced(2, () => Buffer.alloc(256).toString('base64url'))],
    ['signature, left out', 'not-a-package', () => replaced(2, () => '')],
    ['certificate, left out', 'key-info-missing', () => replaced(0, () => text({ alg: 'RS256' }))],
    ['white space', 'not-a-package', async () => `${await by('digipost')}\n`],
    ['padding', 'not-a-package', async () => `${await by('digipost')}==`],
  ])('with another %s: %s', async (_what, expected, make) => {
    expect(verdict(await make())).toBe(expected);
  });

  it('is about one conversation, not two', async () => {
    const sbd = receipt();
    const scopes = sbd.standardBusinessDocument.standardBusinessDocumentHeader.businessScope.scope;
    const second = { ...(scopes[0] as (typeof scopes)[number]), instanceIdentifier: OTHER_CONVERSATION };
    (scopes as unknown[]).push(second);
    expect(verdict(await by('digipost', sbd))).toBe('message-invalid');
  });
});

describe('whatever comes as a receipt is set aside at once', () => {
  const depth = (open: string, close: string): string => open.repeat(30_000) + close.repeat(30_000);
  const billion = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><x>&b;</x>';
  const jose = (header: string | Buffer, payload: string | Buffer): string =>
    `${Buffer.from(header).toString('base64url')}.${Buffer.from(payload).toString('base64url')}.AAAA`;

  it.each<[string, string]>([
    ['nothing', ''],
    ['white space', ' \t\r\n'],
    ['NUL', '\0'.repeat(9)],
    ['300 kB', 'A'.repeat(300_000)],
    ['dots', '.'.repeat(40_000)],
    ['a lone surrogate', '\uD800.\uDFFF.x'],
    ['a byte order mark', `\uFEFF${jose('{}', '{}')}`],
    ['XML with entities', billion],
    ['XML in a JWS', jose('{"alg":"RS256"}', billion)],
    ['SOAP, deep', depth('<a>', '</a>')],
    ['JSON arrays, deep', jose(depth('[', ']'), '{}')],
    ['JSON objects, deep', jose('{}', `{"a":${depth('[', ']')}}`)],
    ['UTF-16', jose(Buffer.from('{"alg":"RS256"}', 'utf16le'), Buffer.from('{}', 'utf16le'))],
    ['invalid UTF-8', jose(Buffer.from([0x7b, 0xff, 0xfe, 0x7d]), '{}')],
    ['a list as header', jose('[]', '[]')],
    ['__proto__', jose('{"__proto__":{"alg":"RS256"}}', '{"__proto__":{"standardBusinessDocument":{}}}')],
    ['a field twice', jose('{"alg":"none","alg":"RS256"}', '{}')],
    ['a name of every object as type', jose('{"alg":"RS256","x5c":["constructor"]}', '{}')],
    ['a certificate that is PEM', jose('{"alg":"RS256","x5c":["LS0tLS1CRUdJTg=="]}', '{}')],
    ['a JWE', 'eyJhbGciOiJkaXIifQ..AAAA.AAAA.AAAA'],
  ])('%s', (_what, raw) => {
    const before = process.cpuUsage();
    expect(verdict(raw)).toMatch(/^(not-a-package|too-large|key-info-missing|unsupported-algorithm)$/);
    // a reader that goes over it again and again, or opens what is in it, takes minutes
    expect(process.cpuUsage(before).user).toBeLessThan(5_000_000);
  });
});

const leafOf = (name: string): X509Certificate => (who[name] as SigningIdentity).certificates[0] as X509Certificate;
const derOf = (name: string): string => leafOf(name).raw.toString('base64');
const headerOf = (name: string): string => text({ alg: 'RS256', x5c: [derOf(name)] });

async function replaced(index: 0 | 1 | 2, make: () => string): Promise<string> {
  const all = await parts();
  all[index] = make();
  return all.join('.');
}

function ownLetter(): Promise<string> {
  const letter = digitalSbd(head(), {
    ...{ sender: DIGIPOST, packageDigest: Buffer.alloc(32).toString('base64'), maskinportenToken: 'a.b.c' },
    ...{ mailboxAddress: 'kari.nordmann#1234', securityLevel: 3, nonSensitiveTitle: 'Brev', language: 'nb' },
    openingReceipt: false,
  });
  return by('digipost', letter);
}
