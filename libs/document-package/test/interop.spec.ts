import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  encryptCms,
  openPackage,
  readZip,
  safeHref,
  TestAuthority,
  writeContainer,
  writeZip,
  type PackageDocument,
  type SealInput,
  type SigningIdentity,
} from '../src/index.js';
import { hasOpenssl, hasValidators, opensslDecrypt, validate } from './outside-tools.js';

const AT = new Date();
const BITS = [2048, 3072, 4096] as const;
type Bits = (typeof BITS)[number];

const bytes = (mediaType: string, size: number): Buffer =>
  mediaType === 'application/pdf' ? Buffer.concat([Buffer.from('%PDF-1.7\n'), randomBytes(size)]) : randomBytes(size);
const documents = (...all: [mediaType: string, title: string, size: number][]): PackageDocument[] =>
  all.map(([mediaType, title, size], index) => ({
    href: safeHref(index, mediaType),
    mediaType,
    title,
    content: bytes(mediaType, size),
  }));

interface Case {
  readonly name: string;
  readonly bits: Bits;
  readonly mailbox: string | undefined;
  readonly documents: readonly PackageDocument[];
}

const PDF = 'application/pdf';
const CASES: readonly Case[] = [
  { name: 'one PDF', bits: 2048, mailbox: 'ola#1234', documents: documents([PDF, 'Vedtak', 10_000]) },
  {
    name: 'four attachments, titles in many scripts',
    bits: 3072,
    mailbox: 'box<&>"\'',
    documents: documents(
      [PDF, 'Vedtak om «tilskot» & påbod – Čáhcesuolu 😀', 4_000],
      [PDF, 'ævlogbåt\tmed\nlinjeskift', 300],
      ['text/plain', '<vedlegg lang="nb">', 12_345],
      ['image/png', '附件', 1],
      ['text/plain', 'tomt', 0],
    ),
  },
  { name: 'for print', bits: 4096, mailbox: undefined, documents: documents([PDF, 'Til utskrift', 50_000]) },
  { name: 'five megabytes', bits: 2048, mailbox: 'x', documents: documents([PDF, 'Stort', 5 * 1024 * 1024]) },
  {
    name: 'two hundred attachments',
    bits: 2048,
    mailbox: 'x',
    documents: documents(
      [PDF, 'Hoved', 10],
      ...Array.from({ length: 200 }, () => [PDF, 'V', 3] as [string, string, number]),
    ),
  },
];

const openssl = hasOpenssl();
const validators = hasValidators();
const fileOf = (index: number): string => `case-${index}`;
const TAMPERED = ['changed-document.asice', 'changed-time.asice', 'changed-value.asice'];

describe('a package of ours in the hands of others', () => {
  let folder: string;
  let authority: TestAuthority;
  /** Signs and receives: making RSA-4096 keys is what takes the time here. */
  const identities = new Map<Bits, SigningIdentity>();
  const containers: Buffer[] = [];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'postgang-interop-'));
    authority = await TestAuthority.create();
    await Promise.all(
      BITS.map(async (bits) => {
        const identity = await authority.issue('991825827', 'Avsender, "AS" + <sønn>', { bits });
        identities.set(bits, identity);
        writeFileSync(join(folder, `${bits}.pem`), identity.key.export({ type: 'pkcs8', format: 'pem' }), {
          mode: 0o600,
        });
      }),
    );
    writeFileSync(join(folder, 'root.pem'), authority.trust[0]!.toString());
    for (const [index, { bits, mailbox, documents }] of CASES.entries()) {
      const input: Omit<SealInput, 'recipient'> = {
        manifest: {
          sender: '0192:991825827',
          senderUnit: 'Avdeling Ø',
          language: 'nb',
          ...(mailbox === undefined ? {} : { mailboxAddress: mailbox }),
        },
        main: documents[0]!,
        attachments: documents.slice(1),
        signer: identities.get(bits)!,
        signingTime: AT,
      };
      const zip = await writeContainer(input);
      containers.push(zip);
      writeFileSync(join(folder, `${fileOf(index)}.asice`), zip);
      writeFileSync(join(folder, `${fileOf(index)}.cms`), encryptCms(zip, identities.get(bits)!.certificates[0]!));
    }
    const entries = readZip(containers[0]!);
    const change = (name: string, to: (text: string) => string): Buffer =>
      writeZip(
        entries.map((entry) =>
          entry.name === name
            ? { ...entry, content: Buffer.from(to(entry.content.toString('latin1')), 'latin1') }
            : entry,
        ),
        AT,
        '',
      );
    const signatures = 'META-INF/signatures.xml';
    writeFileSync(
      join(folder, TAMPERED[0]!),
      change('document.pdf', (text) => `${text} `),
    );
    writeFileSync(
      join(folder, TAMPERED[1]!),
      change(signatures, (xml) => xml.replace(/<SigningTime>\d{4}/, '<SigningTime>2019')),
    );
    writeFileSync(
      join(folder, TAMPERED[2]!),
      change(signatures, (xml) =>
        xml.replace(/(<SignatureValue>)(.)/, (_all, tag: string, first: string) => tag + (first === 'A' ? 'B' : 'A')),
      ),
    );
  }, 60_000);

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each(CASES.map(({ name }, index) => [name, index] as const))('%s: opens in our own reader', (_name, index) => {
    const { bits, mailbox, documents: put } = CASES[index]!;
    const opened = openPackage(readFileSync(join(folder, `${fileOf(index)}.cms`)), identities.get(bits)!.key, {
      trust: authority.trust,
    });
    expect(opened.manifest.mailboxAddress).toBe(mailbox);
    expect(opened.documents.map(({ title }) => title)).toEqual(put.map(({ title }) => title));
    expect(opened.documents.every(({ content }, at) => content.equals(put[at]!.content))).toBe(true);
  });

  (openssl ? it : it.skip).each(CASES.map(({ name }, index) => [name, index] as const))(
    '%s: openssl cms opens it to the very container',
    (_name, index) => {
      const cms = `${fileOf(index)}.cms`;
      opensslDecrypt(folder, cms, `${CASES[index]!.bits}.pem`);
      expect(readFileSync(join(folder, `${cms}.zip`)).equals(containers[index]!)).toBe(true);
    },
  );

  (validators ? it : it.skip)(
    "the JDK's XML signature validation accepts all of them and refuses what was changed",
    () => {
      const good = CASES.map((_case, index) => `${fileOf(index)}.asice`);
      const said = validate('jdk', folder, [...good, ...TAMPERED]);
      for (const [index, name] of good.entries())
        expect(said.get(name)).toBe(`${name} JDK core=true sv=true refs=${CASES[index]!.documents.length + 2}\n`);
      for (const name of TAMPERED) expect(said.get(name)).toContain('JDK core=false');
    },
  );

  (validators ? it : it.skip)(
    'EU DSS sees ASiC-E with an intact XAdES-BASELINE-B signature in all of them, and none in what was changed',
    () => {
      // its work grows with the square of the files: the two hundred cost more seconds than all others together
      const good = CASES.flatMap(({ documents: { length } }, index) =>
        length > 100 ? [] : [`${fileOf(index)}.asice`],
      );
      const said = validate('dss', folder, [...good, ...TAMPERED], 'root.pem');
      for (const name of good) {
        expect(said.get(name)).toContain('format=XAdES-BASELINE-B intact=true valid=true container=ASiC-E');
        expect(said.get(name)).not.toMatch(/found=false|intact=false|valid=false|no signatures/);
        expect(said.get(name)).toContain('certref: digestIntact=true true/true');
      }
      for (const name of TAMPERED) expect(said.get(name)).not.toContain('intact=true valid=true');
      for (const name of TAMPERED) expect(said.get(name)).toMatch(/intact=(true|false) valid=false/);
    },
  );
});
