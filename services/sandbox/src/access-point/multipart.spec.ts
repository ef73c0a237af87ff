import { describe, expect, it } from '@jest/globals';
import { readParts } from './multipart.js';

const TYPE = 'multipart/form-data; boundary=xyz';
const part = (name: string, content: string, header = ''): string =>
  `--xyz\r\nContent-Disposition: form-data; name="${name}"; filename="a"\r\n${header}\r\n${content}\r\n`;
const body = (...parts: string[]): Buffer => Buffer.from(`${parts.join('')}--xyz--\r\n`, 'latin1');
const message = part('forretningsmelding', 'a.b.c', 'Content-Type: application/jwt\r\n');
const sealed = part('dokumentpakke', 'bytes\r\n--xy\r\n\r\nmore', 'Content-Type: application/cms\r\n');

describe('the two parts of an outgoing message', () => {
  it('are read in either order, with boundary in quotes or without', () => {
    for (const parts of [body(message, sealed), body(sealed, message)])
      for (const type of [TYPE, 'Multipart/Form-Data; charset=utf-8; boundary="xyz"']) {
        const read = readParts(parts, type);
        expect(read.forretningsmelding).toBe('a.b.c');
        expect(read.dokumentpakke.toString()).toBe('bytes\r\n--xy\r\n\r\nmore');
      }
  });

  it('must be these two, each once, whole, under the boundary', () => {
    const wrong: [Buffer, string | undefined][] = [
      [body(message, sealed), undefined],
      [body(message, sealed), 'multipart/form-data; boundary=other'],
      [body(message), TYPE],
      [body(message, sealed, message), TYPE],
      [body(message, sealed, part('more', 'x')), TYPE],
      [body(message, part('dokumentpakke', '')), TYPE],
      [body(message, sealed).subarray(0, -6), TYPE],
      [Buffer.concat([Buffer.from('preamble\r\n'), body(message, sealed)]), TYPE],
      [Buffer.alloc(0), TYPE],
      [body(part('forretningsmelding', 'x'.repeat(300_000)), sealed), TYPE],
      [body(part('forretningsmelding', 'x', `X: ${'y'.repeat(5_000)}\r\n`), sealed), TYPE],
    ];
    for (const [bytes, type] of wrong) expect(() => readParts(bytes, type)).toThrow('invalid-multipart');
  });
});
