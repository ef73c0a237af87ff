import { expect, it } from '@jest/globals';
import { isXmlText } from './xml-text.js';

/** The production Char of XML 1.0, §2.2. */
const isChar = (code: number): boolean =>
  [0x9, 0xa, 0xd].includes(code) ||
  (code >= 0x20 && code <= 0xd7ff) ||
  (code >= 0xe000 && code <= 0xfffd) ||
  code >= 0x10000;

it('a character is XML text exactly where XML 1.0 has it', () => {
  const wrong: string[] = [];
  for (let code = 0; code <= 0x10ffff; code++)
    if (isXmlText(`a${String.fromCodePoint(code)}b`) !== isChar(code)) wrong.push(code.toString(16));
  expect(wrong).toEqual([]);
});

it('halves of a character are text only together, and in their order', () => {
  expect(['\ud83d\ude00', '\ude00\ud83d', '\ud83d', '\ude00'].map(isXmlText)).toEqual([true, false, false, false]);
});
