import { beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { contextTag, der, derInteger, OCTET_STRING, octets, readAsn1, SEQUENCE } from './asn1.js';
import { decryptCms, encryptCms, PackageError, TestAuthority, type SigningIdentity } from './index.js';

const reasonOf = (run: () => unknown): string => {
  try {
    run();
    return 'accepted';
  } catch (error) {
    return error instanceof PackageError ? error.reason : `crashed: ${String(error)}`;
  }
};

describe('ASN.1 from outside', () => {
  const parts = (count: number): Buffer =>
    Buffer.concat([
      Buffer.from([0x24, 0x80]),
      ...Array.from({ length: count }, () => Buffer.from([4, 1, 7])),
      Buffer.alloc(2),
    ]);

  it('may come in parts, in definite and indefinite lengths', () => {
    expect(octets(readAsn1(parts(3)))).toEqual(Buffer.from([7, 7, 7]));
    expect(octets(readAsn1(der(0x24, parts(2), der(OCTET_STRING, Buffer.from([1])))))).toEqual(Buffer.from([7, 7, 1]));
    expect(reasonOf(() => octets(readAsn1(der(contextTag(0, true), derInteger(5)))))).toBe('not-a-package');
  });

  it.each<[string, Buffer, string]>([
    ['nothing', Buffer.alloc(0), 'not-a-package'],
    ['a length beyond the end', Buffer.from([0x30, 0x05, 0x00]), 'not-a-package'],
    ['a length of four gigabytes', Buffer.from([0x30, 0x84, 0xff, 0xff, 0xff, 0xff]), 'not-a-package'],
    ['a length in 126 bytes', Buffer.alloc(200, 0xfe), 'not-a-package'],
    ['an end that never comes', Buffer.from([0x30, 0x80, 0x04, 0x01, 0x00]), 'not-a-package'],
    ['an indefinite length on a primitive', Buffer.from([0x04, 0x80, 0x00, 0x00]), 'not-a-package'],
    ['a child longer than its parent', Buffer.from([0x30, 0x03, 0x04, 0x05, 1, 2, 3, 4, 5]), 'not-a-package'],
    ['bytes after the end', Buffer.from([0x30, 0x00, 0x00]), 'not-a-package'],
    ['ten thousand levels', Buffer.alloc(20_000, Buffer.from([0x30, 0x80])), 'too-large'],
    ['millions of empty values', der(SEQUENCE, Buffer.alloc(4_000_000, Buffer.from([0x04, 0x00]))), 'too-large'],
  ])('is refused: %s', (_what, bytes, reason) => {
    expect(reasonOf(() => readAsn1(bytes))).toBe(reason);
  });
});

describe('an encrypted package', () => {
  let mailbox: SigningIdentity;
  let cms: Buffer;
  const content = Buffer.from('innhold '.repeat(20));

  beforeAll(async () => {
    mailbox = await (await TestAuthority.create()).issue('984661185', 'Postkasse');
    cms = encryptCms(content, mailbox.certificates[0]!);
  });

  it('is another one each time', () => {
    const again = encryptCms(content, mailbox.certificates[0]!);
    expect(again.length).toBe(cms.length);
    expect(again.subarray(-content.length).equals(cms.subarray(-content.length))).toBe(false);
    expect(decryptCms(again, mailbox.key).equals(content)).toBe(true);
  });

  it('is not made for a key that is too short', async () => {
    const weak = await (await TestAuthority.create()).issue('984661185', 'Postkasse', { bits: 1024 });
    expect(reasonOf(() => encryptCms(content, weak.certificates[0]!))).toBe('unsupported-algorithm');
  });

  it('never crashes the reader, whatever is changed or cut', () => {
    fc.assert(
      fc.property(
        fc.nat(cms.length - 1),
        fc.integer({ min: 1, max: 255 }),
        fc.integer({ min: 0, max: cms.length }),
        (at, mask, length) => {
          const changed = Buffer.from(cms.subarray(0, length % 3 === 0 ? length : cms.length));
          if (at < changed.length) changed[at] = (changed[at] as number) ^ mask;
          expect(reasonOf(() => decryptCms(changed, mailbox.key))).not.toMatch(/^crashed/);
        },
      ),
      { numRuns: 500 },
    );
  });
});
