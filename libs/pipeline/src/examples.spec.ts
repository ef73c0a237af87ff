import { describe, expect, it } from '@jest/globals';
import avro from 'avsc';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { avroType, decode, encode } from './codec.js';
import { SCHEMAS } from './generated/schemas.js';
import type { Subject } from './generated/events.js';

const ROOT = 'schemas';
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
});
