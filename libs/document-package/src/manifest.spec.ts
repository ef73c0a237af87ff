import { describe, expect, it } from '@jest/globals';
import { PackageError, readManifest, writeManifest, type PackageManifest } from './index.js';

const document = { href: 'document.pdf', mediaType: 'application/pdf', title: 'Vedtak', language: 'nb' };
const manifest: PackageManifest = {
  sender: '0192:991825827',
  mailboxAddress: 'ola#1',
  main: document,
  attachments: [],
};
const reasonOf = (run: () => unknown): string => {
  try {
    run();
    return 'accepted';
  } catch (error) {
    return error instanceof PackageError ? error.reason : `crashed: ${String(error)}`;
  }
};
const xml = (documents: string, before = ''): Buffer =>
  Buffer.from(
    `<?xml version="1.0" encoding="UTF-8"?>${before}<manifest xmlns="http://begrep.difi.no/sdp/schema_v10"><avsender><organisasjon authority="iso6523-actorid-upis">0192:991825827</organisasjon></avsender>${documents}</manifest>`,
  );
const MAIN = '<hoveddokument href="document.pdf" mime="application/pdf"><tittel lang="nb">T</tittel>';

describe('manifest.xml', () => {
  it.each<[string, Partial<PackageManifest>]>([
    ['a control character in the title', { main: { ...document, title: 'Ved\u0001tak' } }],
    ['half a character in the title', { main: { ...document, title: 'Ved\ud83dtak' } }],
    ['a control character in the address', { mailboxAddress: 'a\u0000' }],
    ['256 characters of title', { main: { ...document, title: 'x'.repeat(256) } }],
    ['an empty title', { main: { ...document, title: '' } }],
    ['a title without language', { main: { href: 'a.pdf', mediaType: 'x', title: 'T' } }],
    ['a name of three characters', { main: { ...document, href: 'a.b' } }],
    ['one name for two documents', { attachments: [document] }],
    [
      '201 attachments',
      { attachments: Array.from({ length: 201 }, (_none, at) => ({ ...document, href: `v${at}.pdf` })) },
    ],
    ['101 characters of sender unit', { senderUnit: '😀'.repeat(101) }],
    ['41 characters of invoice reference', { invoiceReference: '😀'.repeat(41) }],
    ['a sender that is no participant', { sender: '991825827' }],
  ])('is not written with %s', (_what, change) => {
    expect(reasonOf(() => writeManifest({ ...manifest, ...change }))).toBe('manifest-invalid');
  });

  it('counts an emoji as one character', () => {
    const [title, senderUnit, invoiceReference] = [255, 100, 40].map((most) => '😀'.repeat(most));
    const full = { ...manifest, senderUnit, invoiceReference, main: { ...document, title } };
    expect(readManifest(writeManifest(full))).toEqual(full);
  });

  it('may name the file that describes a document, and a link', () => {
    const link = '<lenke><url>https://example.no</url></lenke>';
    expect(
      readManifest(xml(`${MAIN}<data href="lenke.xml" mime="application/xml"/></hoveddokument>${link}`)).main,
    ).toMatchObject({
      metadata: { href: 'lenke.xml', mediaType: 'application/xml' },
    });
  });

  it.each([
    ['no document', xml(''), 'manifest-invalid'],
    ['two main documents', xml(`${MAIN}</hoveddokument>${MAIN}</hoveddokument>`), 'manifest-invalid'],
    ['an entity', xml('&lol;'), 'xml-malformed'],
    ['a bomb of entities', xml(MAIN, '<!DOCTYPE m [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]>'), 'xml-malformed'],
    ['an external entity', xml(MAIN, '<!DOCTYPE m SYSTEM "file:///etc/passwd">'), 'xml-malformed'],
    ['another encoding', Buffer.from('<?xml version="1.0" encoding="ISO-8859-1"?><a/>'), 'xml-malformed'],
    ['UTF-16', Buffer.from('\ufeff<a/>', 'utf16le'), 'xml-malformed'],
    ['an undeclared prefix', xml('<x:a/>'), 'xml-malformed'],
    ['two attributes of one name', xml(`<hoveddokument href="a.pdf" href="b.pdf" mime="x"/>`), 'xml-malformed'],
    ['a hundred levels', xml(`${'<a>'.repeat(100)}${'</a>'.repeat(100)}`), 'too-large'],
    ['five megabytes', xml(' '.repeat(5 * 1024 * 1024)), 'too-large'],
  ])('is refused with %s', (_what, bytes, reason) => {
    expect(reasonOf(() => readManifest(bytes))).toBe(reason);
  });
});
