import { expect, it } from '@jest/globals';
import { packageDigest } from '@postgang/document-package';
import type { DocumentStore } from '@postgang/document-store';
import { KeyRing, PermanentError } from '@postgang/outside';
import type { LetterDispatch } from '@postgang/pipeline';
import type { Handover } from '@postgang/providers';
import { handoverOf } from './handover.js';

const LETTER = '6f1d1c1e-6f1f-5c39-9d0b-0d3f0d6f0a11';
const PACKAGE = Buffer.from('package');
const keys = KeyRing.parse(
  JSON.stringify({ 'provider:print': { active: 'k', keys: { k: Buffer.alloc(32, 1).toString('base64') } } }),
);
const store = { get: () => Promise.resolve(PACKAGE) } as unknown as DocumentStore;
const sweden = { postalCode: '422 46', city: 'Hisings Backa', countryCode: 'SE' };
const home = ['Boks 1'];

/** A letter for print, to and back to Sweden. */
function printed(to: readonly string[], back: readonly string[]): Promise<Handover> {
  const address = JSON.stringify({ name: 'Kari Prøve', lines: to, ...sweden });
  const event: LetterDispatch = {
    letterId: LETTER,
    leg: 1,
    sender: '310000027',
    reference: 'r',
    provider: 'print',
    providerOrganisation: '310000108',
    channel: 'PRINT',
    kind: 'ENKELTVEDTAK',
    conversationId: LETTER,
    messageId: LETTER,
    packageRef: 'ref',
    packageSize: PACKAGE.length,
    packageDigest: packageDigest(PACKAGE),
    avsenderidentifikator: null,
    invoiceReference: null,
    mailbox: null,
    postalAddress: keys.seal('provider:print', LETTER, 'postalAddress', address),
    print: {
      colour: 'BLACK_WHITE',
      postClass: 'B',
      returnAddress: { name: 'Etaten', lines: [...back], ...sweden },
      returnHandling: 'RETURN',
    },
    sealedAt: 0,
  };
  return handoverOf(event, store, keys);
}

it.each([
  ['recipient', ['a', 'b', 'c', 'd'].map((line) => line.repeat(60)), home],
  ['sender', home, ['a', 'b', 'c', 'd'].map((line) => line.repeat(60))],
])("a letter is not printed with half of the %s's address", async (_whose, to, back) => {
  await expect(printed(to, back)).rejects.toBeInstanceOf(PermanentError);
});

it('both addresses are handed over whole', async () => {
  const lines = ['c/o Lindqvist', 'Block B', 'Storgatan 1', 'lgh 1102'];
  expect((await printed(lines, lines)).content).toMatchObject({ address: { lines }, returnAddress: { lines } });
});
