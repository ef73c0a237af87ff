import { beforeAll, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { X509Certificate } from 'node:crypto';
import {
  openPackage,
  PackageError,
  readZip,
  safeHref,
  sealPackage,
  TestAuthority,
  type SigningIdentity,
} from './index.js';

/** A failure prints its seed and path; `{ seed, path }` here repeats it. */
const SEED = 20_261_125;

let cms: Buffer;
let mailbox: SigningIdentity;

beforeAll(async () => {
  const authority = await TestAuthority.create();
  const [signer, recipient] = await Promise.all([
    authority.issue('991825827', 'Avsender'),
    authority.issue('922020175', 'Postkasse'),
  ]);
  mailbox = recipient;
  const main = { href: safeHref(0, 'text/plain'), mediaType: 'text/plain', title: 'Brev', content: Buffer.from('Hei') };
  const sealed = await sealPackage({
    ...{ manifest: { sender: '0192:991825827', mailboxAddress: 'box#1', language: 'nb' }, main, attachments: [] },
    ...{ signer, recipient: recipient.certificates[0] as X509Certificate, signingTime: new Date() },
  });
  cms = sealed.cms;
});

/** Either it is what it was, or it is refused by name: no other error, and no hang. */
function refusedOrWhole(work: () => unknown): void {
  try {
    work();
  } catch (error) {
    expect(error).toBeInstanceOf(PackageError);
  }
}

it('a sealed package with bytes flipped, cut out or put in is refused by name', () => {
  const at = fc.nat(1_000_000);
  const broken = fc.oneof(
    fc.tuple(at, fc.integer({ min: 1, max: 255 })).map(([n, mask]) => {
      const bytes = Buffer.from(cms);
      bytes[n % bytes.length] = (bytes[n % bytes.length] as number) ^ mask;
      return bytes;
    }),
    at.map((n) => cms.subarray(0, n % cms.length)),
    fc
      .tuple(at, fc.uint8Array({ minLength: 1, maxLength: 20 }))
      .map(([n, more]) => Buffer.concat([cms.subarray(0, n % cms.length), more, cms.subarray(n % cms.length)])),
  );
  fc.assert(
    fc.property(broken, (bytes) => refusedOrWhole(() => openPackage(bytes, mailbox.key))),
    { numRuns: 750, seed: SEED },
  );
});

it('what is no package and no zip file is refused by name', () => {
  const magic = fc.constantFrom([], [0x50, 0x4b, 3, 4], [0x50, 0x4b, 5, 6], [0x30, 0x82], [0x30, 0x80]);
  const bytes = fc
    .tuple(magic, fc.uint8Array({ maxLength: 600 }))
    .map(([head, rest]) => Buffer.concat([Buffer.from(head), rest]));
  fc.assert(
    fc.property(bytes, (content) => {
      refusedOrWhole(() => openPackage(content, mailbox.key));
      refusedOrWhole(() => readZip(content));
    }),
    { numRuns: 750, seed: SEED },
  );
});
