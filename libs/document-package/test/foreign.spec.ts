import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { certificatesFromPem, PackageError, readZip, verifyContainer, writeZip } from '../src/index.js';

/** Containers that our code did not write: how they were made stands in foreign/README.md. */
const file = (name: string): Buffer => readFileSync(new URL(`foreign/${name}`, import.meta.url));
const trust = certificatesFromPem(file('trust.pem').toString());
const reasonOf = (zip: Buffer): string => {
  try {
    verifyContainer(zip, { trust });
    return 'accepted';
  } catch (error) {
    return error instanceof PackageError ? error.reason : `crashed: ${String(error)}`;
  }
};

const ACCEPTED: [file: string, what: string][] = [
  ['dss-default.asice', 'EU DSS as it comes: exclusive c14n, SigningCertificateV2, signatures001.xml'],
  ['dss-sha512-c14n11.asice', 'rsa-sha512, digests SHA-384, c14n 1.1 for one part and 1.0 for the other'],
  ['dss-pss.asice', 'RSASSA-PSS'],
  ['dss-v1-pretty.asice', 'indented, an X509Data for each certificate, certificate digest SHA-1'],
  [
    'odd-inclusive.asice',
    'byte order mark, CRLF, comments, CDATA, odd attributes and prefixes, root certificate first',
  ],
  ['odd-exclusive.asice', 'the same with exclusive c14n'],
  ['odd-prefix-list.asice', 'the same with a list of inclusive prefixes'],
];

describe('a container that somebody else wrote', () => {
  it.each(ACCEPTED)('%s verifies (%s)', (name) => {
    const opened = verifyContainer(file(name), { trust });
    expect(opened.manifest).toMatchObject({ sender: '0192:991825827', mailboxAddress: 'ola#1234' });
    expect(opened.documents.map(({ href, title, content }) => [href, title, content.toString()])).toEqual([
      ['brev på nynorsk.txt', 'Brev på nynorsk', 'Hei på deg\n'],
      ['vedlegg+1.txt', 'Vedlegg 1', 'Vedlegg\r\n'],
    ]);
    expect(opened.signer.map((certificate) => certificate.ca)).toEqual([false, true]);
  });

  it.each(ACCEPTED)('%s is refused with one letter of its signed properties changed', (name) => {
    const entries = readZip(file(name)).map((entry) => {
      const text = entry.content.toString();
      const changed = text.replace(/(SigningTime>\s*20)26/, '$125');
      return changed === text ? entry : { ...entry, content: Buffer.from(changed) };
    });
    expect(reasonOf(writeZip(entries, new Date(), ''))).toBe('digest-mismatch');
  });

  it('is refused with SHA-1, or with two files of signatures', () => {
    expect(reasonOf(file('dss-sha1.asice'))).toBe('unsupported-algorithm');
    expect(reasonOf(file('dss-two-signatures.asice'))).toBe('signature-missing');
  });
});
