import { describe, expect, it } from '@jest/globals';
import avro from 'avsc';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { avroType, decode, encode, Undecodable } from './codec.js';
import { SCHEMAS } from './generated/schemas.js';
import type { Subject } from './generated/events.js';

const ROOT = 'schemas';
/** Marker and fingerprint. */
const HEADER_BYTES = 10;
const SUBJECTS = Object.keys(SCHEMAS) as Subject[];

/** Examples are in Avro's own JSON encoding, in which the branch of a union is named; our types leave the name out. */
const exampleOf = (subject: Subject, text: string): never => {
  const schema: unknown = SCHEMAS[subject].at(-1);
  const named = avro.Type.forSchema(schema as avro.Schema, { wrapUnions: true });
  return avroType(schema).fromBuffer(named.toBuffer(named.fromString(text))) as never;
};

describe('the examples beside the schemas', () => {
  it.each(SUBJECTS)('%s has some, and each goes out and comes back as it is', (subject) => {
    const folder = join(ROOT, subject, 'examples');
    const files = existsSync(folder) ? readdirSync(folder).filter((file) => file.endsWith('.json')) : [];
    expect(files.length).toBeGreaterThan(0);
    for (const file of files) {
      const event = exampleOf(subject, readFileSync(join(folder, file), 'utf8'));
      expect(decode(subject, encode(subject, event))).toEqual(event);
    }
  });

  // counts and lengths of two thousand million, of both signs, and of a million: whoever believed one would be out of memory
  it.each(SUBJECTS)('%s is undecodable, or another event, with a huge number anywhere in it', (subject) => {
    const folder = join(ROOT, subject, 'examples');
    for (const file of readdirSync(folder)) {
      const good = encode(subject, exampleOf(subject, readFileSync(join(folder, file), 'utf8')));
      for (let at = HEADER_BYTES; at < good.length; at++)
        for (const number of ['feffffff0f', 'ffffffff0f', 'feff7f'])
          try {
            decode(subject, Buffer.concat([good.subarray(0, at), Buffer.from(number, 'hex'), good.subarray(at + 1)]));
          } catch (error) {
            expect(error).toBeInstanceOf(Undecodable);
          }
    }
  });

  it('have no map, whose size nobody bounds', () => {
    expect(JSON.stringify(SCHEMAS)).not.toContain('"map"');
  });
});
