import { crc32, inflateRawSync } from 'node:zlib';
import { PackageError } from './errors.js';
import {
  CENTRAL,
  DEFLATED,
  DESCRIPTOR,
  END,
  END_64,
  HAS_DESCRIPTOR,
  LOCAL,
  LOCATOR_64,
  STORED,
  UTF8,
  type ZipEntry,
} from './zip-format.js';

/**
 * Strict: what two readers could understand differently is refused. Entries must lie one after the other from the first byte to the central
 * directory, both headers must agree, nothing may be hidden between or after. Writers that stream leave sizes to a descriptor after the data and
 * reserve zip64 fields in case; both are read, and must say the same as the rest.
 */
export interface ZipLimits {
  readonly entries: number;
  readonly totalBytes: number;
}
export const DEFAULT_ZIP_LIMITS: ZipLimits = { entries: 210, totalBytes: 120 * 1024 * 1024 };

/** Throws PackageError: not-a-package, zip-malformed, zip-name or too-large. */
export function readZip(zip: Buffer, limits: ZipLimits = DEFAULT_ZIP_LIMITS): ZipEntry[] {
  const { count, directory, directoryEnd } = endOf(zip);
  if (count > limits.entries) throw new PackageError('too-large', 'zip entries');
  const entries: ZipEntry[] = [];
  const names = new Set<string>();
  let at = directory;
  let expectedOffset = 0;
  let total = 0;
  for (let index = 0; index < count; index++) {
    if (at + 46 > directoryEnd || zip.readUInt32LE(at) !== CENTRAL) throw malformed('central directory');
    const nameEnd = at + 46 + zip.readUInt16LE(at + 28);
    const extraEnd = nameEnd + zip.readUInt16LE(at + 30);
    if (extraEnd > directoryEnd) throw malformed('central directory');
    const nameBytes = zip.subarray(at + 46, nameEnd);
    const head = headOf(zip, at + 6, zip.subarray(nameEnd, extraEnd));
    const name = nameOf(nameBytes, head.size);
    if (names.has(name)) throw new PackageError('zip-name', 'an entry is there twice');
    names.add(name);
    const offset = zip.readUInt32LE(at + 42);
    if (offset !== expectedOffset) throw malformed('bytes between entries');
    total += head.size;
    if (head.size > limits.totalBytes || total > limits.totalBytes) throw new PackageError('too-large', 'unpacked zip');
    const { content, next } = readEntry(zip, offset, nameBytes, head, directory);
    // a folder holds nothing; some writers list it
    if (!name.endsWith('/')) entries.push({ name, content, stored: head.method === STORED });
    expectedOffset = next;
    at = extraEnd + zip.readUInt16LE(at + 32);
  }
  if (at !== directoryEnd || expectedOffset !== directory) throw malformed('bytes that belong to no entry');
  return entries;
}

interface Head {
  readonly flags: number;
  readonly method: number;
  readonly crc: number;
  readonly packed: number;
  readonly size: number;
  readonly wide: boolean;
}

const SATURATED = 0xffffffff;
const ZIP64_FIELD = 0x0001;

/** The part that local and central header have in common, from the version field on. */
function headOf(zip: Buffer, at: number, extra: Buffer): Head {
  const flags = zip.readUInt16LE(at + 2);
  const method = zip.readUInt16LE(at + 4);
  if ((flags & ~(UTF8 | HAS_DESCRIPTOR | 0x0006)) !== 0) throw malformed('encrypted or unknown flags');
  if (method !== STORED && method !== DEFLATED) throw malformed('compression method');
  const crc = zip.readUInt32LE(at + 10);
  const packed = zip.readUInt32LE(at + 14);
  const size = zip.readUInt32LE(at + 18);
  const wide = zip64Field(extra);
  if (packed !== SATURATED && size !== SATURATED) return { flags, method, crc, packed, size, wide: wide !== undefined };
  if (wide === undefined || packed !== size || wide.length < 16) throw malformed('zip64 sizes');
  return { flags, method, crc, packed: wideNumber(wide, 8), size: wideNumber(wide, 0), wide: true };
}

/** The content of the zip64 field, if there is one. Fields must fill the extra part exactly. */
function zip64Field(extra: Buffer): Buffer | undefined {
  let found: Buffer | undefined;
  let at = 0;
  while (at + 4 <= extra.length) {
    const end = at + 4 + extra.readUInt16LE(at + 2);
    if (end > extra.length) throw malformed('extra field');
    if (extra.readUInt16LE(at) === ZIP64_FIELD) {
      if (found !== undefined) throw malformed('zip64 field twice');
      found = extra.subarray(at + 4, end);
    }
    at = end;
  }
  if (at !== extra.length) throw malformed('extra field');
  return found;
}

function wideNumber(bytes: Buffer, at: number): number {
  const value = bytes.readBigUInt64LE(at);
  if (value > BigInt(SATURATED)) throw new PackageError('too-large', 'zip64');
  return Number(value);
}

function readEntry(
  zip: Buffer,
  offset: number,
  name: Buffer,
  head: Head,
  directory: number,
): { content: Buffer; next: number } {
  if (offset + 30 > directory || zip.readUInt32LE(offset) !== LOCAL) throw malformed('local header');
  const nameEnd = offset + 30 + zip.readUInt16LE(offset + 26);
  const start = nameEnd + zip.readUInt16LE(offset + 28);
  const end = start + head.packed;
  if (end > directory || !zip.subarray(offset + 30, nameEnd).equals(name)) throw malformed('local and central name');
  const local = headOf(zip, offset + 4, zip.subarray(nameEnd, start));
  const later = (head.flags & HAS_DESCRIPTOR) !== 0;
  const agrees = local.crc === head.crc && local.packed === head.packed && local.size === head.size;
  const leftOut = later && local.crc === 0 && local.packed === 0 && local.size === 0;
  if (local.flags !== head.flags || local.method !== head.method || !(agrees || leftOut))
    throw malformed('local and central header');
  const content = unpack(zip.subarray(start, end), head);
  if (content.length !== head.size || crc32(content) !== head.crc) throw malformed('size or checksum');
  return { content, next: later ? descriptorEnd(zip, end, head, local.wide) : end };
}

function unpack(data: Buffer, head: Head): Buffer {
  if (head.method === STORED) return data;
  try {
    const { buffer, engine } = inflateRawSync(data, {
      maxOutputLength: Math.max(head.size, 1),
      info: true,
    }) as unknown as {
      buffer: Buffer;
      engine: { bytesWritten: number };
    };
    // a reader that goes by the end of the deflated data would look for the next header here
    if (engine.bytesWritten !== data.length) throw malformed('bytes after the deflated data');
    return buffer;
  } catch (error) {
    if (error instanceof PackageError) throw error;
    throw new PackageError(
      (error as { code?: string }).code === 'ERR_BUFFER_TOO_LARGE' ? 'too-large' : 'zip-malformed',
      'deflated data',
      error,
    );
  }
}

/** Its sizes have eight bytes each if the local header has a zip64 field (APPNOTE 4.3.9). */
function descriptorEnd(zip: Buffer, at: number, head: Head, wide: boolean): number {
  const start = zip.length >= at + 4 && zip.readUInt32LE(at) === DESCRIPTOR ? at + 4 : at;
  const end = start + (wide ? 20 : 12);
  const agrees =
    end <= zip.length &&
    zip.readUInt32LE(start) === head.crc &&
    (wide ? wideNumber(zip, start + 4) : zip.readUInt32LE(start + 4)) === head.packed &&
    (wide ? wideNumber(zip, start + 12) : zip.readUInt32LE(start + 8)) === head.size;
  if (!agrees) throw malformed('data descriptor');
  return end;
}

interface End {
  readonly count: number;
  readonly directory: number;
  readonly directoryEnd: number;
}

function endOf(zip: Buffer): End {
  for (let at = zip.length - 22; at >= 0 && at >= zip.length - 22 - 0xffff; at--) {
    if (zip.readUInt32LE(at) !== END) continue;
    const count = zip.readUInt16LE(at + 10);
    const size = zip.readUInt32LE(at + 12);
    const directory = zip.readUInt32LE(at + 16);
    const directoryEnd = startOfEnd(zip, at, { count, size, directory });
    const whole =
      at + 22 + zip.readUInt16LE(at + 20) === zip.length &&
      directory + size === directoryEnd &&
      count === zip.readUInt16LE(at + 8) &&
      zip.readUInt32LE(at + 4) === 0;
    if (!whole) throw malformed('end of central directory');
    return { count, directory, directoryEnd };
  }
  throw new PackageError('not-a-package', 'not a zip');
}

/** Info-ZIP writes a zip64 end before the plain one whenever it streams; it must only repeat what the plain one says. */
function startOfEnd(zip: Buffer, end: number, plain: { count: number; size: number; directory: number }): number {
  const locator = end - 20;
  const record = locator - 56;
  if (record < 0 || zip.readUInt32LE(locator) !== LOCATOR_64) return end;
  const repeats =
    zip.readUInt32LE(record) === END_64 &&
    wideNumber(zip, record + 4) === 44 &&
    wideNumber(zip, locator + 8) === record &&
    zip.readUInt32LE(record + 16) === 0 &&
    zip.readUInt32LE(record + 20) === 0 &&
    wideNumber(zip, record + 24) === plain.count &&
    wideNumber(zip, record + 32) === plain.count &&
    wideNumber(zip, record + 40) === plain.size &&
    wideNumber(zip, record + 48) === plain.directory;
  if (!repeats) throw malformed('zip64 end of central directory');
  return record;
}

const FORBIDDEN = /(^|\/)\.{1,2}(\/|$)|^\/|\\|[\0-\x1f\x7f]|^[A-Za-z]:|\/\/|^$/;

function nameOf(bytes: Buffer, size: number): string {
  const name = bytes.toString('utf8');
  const folder = name.endsWith('/');
  if (!Buffer.from(name).equals(bytes) || FORBIDDEN.test(name) || name.length > 255 || (folder && size > 0))
    throw new PackageError('zip-name', 'an entry name is not a plain relative path');
  return name;
}

const malformed = (where: string): PackageError => new PackageError('zip-malformed', where);
