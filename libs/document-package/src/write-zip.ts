import { crc32, deflateRawSync } from 'node:zlib';
import { CENTRAL, DEFLATED, END, LOCAL, STORED, UTF8, type ZipEntry } from './zip-format.js';

const LOCAL_BYTES = 30;
const CENTRAL_BYTES = 46;
const END_BYTES = 22;

/** Written into one buffer of the right size: a letter has a dozen small parts, and allocating each costs more than filling it. */
export function writeZip(entries: readonly ZipEntry[], at: Date, comment: string): Buffer {
  const text = Buffer.from(comment);
  const prepared = entries.map((entry) => ({
    entry,
    name: Buffer.from(entry.name),
    comment: entry.name === 'mimetype' ? text : NOTHING,
    data: entry.stored ? entry.content : deflateRawSync(entry.content),
  }));
  const total = prepared.reduce(
    (sum, { name, comment: own, data }) =>
      sum + LOCAL_BYTES + CENTRAL_BYTES + 2 * name.length + own.length + data.length,
    END_BYTES + text.length,
  );
  const zip = Buffer.allocUnsafe(total);
  const stamp = dosTime(at);
  const offsets: number[] = [];
  let end = 0;
  const append = (part: Buffer): void => void (end += part.copy(zip, end));

  for (const { entry, name, data } of prepared) {
    offsets.push(end);
    const head = zip.subarray(end, (end += LOCAL_BYTES));
    head.writeUInt32LE(LOCAL, 0);
    head.writeUInt16LE(20, 4);
    head.writeUInt16LE(UTF8, 6);
    head.writeUInt16LE(entry.stored ? STORED : DEFLATED, 8);
    head.writeUInt32LE(stamp, 10);
    head.writeUInt32LE(crc32(entry.content), 14);
    head.writeUInt32LE(data.length, 18);
    head.writeUInt32LE(entry.content.length, 22);
    head.writeUInt16LE(name.length, 26);
    head.writeUInt16LE(0, 28);
    append(name);
    append(data);
  }
  const directory = end;
  for (const [index, { name, comment: own }] of prepared.entries()) {
    const offset = offsets[index] as number;
    const head = zip.subarray(end, (end += CENTRAL_BYTES)).fill(0);
    head.writeUInt32LE(CENTRAL, 0);
    head.writeUInt16LE(20, 4);
    // version needed up to the length of the extra fields: as in the local header
    zip.copy(head, 6, offset + 4, offset + LOCAL_BYTES);
    head.writeUInt16LE(own.length, 32);
    head.writeUInt32LE(offset, 42);
    append(name);
    append(own);
  }
  const tail = zip.subarray(end).fill(0, 0, END_BYTES);
  tail.writeUInt32LE(END, 0);
  tail.writeUInt16LE(entries.length, 8);
  tail.writeUInt16LE(entries.length, 10);
  tail.writeUInt32LE(end - directory, 12);
  tail.writeUInt32LE(directory, 16);
  tail.writeUInt16LE(text.length, 20);
  text.copy(tail, END_BYTES);
  return zip;
}

const NOTHING = Buffer.alloc(0);

/** MS-DOS time in the lower half, date in the upper: two seconds' precision, from 1980. */
function dosTime(at: Date): number {
  const year = Math.max(at.getUTCFullYear(), 1980);
  const date = ((year - 1980) << 9) | ((at.getUTCMonth() + 1) << 5) | at.getUTCDate();
  const time = (at.getUTCHours() << 11) | (at.getUTCMinutes() << 5) | (at.getUTCSeconds() >> 1);
  return ((date << 16) | time) >>> 0;
}
