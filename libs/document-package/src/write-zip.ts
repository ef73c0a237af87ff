import { crc32, deflateRawSync } from 'node:zlib';
import { CENTRAL, DEFLATED, END, LOCAL, STORED, UTF8, type ZipEntry } from './zip-format.js';

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

function dosTime(at: Date): { date: number; time: number } {
  const year = Math.max(at.getUTCFullYear(), 1980);
  return {
    date: ((year - 1980) << 9) | ((at.getUTCMonth() + 1) << 5) | at.getUTCDate(),
    time: (at.getUTCHours() << 11) | (at.getUTCMinutes() << 5) | (at.getUTCSeconds() >> 1),
  };
}
