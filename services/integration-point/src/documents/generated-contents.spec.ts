import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { MEDIA_TYPES } from '../letter/letter-schema.js';
import { sniff } from './sniff.js';

/** First bytes of what is taken, of what is not, and of what unpacks. */
const MAGIC = [
  '%PDF-1.7\n',
  '%PDF',
  '\x89PNG\r\n\x1a\n',
  '\xff\xd8\xff\xe0',
  'PK\x03\x04',
  '\x1f\x8b',
  'MZ',
  'II*\0',
  '<?xml ',
];
const head = fc.tuple(fc.constantFrom('', ...MAGIC), fc.uint8Array({ maxLength: 4_090 }));

/** A failure prints its seed and path; `{ seed, path }` here repeats it. */
it('whatever the first bytes are, they are a type that is taken or none, and a program or an archive never is', async () => {
  await fc.assert(
    fc.asyncProperty(head, async ([magic, rest]) => {
      const found = await sniff(Buffer.concat([Buffer.from(magic, 'latin1'), rest]));
      if (found !== undefined) expect(MEDIA_TYPES).toContain(found);
      if (/^(PK\x03\x04|\x1f\x8b)/.test(magic)) expect(found).toBeUndefined();
      if (magic === '%PDF-1.7\n') expect(found).toBe('application/pdf');
    }),
    { numRuns: 1_500, seed: 20_261_125 },
  );
});
