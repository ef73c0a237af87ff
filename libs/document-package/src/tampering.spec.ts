import { beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { deflateRawSync } from 'node:zlib';
import {
  openPackage,
  PackageError,
  readZip,
  safeHref,
  sealPackage,
  TestAuthority,
  verifyContainer,
  verifySbd,
  signSbd,
  receiptSbd,
  writeContainer,
  writeZip,
  type SigningIdentity,
  type ZipEntry,
} from './index.js';

const AT = new Date();
let authority: TestAuthority;
let signer: SigningIdentity;
let other: SigningIdentity;
let mailbox: SigningIdentity;
let zip: Buffer;

const input = () => ({
  manifest: { sender: '0192:991825827', mailboxAddress: 'box#1', language: 'nb' },
  main: {
    href: safeHref(0, 'text/plain'),
    mediaType: 'text/plain',
    title: 'Brev & "tegn" <æøå>',
    content: Buffer.from('Hei på deg'),
  },
  attachments: [
    {
      href: safeHref(1, 'application/pdf'),
      mediaType: 'application/pdf',
      title: 'Vedlegg',
      content: Buffer.from('%PDF-1.4 …'),
    },
  ],
  signer,
  signingTime: AT,
});

beforeAll(async () => {
  authority = await TestAuthority.create();
  [signer, other, mailbox] = await Promise.all([
    authority.issue('991825827', 'Avsender'),
    authority.issue('984661185', 'Annen'),
    authority.issue('922020175', 'Postkasse'),
  ]);
  zip = await writeContainer(input());
});

const rewrite = (change: (entries: ZipEntry[]) => ZipEntry[]): Buffer => writeZip(change(readZip(zip)), AT, '');
const edit = (name: string, change: (text: string) => string) => (entries: ZipEntry[]) =>
  entries.map((entry) =>
    entry.name === name ? { ...entry, content: Buffer.from(change(entry.content.toString())) } : entry,
  );
const signatures = (change: (text: string) => string): Buffer => rewrite(edit('META-INF/signatures.xml', change));
const reasonOf = (run: () => unknown): string => {
  try {
    run();
    return 'accepted';
  } catch (error) {
    return error instanceof PackageError ? error.reason : `crashed: ${String(error)}`;
  }
};

describe('a package of ours', () => {
  it('opens with the right key, says what was put in, and comes from the signer', async () => {
    const sealed = await sealPackage({ ...input(), recipient: mailbox.certificates[0]! });
    const opened = openPackage(sealed.cms, mailbox.key, { trust: authority.trust });
    expect(opened.documents.map(({ title, content }) => [title, content.toString()])).toEqual([
      ['Brev & "tegn" <æøå>', 'Hei på deg'],
      ['Vedlegg', '%PDF-1.4 …'],
    ]);
    expect(opened.signer[0]?.fingerprint256).toBe(signer.certificates[0]?.fingerprint256);
    expect(reasonOf(() => openPackage(sealed.cms, other.key))).toBe('cannot-decrypt');
  });

  it('takes any text and bytes', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.string({ unit: 'grapheme', minLength: 1, maxLength: 100 }),
        fc.uint8Array({ maxLength: 2_000 }),
        async (title, bytes) => {
          fc.pre(
            !/[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/.test(title) &&
              title.isWellFormed() &&
              title.length <= 255 &&
              !title.includes('\r'),
          );
          const container = await writeContainer({
            ...input(),
            main: { ...input().main, title, content: Buffer.from(bytes) },
          });
          const { documents } = verifyContainer(container, { trust: authority.trust });
          expect(documents[0]?.title).toBe(title);
          expect(documents[0]?.content.equals(Buffer.from(bytes))).toBe(true);
        },
      ),
      { numRuns: 30 },
    );
  });

  it('is never accepted with other content after any byte was changed', () => {
    fc.assert(
      fc.property(fc.nat(zip.length - 1), fc.integer({ min: 1, max: 255 }), (at, mask) => {
        const changed = Buffer.from(zip);
        changed[at] = (changed[at] as number) ^ mask;
        try {
          const { documents } = verifyContainer(changed, { trust: authority.trust });
          // dates and comments of the zip are not signed; everything that counts must be as it was
          expect(documents.map((document) => document.content.toString())).toEqual(['Hei på deg', '%PDF-1.4 …']);
        } catch (error) {
          expect(error).toBeInstanceOf(PackageError);
        }
      }),
      { numRuns: 400 },
    );
  });
});

describe('a tampered container is refused', () => {
  const table: [string, () => Buffer, string][] = [
    ['text replaced', () => rewrite(edit('document.txt', () => 'Hei på meg')), 'digest-mismatch'],
    [
      'text and its digest replaced',
      () =>
        rewrite((entries) =>
          edit('META-INF/signatures.xml', (xml) => xml.replace(/(URI="document.txt">.*?<DigestValue>)[^<]+/, '$1AAAA'))(
            edit('document.txt', () => 'x')(entries),
          ),
        ),
      'digest-mismatch',
    ],
    [
      'signature value replaced',
      () => signatures((xml) => xml.replace(/<SignatureValue>[^<]+/, '<SignatureValue>AAAA')),
      'signature-invalid',
    ],
    ['KeyInfo removed', () => signatures((xml) => xml.replace(/<KeyInfo>.*<\/KeyInfo>/, '')), 'key-info-missing'],
    [
      'a reference removed',
      () => signatures((xml) => xml.replace(/<Reference Id="ID_1".*?<\/Reference>/, '')),
      'file-unsigned',
    ],
    [
      'a reference doubled',
      () =>
        signatures((xml) => xml.replace(/(<Reference) Id="ID_1"( .*?<\/Reference>)/, '$1 Id="ID_1"$2$1 Id="ID_9"$2')),
      'signature-structure',
    ],
    [
      'the signature wrapped',
      () =>
        signatures((xml) =>
          xml.replace('<Signature ', '<Wrapper><Signature ').replace('</Signature>', '</Signature></Wrapper>'),
        ),
      'signature-missing',
    ],
    [
      'two signatures',
      () => signatures((xml) => xml.replace(/(<Signature .*<\/Signature>)/, '$1$1')),
      'signature-missing',
    ],
    [
      'SignedProperties doubled',
      () => signatures((xml) => xml.replace(/(<SignedProperties.*<\/SignedProperties>)/, '$1$1')),
      'signature-structure',
    ],
    [
      'a transform on a file',
      () =>
        signatures((xml) =>
          xml.replace(
            /(<Reference Id="ID_1"[^>]*>)/,
            '$1<Transforms><Transform Algorithm="http://www.w3.org/TR/1999/REC-xslt-19991116"/></Transforms>',
          ),
        ),
      'signature-structure',
    ],
    [
      'signing time changed',
      () => signatures((xml) => xml.replace(/<SigningTime>[^<]+/, '<SigningTime>2020-01-01T00:00:00Z')),
      'digest-mismatch',
    ],
    [
      'a DOCTYPE',
      () => signatures((xml) => xml.replace('<XAdES', '<!DOCTYPE x [<!ENTITY a "aaaa">]><XAdES')),
      'xml-malformed',
    ],
    [
      'ten thousand levels',
      () => signatures((xml) => xml.replace('<SignedInfo>', `<SignedInfo>${'<a>'.repeat(10_000)}`)),
      'too-large',
    ],
    [
      'not UTF-8',
      () =>
        rewrite((entries) =>
          entries.map((entry) =>
            entry.name.endsWith('signatures.xml') ? { ...entry, content: Buffer.from([0xff, 0xfe, 0x3c]) } : entry,
          ),
        ),
      'xml-malformed',
    ],
    [
      'an unsigned file',
      () => rewrite((entries) => [...entries, { name: 'extra.txt', content: Buffer.from('x'), stored: true }]),
      'file-unsigned',
    ],
    [
      'an unsigned file in META-INF',
      () => rewrite((entries) => [...entries, { name: 'META-INF/x.txt', content: Buffer.from('x'), stored: true }]),
      'file-unsigned',
    ],
    [
      'a file missing',
      () => rewrite((entries) => entries.filter((entry) => entry.name !== 'attachment-1.pdf')),
      'file-missing',
    ],
    [
      'no signature',
      () => rewrite((entries) => entries.filter((entry) => !entry.name.startsWith('META-INF'))),
      'signature-missing',
    ],
    ['an entry twice', () => rewrite((entries) => [...entries, ...entries.slice(2, 3)]), 'zip-name'],
    [
      'a path out of the folder',
      () => rewrite((entries) => [...entries, { name: '../x', content: Buffer.from('x'), stored: true }]),
      'zip-name',
    ],
    [
      'an absolute path',
      () => rewrite((entries) => [...entries, { name: '/etc/x', content: Buffer.from('x'), stored: true }]),
      'zip-name',
    ],
    [
      'a backslash',
      () => rewrite((entries) => [...entries, { name: 'a\\..\\x', content: Buffer.from('x'), stored: true }]),
      'zip-name',
    ],
    ['another mimetype', () => rewrite(edit('mimetype', () => 'application/zip')), 'mimetype-wrong'],
    ['mimetype not first', () => rewrite((entries) => [...entries.slice(1), entries[0]!]), 'mimetype-wrong'],
    ['bytes before', () => Buffer.concat([Buffer.from('MZ'), zip]), 'zip-malformed'],
    ['bytes after', () => Buffer.concat([zip, Buffer.from('x')]), 'zip-malformed'],
    ['cut short', () => zip.subarray(0, -30), 'zip-malformed'],
    ['nothing', () => Buffer.alloc(0), 'not-a-package'],
  ];

  it.each(table)('%s', (_name, make, reason) => {
    expect(reasonOf(() => verifyContainer(make(), { trust: authority.trust }))).toBe(reason);
  });

  it('signed by somebody else: valid in itself, but not by a trusted root', async () => {
    const stranger = await (await TestAuthority.create('Elsewhere')).issue('991825827', 'Avsender');
    const container = await writeContainer({ ...input(), signer: stranger });
    expect(reasonOf(() => verifyContainer(container))).toBe('accepted');
    expect(reasonOf(() => verifyContainer(container, { trust: authority.trust }))).toBe('certificate-untrusted');
  });

  it('another certificate put in the place of the signer’s', () => {
    const swapped = signatures((xml) =>
      xml.replace(/<X509Certificate>[^<]+/, `<X509Certificate>${other.certificates[0]!.raw.toString('base64')}`),
    );
    expect(reasonOf(() => verifyContainer(swapped))).toBe('certificate-mismatch');
  });

  it('signed with an expired certificate', async () => {
    const expired = await authority.issue('991825827', 'Avsender', {
      notBefore: new Date(Date.now() - 2e9),
      notAfter: new Date(Date.now() - 1e9),
    });
    const container = await writeContainer({ ...input(), signer: expired });
    expect(reasonOf(() => verifyContainer(container, { trust: authority.trust }))).toBe('certificate-expired');
  });

  it('a zip bomb stops at its declared size', () => {
    const bomb = writeZip([{ name: 'mimetype', content: Buffer.alloc(200 * 1024 * 1024), stored: false }], AT, '');
    expect(reasonOf(() => verifyContainer(bomb))).toBe('too-large');
    const lying = Buffer.from(writeZip([{ name: 'a.txt', content: Buffer.alloc(1_000_000), stored: false }], AT, ''));
    const packed = deflateRawSync(Buffer.alloc(1_000_000), {}).length;
    expect(packed).toBeLessThan(2_000);
    lying.writeUInt32LE(10, 22);
    lying.writeUInt32LE(10, lying.length - 22 - 46 - 5 + 24);
    expect(reasonOf(() => verifyContainer(lying))).toMatch(/too-large|zip-malformed/);
  });
});

describe('a signed message', () => {
  const head = {
    technicalSender: '984661185',
    receiver: '991825827',
    messageId: '4c96fb25-54b0-4560-a954-afdeed10077b',
    conversationId: 'b63b72a3-ec7a-4d70-94f1-699ef899864f',
    createdAt: AT,
  };
  const message = () => receiptSbd(head, { kind: 'leveringskvittering', process: 'digital', at: AT });

  it('tells who signed', async () => {
    expect(verifySbd(await signSbd(message(), other), { trust: authority.trust })).toMatchObject({
      organisation: '984661185',
      type: 'leveringskvittering',
    });
  });

  it('is refused altered, with another algorithm, without certificate, and from a stranger', async () => {
    const jws = await signSbd(message(), other);
    const [header, payload, signature] = jws.split('.') as [string, string, string];
    const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const altered = JSON.parse(Buffer.from(payload, 'base64url').toString()) as { standardBusinessDocument: object };
    const stranger = await (await TestAuthority.create('Elsewhere')).issue('984661185', 'Falsk');
    const trust = { trust: authority.trust };
    expect(reasonOf(() => verifySbd(`${header}.${encode({ ...altered, x: 1 })}.${signature}`, trust))).toBe(
      'signature-invalid',
    );
    expect(reasonOf(() => verifySbd(`${encode({ alg: 'none' })}.${payload}.${signature}`, trust))).toBe(
      'unsupported-algorithm',
    );
    expect(reasonOf(() => verifySbd(`${encode({ alg: 'RS256' })}.${payload}.${signature}`, trust))).toBe(
      'key-info-missing',
    );
    const strange = await signSbd(message(), stranger);
    expect(reasonOf(() => verifySbd(strange, trust))).toBe('certificate-untrusted');
    expect(reasonOf(() => verifySbd(jws, { ...trust, at: new Date('2035-01-01') }))).toBe('certificate-expired');
  });
});
