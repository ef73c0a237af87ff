import { describe, expect, it } from '@jest/globals';
import { KeyRing } from '@postgang/outside';
import { randomBytes } from 'node:crypto';
import { contentHash, type HeldDocument } from './content-hash.js';
import { checkLetter, type LetterInput } from './letter-schema.js';

const SENDER = '991825827';
const ring = (...scopes: string[]): KeyRing =>
  KeyRing.parse(
    JSON.stringify(
      Object.fromEntries(
        scopes.map((scope) => [scope, { active: 'k', keys: { k: randomBytes(32).toString('base64') } }]),
      ),
    ),
  );
const keys = ring('content', 'search', 'internal');
const document: HeldDocument = {
  title: 'A',
  mediaType: 'application/pdf',
  ref: 'here',
  size: 4,
  sha256: Buffer.alloc(32),
};
const INPUT = {
  reference: 'r',
  recipient: '13868190005',
  kind: 'information',
  title: 'T',
  nonSensitiveTitle: 'N',
  documents: [{ title: 'A', type: 'application/pdf', file: 'a' }],
  print: { returnAddress: { name: 'E', lines: ['P'], postalCode: '0001', city: 'Oslo' } },
  notice: { emailText: 'E', smsText: 'S' },
  effectiveAt: '2026-01-01T00:00:00Z',
  avsenderidentifikator: 'a',
  invoiceReference: 'i',
  caseReference: 'c',
};
const letterOf = (more: object = {}): LetterInput => {
  const checked = checkLetter({ ...INPUT, ...more }, 'test');
  if ('errors' in checked) throw new Error(JSON.stringify(checked.errors));
  return checked.letter;
};
const hash = (letter = letterOf(), documents = [document], sender = SENDER, ofKeys = keys): string =>
  contentHash(ofKeys, sender, letter, documents).toString('hex');

describe('the content hash', () => {
  it('is the same for the same content, wherever its documents lie and however its time is written', () => {
    expect(hash(letterOf(), [{ ...document, ref: 'there' }])).toBe(hash());
    expect(hash(letterOf({ effectiveAt: '2026-01-01T01:00:00+01:00' }))).toBe(hash());
  });

  it('differs with every field', () => {
    const changed: object[] = [
      { reference: 's' },
      { recipient: '02820050048' },
      { kind: 'enkeltvedtak' },
      { title: 'U' },
      { nonSensitiveTitle: 'M' },
      { language: 'nn' },
      { securityLevel: 3 },
      { print: undefined },
      { print: { ...INPUT.print, colour: true } },
      { print: { ...INPUT.print, postClass: 'A' } },
      { print: { ...INPUT.print, returnHandling: 'SHRED_WITH_MESSAGE' } },
      { print: { returnAddress: { ...INPUT.print.returnAddress, lines: ['P', 'Q'] } } },
      { notice: undefined },
      { notice: { emailText: 'F', smsText: 'S' } },
      { notice: { emailText: 'E', smsText: 'T' } },
      { notice: { ...INPUT.notice, serviceMessage: true } },
      { openingReceipt: true },
      { effectiveAt: undefined },
      { avsenderidentifikator: 'b' },
      { invoiceReference: 'j' },
      { caseReference: 'd' },
    ];
    const hashes = changed.map((more) => hash(letterOf(more)));
    for (const more of [{ title: 'B' }, { mediaType: 'text/plain' }, { size: 5 }, { sha256: Buffer.alloc(32, 1) }])
      hashes.push(hash(letterOf(), [{ ...document, ...more }]));
    hashes.push(hash(letterOf(), [document, document]), hash(letterOf(), [document], '974760673'), hash());
    expect(new Set(hashes).size).toBe(hashes.length);
  });

  it('says nothing to those without its own key', () => {
    expect(hash(letterOf(), [document], SENDER, ring('content', 'search', 'internal'))).not.toBe(hash());
    expect(() => hash(letterOf(), [document], SENDER, ring('search', 'internal'))).toThrow('no keys for scope content');
  });
});
