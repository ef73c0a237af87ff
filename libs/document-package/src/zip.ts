import { crc32, deflateRawSync, inflateRawSync } from 'node:zlib';
import { PackageError } from './errors.js';

/**
 * Just enough zip (APPNOTE 6.3), strict: what two readers could understand differently is refused. Entries must lie one after the other from the
 * first byte to the central directory, both headers must agree, nothing may be hidden between or after.
 */
export interface ZipEntry {
  readonly name: string;
  readonly content: Buffer;
  /** Stored entries are not compressed: already compressed media, and `mimetype`. */
  readonly stored: boolean;
}

export interface ZipLimits {
  readonly entries: number;
  readonly totalBytes: number;
}
export const DEFAULT_ZIP_LIMITS: ZipLimits = { entries: 210, totalBytes: 120 * 1024 * 1024 };

const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;
const DESCRIPTOR = 0x08074b50;
const UTF8 = 0x0800;
const HAS_DESCRIPTOR = 0x0008;
const STORED = 0;
const DEFLATED = 8;

export function writeZip(entries: readonly ZipEntry[], at: Date, comment: string): Buffer {
  const { date, time } = dosTime(at);
  const parts: Buffer[] = [];
  const central: Buffer[] = [];
  let offset = 0;
  for (const entry of entries) {
    const name = Buffer.from(entry.name);
    // a small window and little memory: setting up a full deflate costs more than a small file
    const data = entry.stored
      ? entry.content
      : deflateRawSync(entry.content, entry.content.length < 16_384 ? { windowBits: 12, memLevel: 5 } : {});
    const method = entry.stored ? STORED : DEFLATED;
    const crc = crc32(entry.content);
    const local = Buffer.alloc(30);
    local.writeUInt32LE(LOCAL, 0);
    local.writeUInt16LE(20, 4);
    local.writeUInt16LE(UTF8, 6);
    local.writeUInt16LE(method, 8);
    local.writeUInt16LE(time, 10);
    local.writeUInt16LE(date, 12);
    local.writeUInt32LE(crc, 14);
    local.writeUInt32LE(data.length, 18);
    local.writeUInt32LE(entry.content.length, 22);
    local.writeUInt16LE(name.length, 26);
    const entryComment = Buffer.from(entry.name === 'mimetype' ? comment : '');
    const head = Buffer.alloc(46);
    head.writeUInt32LE(CENTRAL, 0);
    head.writeUInt16LE(20, 4);
    local.copy(head, 6, 4, 30);
    head.writeUInt16LE(entryComment.length, 32);
    head.writeUInt32LE(offset, 42);
    parts.push(local, name, data);
    central.push(head, name, entryComment);
    offset += local.length + name.length + data.length;
  }
  const size = central.reduce((sum, part) => sum + part.length, 0);
  const end = Buffer.alloc(22);
  const text = Buffer.from(comment);
  end.writeUInt32LE(END, 0);
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(size, 12);
  end.writeUInt32LE(offset, 16);
  end.writeUInt16LE(text.length, 20);
  return Buffer.concat([...parts, ...central, end, text]);
}

/** Throws PackageError: zip-malformed, zip-name or too-large. */
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
    const head = headOf(zip, at + 6);
    const nameLength = zip.readUInt16LE(at + 28);
    const name = nameOf(zip.subarray(at + 46, at + 46 + nameLength));
    if (names.has(name)) throw new PackageError('zip-name', 'an entry is there twice');
    names.add(name);
    const offset = zip.readUInt32LE(at + 42);
    if (offset !== expectedOffset) throw malformed('bytes between entries');
    total += head.size;
    if (head.size > limits.totalBytes || total > limits.totalBytes) throw new PackageError('too-large', 'unpacked zip');
    const { content, next } = readEntry(zip, offset, name, head, directory);
    entries.push({ name, content, stored: head.method === STORED });
    expectedOffset = next;
    at += 46 + nameLength + zip.readUInt16LE(at + 30) + zip.readUInt16LE(at + 32);
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
}

function headOf(zip: Buffer, at: number): Head {
  const flags = zip.readUInt16LE(at + 2);
  const method = zip.readUInt16LE(at + 4);
  if ((flags & ~(UTF8 | HAS_DESCRIPTOR | 0x0006)) !== 0) throw malformed('encrypted or unknown flags');
  if (method !== STORED && method !== DEFLATED) throw malformed('compression method');
  return {
    flags,
    method,
    crc: zip.readUInt32LE(at + 10),
    packed: zip.readUInt32LE(at + 14),
    size: zip.readUInt32LE(at + 18),
  };
}

function readEntry(
  zip: Buffer,
  offset: number,
  name: string,
  head: Head,
  directory: number,
): { content: Buffer; next: number } {
  if (offset + 30 > directory || zip.readUInt32LE(offset) !== LOCAL) throw malformed('local header');
  const local = headOf(zip, offset + 4);
  const nameLength = zip.readUInt16LE(offset + 26);
  const start = offset + 30 + nameLength + zip.readUInt16LE(offset + 28);
  const end = start + head.packed;
  if (end > directory || zip.toString('utf8', offset + 30, offset + 30 + nameLength) !== name)
    throw malformed('local and central name');
  const later = (head.flags & HAS_DESCRIPTOR) !== 0;
  const agrees = local.crc === head.crc && local.packed === head.packed && local.size === head.size;
  const leftOut = later && local.crc === 0 && local.packed === 0 && local.size === 0;
  if (local.flags !== head.flags || local.method !== head.method || !(agrees || leftOut))
    throw malformed('local and central header');
  const content = unpack(zip.subarray(start, end), head);
  if (content.length !== head.size || crc32(content) !== head.crc) throw malformed('size or checksum');
  return { content, next: later ? descriptorEnd(zip, end, head) : end };
}

function unpack(data: Buffer, head: Head): Buffer {
  if (head.method === STORED) return data;
  try {
    return inflateRawSync(data, { maxOutputLength: Math.max(head.size, 1) });
  } catch (error) {
    throw new PackageError(
      (error as { code?: string }).code === 'ERR_BUFFER_TOO_LARGE' ? 'too-large' : 'zip-malformed',
      'deflated data',
      error,
    );
  }
}

function descriptorEnd(zip: Buffer, at: number, head: Head): number {
  const start = zip.length >= at + 4 && zip.readUInt32LE(at) === DESCRIPTOR ? at + 4 : at;
  if (
    start + 12 > zip.length ||
    zip.readUInt32LE(start) !== head.crc ||
    zip.readUInt32LE(start + 4) !== head.packed ||
    zip.readUInt32LE(start + 8) !== head.size
  ) {
    throw malformed('data descriptor');
  }
  return start + 12;
}

function endOf(zip: Buffer): { count: number; directory: number; directoryEnd: number } {
  for (let at = zip.length - 22; at >= 0 && at >= zip.length - 22 - 0xffff; at--) {
    if (zip.readUInt32LE(at) !== END) continue;
    const count = zip.readUInt16LE(at + 10);
    const size = zip.readUInt32LE(at + 12);
    const directory = zip.readUInt32LE(at + 16);
    const whole =
      at + 22 + zip.readUInt16LE(at + 20) === zip.length &&
      directory + size === at &&
      count === zip.readUInt16LE(at + 8) &&
      zip.readUInt32LE(at + 4) === 0;
    if (!whole) throw malformed('end of central directory');
    return { count, directory, directoryEnd: at };
  }
  throw new PackageError('not-a-package', 'not a zip');
}

const FORBIDDEN = /(^|\/)\.{1,2}(\/|$)|^\/|\\|[\0-\x1f\x7f]|^[A-Za-z]:|\/\/|\/$|^$/;

function nameOf(bytes: Buffer): string {
  const name = bytes.toString('utf8');
  if (!Buffer.from(name).equals(bytes) || FORBIDDEN.test(name) || name.length > 255)
    throw new PackageError('zip-name', 'an entry name is not a plain relative path');
  return name;
}

const malformed = (where: string): PackageError => new PackageError('zip-malformed', where);

function dosTime(at: Date): { date: number; time: number } {
  const year = Math.max(at.getUTCFullYear(), 1980);
  return {
    date: ((year - 1980) << 9) | ((at.getUTCMonth() + 1) << 5) | at.getUTCDate(),
    time: (at.getUTCHours() << 11) | (at.getUTCMinutes() << 5) | (at.getUTCSeconds() >> 1),
  };
}
