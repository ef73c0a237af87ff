import { PackageError } from './errors.js';

/** A small DER writer and a BER reader (X.690): peers emit indefinite lengths and constructed strings. */
export interface Asn1 {
  /** First identifier octet: class, constructed bit, number. Numbers above 30 are not used by anything we read. */
  readonly tag: number;
  readonly children: readonly Asn1[];
  /** Content octets of a primitive value. */
  readonly value: Buffer;
  /** The whole encoding. */
  readonly raw: Buffer;
}

const MAX_DEPTH = 24;
/** Peers that stream write a string for every 1000 bytes: 120 MB make 120,000. An empty value costs its sender two bytes and us a hundred. */
const MAX_VALUES = 250_000;
const CONSTRUCTED = 0x20;

export const SEQUENCE = 0x30;
export const SET = 0x31;
export const INTEGER = 0x02;
export const OCTET_STRING = 0x04;
export const OID = 0x06;
export const contextTag = (number: number, constructed: boolean): number =>
  0x80 | (constructed ? CONSTRUCTED : 0) | number;

export function der(tag: number, ...content: Buffer[]): Buffer {
  return Buffer.concat(derParts(tag, content));
}

/** The same not yet joined: what holds a whole package is copied once, not once for every level around it. */
export function derParts(tag: number, content: readonly Buffer[]): Buffer[] {
  let length = 0;
  for (const part of content) length += part.length;
  return [head(tag, length), ...content];
}

export function derOid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const bytes = [first * 40 + second, ...rest.flatMap(base128)];
  return der(OID, Buffer.from(bytes));
}

export const derNull = Buffer.from([0x05, 0x00]);
export const derInteger = (value: number): Buffer => der(INTEGER, Buffer.from([value]));

function base128(value: number): number[] {
  const bytes = [value & 0x7f];
  for (let rest = value >>> 7; rest > 0; rest >>>= 7) bytes.unshift((rest & 0x7f) | 0x80);
  return bytes;
}

/** Identifier and length octets (X.690 §8.1.2–8.1.3, definite form). */
function head(tag: number, length: number): Buffer {
  if (length < 0x80) return Buffer.from([tag, length]);
  let octetsOfLength = 1;
  while (length >= 2 ** (8 * octetsOfLength)) octetsOfLength += 1;
  const bytes = Buffer.allocUnsafe(2 + octetsOfLength);
  bytes[0] = tag;
  bytes[1] = 0x80 | octetsOfLength;
  bytes.writeUIntBE(length, 2, octetsOfLength);
  return bytes;
}

/** Reads one value that fills the whole buffer. Throws PackageError('not-a-package'). */
export function readAsn1(bytes: Buffer): Asn1 {
  const { value, next } = read(bytes, 0, 0, { values: 0 });
  if (next !== bytes.length) throw new PackageError('not-a-package', 'bytes after the ASN.1 value');
  return value;
}

function read(bytes: Buffer, at: number, depth: number, count: { values: number }): { value: Asn1; next: number } {
  if (depth > MAX_DEPTH) throw new PackageError('too-large', 'ASN.1 nesting');
  if (++count.values > MAX_VALUES) throw new PackageError('too-large', 'ASN.1 values');
  const tag = bytes[at];
  const first = bytes[at + 1];
  if (tag === undefined || first === undefined || (tag & 0x1f) === 0x1f) throw malformed();
  let start = at + 2;
  if (first === 0x80) {
    if ((tag & CONSTRUCTED) === 0) throw malformed();
    const children: Asn1[] = [];
    for (;;) {
      if (bytes[start] === 0 && bytes[start + 1] === 0)
        return { value: { tag, children, value: EMPTY, raw: bytes.subarray(at, start + 2) }, next: start + 2 };
      const child = read(bytes, start, depth + 1, count);
      children.push(child.value);
      start = child.next;
    }
  }
  let length = first;
  if (first > 0x80) {
    const count = first & 0x7f;
    if (count > 4 || start + count > bytes.length) throw malformed();
    length = bytes.readUIntBE(start, count);
    start += count;
  }
  const end = start + length;
  if (end > bytes.length) throw malformed();
  if ((tag & CONSTRUCTED) === 0)
    return { value: { tag, children: [], value: bytes.subarray(start, end), raw: bytes.subarray(at, end) }, next: end };
  const children: Asn1[] = [];
  const inside = bytes.subarray(0, end);
  for (let child = start; child < end;) {
    const part = read(inside, child, depth + 1, count);
    children.push(part.value);
    child = part.next;
  }
  return { value: { tag, children, value: EMPTY, raw: bytes.subarray(at, end) }, next: end };
}

const EMPTY = Buffer.alloc(0);
const malformed = (): PackageError => new PackageError('not-a-package', 'ASN.1');

/** The octets of an OCTET STRING or of one with a tag of its own, primitive or put together from OCTET STRINGs. */
export function octets(node: Asn1): Buffer {
  if ((node.tag & CONSTRUCTED) === 0) return node.value;
  for (const { tag } of node.children) if ((tag & ~CONSTRUCTED) !== OCTET_STRING) throw malformed();
  return Buffer.concat(node.children.map(octets));
}

export function child(node: Asn1 | undefined, index: number): Asn1 {
  const found = node?.children[index];
  if (found === undefined) throw malformed();
  return found;
}

export function oidOf(node: Asn1): string {
  if (node.tag !== OID || node.value.length === 0) throw malformed();
  const first = node.value[0] as number;
  const parts = [Math.min(Math.floor(first / 40), 2)];
  parts.push(first - (parts[0] as number) * 40);
  let value = 0;
  for (const byte of node.value.subarray(1)) {
    value = value * 128 + (byte & 0x7f);
    if ((byte & 0x80) === 0) {
      parts.push(value);
      value = 0;
    }
  }
  return parts.join('.');
}
