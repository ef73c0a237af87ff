import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { avroType, decode, encode, fingerprintOf, Undecodable, UnknownSchema } from './codec.js';
import { generate, revisionsOf } from './generate.js';
import { letterIdOf, uuidv5 } from './ids.js';
import type { LetterDispatched } from './generated/events.js';

const EVENT: LetterDispatched = {
  letterId: '6f1c3b52-5d0e-5c1b-9b0a-6a3d0f7f2c11',
  leg: 1,
  provider: 'digipost',
  conversationId: '6f1c3b52-5d0e-5c1b-9b0a-6a3d0f7f2c12',
  messageId: '6f1c3b52-5d0e-5c1b-9b0a-6a3d0f7f2c13',
  attempts: 1,
  settled: false,
  handedOverAt: 1_763_900_000_000,
  operatorNote: null,
};

describe('single-object encoding', () => {
  const bytes = encode('letter.dispatched.v1', EVENT);

  it('carries marker and fingerprint and reads back the same', () => {
    expect(bytes.subarray(0, 2).toString('hex')).toBe('c301');
    expect(decode('letter.dispatched.v1', bytes)).toEqual(EVENT);
  });

  it.each([
    ['"null"', '63dd24e7cc258f8a'],
    ['"int"', '7275d51a3f395c8f'],
    ['"string"', '8f014872634503c7'],
  ])('has the fingerprint of the Avro specification for %s', (schema, big) => {
    expect(
      Buffer.from(fingerprintOf(avroType(JSON.parse(schema))))
        .reverse()
        .toString('hex'),
    ).toBe(big);
  });

  it('tells garbage from a schema it does not know yet', () => {
    expect(() => decode('letter.dispatched.v1', null)).toThrow(Undecodable);
    expect(() => decode('letter.dispatched.v1', Buffer.from('hello world'))).toThrow(Undecodable);
    expect(() => decode('letter.dispatched.v1', bytes.subarray(0, bytes.length - 3))).toThrow(Undecodable);
    const newer = Buffer.from(bytes);
    newer[5] = (newer[5] as number) ^ 0xff;
    expect(() => decode('letter.dispatched.v1', newer)).toThrow(UnknownSchema);
  });

  it('never fails in another way, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (tail) => {
        try {
          decode(
            'letter.routed.v1',
            Buffer.concat([encode('letter.dispatched.v1', EVENT).subarray(0, 2), Buffer.from(tail)]),
          );
        } catch (error) {
          expect(error instanceof Undecodable || error instanceof UnknownSchema).toBe(true);
        }
      }),
    );
  });

  it('says where an event is wrong without quoting it, and keeps records small', () => {
    const wrong = { ...EVENT, letterId: 21883649874 } as unknown as LetterDispatched;
    expect(() => encode('letter.dispatched.v1', wrong)).toThrow(/invalid at letterId/);
    expect(() => encode('letter.dispatched.v1', wrong)).not.toThrow(/21883649874/);
    expect(() => encode('letter.dispatched.v1', { ...EVENT, provider: 'x'.repeat(70_000) })).toThrow(RangeError);
  });
});

describe('the schemas', () => {
  interface Node {
    type?: unknown;
    name?: string;
    doc?: string;
    symbols?: string[];
    default?: unknown;
    fields?: Node[];
    items?: unknown;
  }

  it('document every field, give every enum a default and every optional field null', () => {
    const visit = (node: unknown, at: string): void => {
      if (Array.isArray(node)) return node.forEach((branch) => visit(branch, at));
      if (typeof node !== 'object' || node === null) return;
      const schema = node as Node;
      if (schema.symbols !== undefined) expect({ at, default: schema.default }).toEqual({ at, default: 'UNKNOWN' });
      for (const field of schema.fields ?? []) {
        const here = `${at}.${field.name}`;
        expect({ here, documented: typeof field.doc === 'string' && field.doc !== '' }).toEqual({
          here,
          documented: true,
        });
        if (Array.isArray(field.type) && field.type.includes('null'))
          expect({ here, first: field.type[0], default: field.default }).toEqual({
            here,
            first: 'null',
            default: null,
          });
        visit(field.type, here);
      }
      if (schema.items !== undefined) visit(schema.items, at);
      if (typeof schema.type === 'object') visit(schema.type, at);
    };
    for (const [subject, revisions] of revisionsOf('schemas'))
      for (const revision of revisions) visit(revision, subject);
  });

  const compatible = (reader: unknown, writer: unknown): boolean => {
    try {
      avroType(reader).createResolver(avroType(writer));
      return true;
    } catch {
      return false;
    }
  };

  it('are compatible in both directions with every earlier revision', () => {
    for (const [subject, revisions] of revisionsOf('schemas')) {
      for (const a of revisions)
        for (const b of revisions)
          expect({ subject, compatible: compatible(a, b) }).toEqual({ subject, compatible: true });
    }
    const before = { type: 'record', name: 'X', fields: [{ name: 'a', type: 'long' }] };
    const after = { type: 'record', name: 'X', fields: [{ name: 'a', type: 'int' }] };
    expect(compatible(after, before)).toBe(false);
  });

  it('are what the generated types were made from', () => {
    for (const [file, text] of Object.entries(generate('schemas')))
      expect(readFileSync(`libs/pipeline/src/generated/${file}`, 'utf8')).toBe(text);
  });
});

describe('ids', () => {
  it('are version 5 UUIDs as RFC 9562 has them', () => {
    expect(uuidv5('6ba7b810-9dad-11d1-80b4-00c04fd430c8', 'www.example.com')).toBe(
      '2ed6657d-e927-568b-95e1-2665a8aea6a2',
    );
  });

  it('come from names of any length', () => {
    const long = 'å'.repeat(1_000);
    expect(uuidv5('6ba7b810-9dad-11d1-80b4-00c04fd430c8', long)).toBe('7672d824-c76a-54fa-add3-0006e789d834');
    expect(uuidv5('6ba7b810-9dad-11d1-80b4-00c04fd430c8', 'www.example.com')).toBe(
      '2ed6657d-e927-568b-95e1-2665a8aea6a2',
    );
  });

  it('are not made in what is no UUID', () => {
    expect(() => uuidv5('receipt', 'x')).toThrow(TypeError);
  });

  it('tell letters apart by sender and reference', () => {
    expect(letterIdOf('310000019', 'a')).toBe(letterIdOf('310000019', 'a'));
    expect(letterIdOf('310000019', 'a')).not.toBe(letterIdOf('310000027', 'a'));
  });
});
