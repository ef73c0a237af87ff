import { describe, expect, it } from '@jest/globals';
import { kindOf, LEGAL_KINDS, REFUSALS, refusalSentence, WIRE_KIND } from './words.js';

describe('the words', () => {
  it('of the legal kinds go to the wire and back', () => {
    expect(LEGAL_KINDS.map((kind) => kindOf(WIRE_KIND[kind]))).toEqual(LEGAL_KINDS);
    for (const symbol of Object.values(WIRE_KIND)) expect(symbol).toMatch(/^[A-Z_]+$/);
    for (const text of ['UNKNOWN', 'information', '', 'constructor']) expect(kindOf(text)).toBeUndefined();
  });

  it('of every refusal are stable names with one sentence each', () => {
    for (const [reason, sentence] of Object.entries(REFUSALS)) {
      expect(reason).toMatch(/^[a-z]+(-[a-z]+)*$/);
      expect(sentence).toMatch(/^[A-Z][^.]+\.$/);
      expect(refusalSentence(reason)).toBe(sentence);
    }
    for (const text of ['protected', 'constructor', '__proto__']) expect(refusalSentence(text)).toBeUndefined();
  });

  it('do not tell a protected address apart', () => {
    expect(JSON.stringify(REFUSALS)).not.toMatch(/protect|secret|hidden|gradert/i);
  });
});
