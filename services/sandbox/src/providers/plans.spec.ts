import { describe, expect, it } from '@jest/globals';
import type { OpenedPackage } from '@postgang/document-package';
import type { AcceptedLetter, LetterBody } from '../access-point/letter.js';
import { DIGIPOST, EBOKS, PRINT_SHOP } from '../people/person.js';
import { scripted } from '../people/scripted.js';
import { mailboxReceipts } from './mailbox.js';
import { parseVerification } from './opening.js';
import { printReceipts } from './print-shop.js';

function letter(receiver: string, body: Partial<LetterBody> = {}): AcceptedLetter {
  return { receiver, body } as unknown as AcceptedLetter;
}
const opened = (...titles: string[]): OpenedPackage =>
  ({ manifest: { attachments: titles.map((title) => ({ title })) }, documents: [] }) as unknown as OpenedPackage;

describe('what a mailbox answers', () => {
  const kinds = (name: string, body?: Partial<LetterBody>): string[] =>
    mailboxReceipts(letter(DIGIPOST, body), undefined, scripted(name)).map(({ kind }) => kind);

  it('is no opening receipt that was not ordered, nor one for a letter nobody opens', () => {
    expect(kinds('opens')).toEqual(['leveringskvittering']);
    expect(kinds('digipost', { aapningskvittering: true })).toEqual(['leveringskvittering']);
    expect(kinds('opens', { aapningskvittering: true })).toEqual(['leveringskvittering', 'aapningskvittering']);
  });

  it('is an opening after virkningstidspunkt, and a delivery before it', () => {
    const virkningstidspunkt = '2030-01-01T08:00:00Z';
    const body = { aapningskvittering: true, virkningstidspunkt };
    const plan = mailboxReceipts(letter(DIGIPOST, body), undefined, scripted('opens'));
    expect(plan.map(({ notBefore }) => notBefore)).toEqual([undefined, new Date(virkningstidspunkt)]);
  });

  it('is no failed notice where none was ordered', () => {
    expect(kinds('notice-fails')).toEqual(['leveringskvittering']);
    expect(kinds('notice-fails', { varsler: { smsvarsel: {} } })).toEqual([
      'leveringskvittering',
      'varslingfeiletkvittering',
    ]);
  });

  it('is an error for an unknown mailbox, another provider’s, and attachments of the same name', () => {
    expect(mailboxReceipts(letter(DIGIPOST), undefined, undefined)).toMatchObject([{ kind: 'feil' }]);
    expect(mailboxReceipts(letter(EBOKS), undefined, scripted('digipost'))).toMatchObject([{ kind: 'feil' }]);
    expect(mailboxReceipts(letter(EBOKS), opened('a', 'a'), scripted('eboks'))).toMatchObject([{ kind: 'feil' }]);
    expect(mailboxReceipts(letter(EBOKS), opened('a', 'b'), scripted('eboks'))).toMatchObject([
      { kind: 'leveringskvittering' },
    ]);
  });
});

describe('what the print shop answers', () => {
  it('is a return only when the letter was to be shredded', () => {
    const kinds = (returposthaandtering: string): string[] =>
      printReceipts(letter(PRINT_SHOP, { retur: { returposthaandtering } }), undefined, scripted('returned')).map(
        ({ kind }) => kind,
      );
    expect(kinds('MAKULERING_MED_MELDING')).toEqual([
      'mottakskvittering',
      'leveringskvittering',
      'returpostkvittering',
    ]);
    expect(kinds('DIREKTE_RETUR')).toEqual(['mottakskvittering', 'leveringskvittering']);
  });
});

it('verification is full, a sample, or the digest only', () => {
  expect(parseVerification('full')).toEqual({ mode: 'full' });
  expect(parseVerification('sample:20')).toEqual({ mode: 'sample', every: 20 });
  expect(parseVerification('cms-digest-only')).toEqual({ mode: 'cms-digest-only' });
  for (const wrong of ['', 'sample:0', 'sample:x', 'none']) expect(parseVerification(wrong)).toBeUndefined();
});
