import { describe, expect, it } from '@jest/globals';
import { crc32, deflateRawSync } from 'node:zlib';
import { PackageError, readZip, writeZip } from './index.js';

const AT = new Date('2026-01-02T03:04:05Z');
const verdict = (zip: Buffer): string => {
  try {
    return readZip(zip)
      .map(({ name, content }) => `${name}=${content.toString()}`)
      .join();
  } catch (error) {
    return error instanceof PackageError ? error.reason : `crashed: ${String(error)}`;
  }
};

/** Info-ZIP 3.0 and Python 3 writing into a pipe. */
const INFO_ZIP =
  'UEsDBC0AAAAAAPSzd10gMDo2//////////8BABQALQEAEAAGAAAAAAAAAAYAAAAAAAAAaGVsbG8KUEsBAh4DLQAAAAAA9LN3XSAwOjYGAAAABgAAAAEAAAAAAAAAAQAAAIARAAAAAC1QSwYGLAAAAAAAAAAeAy0AAAAAAAAAAAABAAAAAAAAAAEAAAAAAAAALwAAAAAAAAA5AAAAAAAAAFBLBgcAAAAAaAAAAAAAAAABAAAAUEsFBgAAAAABAAEALwAAADkAAAAAAA==';
const PYTHON =
  'UEsDBC0ACAAIAAAAIQAAAAAA//////////8FABQAYS50eHQBABAAAAAAAAAAAAAAAAAAAAAAAMtIzcnJzyCFAABQSwcIGhy0jQoAAAAAAAAAMgAAAAAAAABQSwMEFAAIAAgA9LN3XQAAAAAAAAAAAAAAAAUAAABiLnR4dKuowAQAUEsHCEdCrScFAAAAFAAAAFBLAQItAy0ACAAIAAAAIQAaHLSNCgAAADIAAAAFAAAAAAAAAAAAAACAAQAAAABhLnR4dFBLAQIUAxQACAAIAPSzd11HQq0nBQAAABQAAAAFAAAAAAAAAAAAAACAAVkAAABiLnR4dFBLBQYAAAAAAgACAGYAAACRAAAAAAA=';

describe('zip files of streaming writers', () => {
  const infoZip = (): Buffer => Buffer.from(INFO_ZIP, 'base64');
  const python = (): Buffer => Buffer.from(PYTHON, 'base64');

  it('are read: zip64 fields kept in reserve, descriptors of both widths, a zip64 end', () => {
    expect(verdict(infoZip())).toBe('-=hello\n');
    expect(verdict(python())).toBe(`a.txt=${'hello'.repeat(10)},b.txt=${'x'.repeat(20)}`);
  });

  it('are refused when the zip64 end, field or descriptor tells another story', () => {
    const zip = infoZip();
    const end64 = zip.indexOf(Buffer.from('PK\x06\x06', 'latin1'));
    for (const at of [4, 16, 24, 32, 40, 48, 64]) {
      const changed = Buffer.from(zip);
      changed[end64 + at] = (changed[end64 + at] as number) + 1;
      expect(verdict(changed)).toBe('zip-malformed');
    }
    const field = Buffer.from(zip);
    field[35] = 7;
    expect(verdict(field)).toBe('zip-malformed');
    const huge = Buffer.from(zip);
    huge[42] = 1;
    huge[50] = 1;
    expect(verdict(huge)).toBe('too-large');
    const descriptor = python();
    const at = descriptor.indexOf(Buffer.from('PK\x07\x08', 'latin1'));
    descriptor[at + 16] = (descriptor[at + 16] as number) + 1;
    expect(verdict(descriptor)).toBe('zip-malformed');
  });
});

describe('a zip that could be read in two ways is refused', () => {
  const entry = (name: string, text: string, stored = true) => ({ name, content: Buffer.from(text), stored });
  const zip = (): Buffer => writeZip([entry('a.txt', 'first'), entry('b.txt', 'second')], AT, '');
  const central = (bytes: Buffer, index: number): number => {
    let at = bytes.readUInt32LE(bytes.length - 6);
    for (let skipped = 0; skipped < index; skipped++) at += 46 + 5;
    return at;
  };
  const changed = (change: (bytes: Buffer) => void): string => {
    const bytes = zip();
    change(bytes);
    return verdict(bytes);
  };

  it('two entries over the same bytes', () => {
    expect(changed((bytes) => bytes.writeUInt32LE(0, central(bytes, 1) + 42))).toBe('zip-malformed');
  });

  it.each([
    ['name', 30],
    ['checksum', 14],
    ['packed size', 18],
    ['size', 22],
    ['method', 8],
    ['flags', 6],
  ])('another %s in the local header', (_what, at) => {
    expect(changed((bytes) => void (bytes[at] = (bytes[at] as number) ^ 8))).toBe('zip-malformed');
  });

  it('an invalid local name that only looks like the central one', () => {
    const bytes = writeZip([entry('a\ufffd.txt', 'x')], AT, '');
    bytes.set([0xff, 0xff, 0xff], 31);
    expect(verdict(bytes)).toBe('zip-malformed');
  });

  it('bytes hidden between entries, and behind deflated data', () => {
    const packed = Buffer.concat([deflateRawSync(Buffer.from('text')), Buffer.from('PK\x03\x04hidden')]);
    const bytes = writeZip([{ name: 'a.txt', content: packed, stored: true }], AT, '');
    const directory = central(bytes, 0);
    for (const at of [0, directory + 2]) {
      bytes.writeUInt16LE(8, at + 8);
      bytes.writeUInt32LE(crc32('text'), at + 14);
      bytes.writeUInt32LE(4, at + 22);
    }
    expect(verdict(bytes)).toBe('zip-malformed');
    expect(
      changed((original) => {
        original.writeUInt32LE(original.readUInt32LE(18) - 1, 18);
        original.writeUInt32LE(original.readUInt32LE(central(original, 0) + 20) - 1, central(original, 0) + 20);
      }),
    ).toBe('zip-malformed');
  });

  it('encryption, other methods, several disks, a folder with content', () => {
    expect(changed((bytes) => [0, central(bytes, 0) + 2].forEach((at) => bytes.writeUInt16LE(1, at + 6)))).toBe(
      'zip-malformed',
    );
    expect(changed((bytes) => [0, central(bytes, 0) + 2].forEach((at) => bytes.writeUInt16LE(12, at + 8)))).toBe(
      'zip-malformed',
    );
    expect(changed((bytes) => bytes.writeUInt16LE(1, bytes.length - 18))).toBe('zip-malformed');
    expect(verdict(writeZip([entry('folder/', 'x')], AT, ''))).toBe('zip-name');
    expect(verdict(writeZip([entry('folder/', ''), entry('folder/a', 'x')], AT, ''))).toBe('folder/a=x');
    expect(verdict(writeZip([entry('../', '')], AT, ''))).toBe('zip-name');
  });

  it('more entries or bytes than a package has', () => {
    expect(
      verdict(
        writeZip(
          Array.from({ length: 300 }, (_none, index) => entry(`${index}`, 'x')),
          AT,
          '',
        ),
      ),
    ).toBe('too-large');
    const bombs = Array.from({ length: 13 }, (_none, index) => entry(`${index}`, '', false)).map((bomb) => ({
      ...bomb,
      content: Buffer.alloc(10 * 1024 * 1024),
    }));
    expect(verdict(writeZip(bombs, AT, ''))).toBe('too-large');
  });
});
