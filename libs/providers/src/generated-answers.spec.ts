import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { fateOf, settledBy } from './access-point.js';

/** A failure prints its seed and path; `{ seed, path }` here repeats it. */
const RUNS = { numRuns: 1_500, seed: 20_261_125 };
const HOUR_MS = 3_600_000;
const REASON = /^[a-z0-9-]{1,60}$/;

const body = fc.oneof(
  fc.jsonValue(),
  fc.record({ type: fc.oneof(fc.webUrl(), fc.string({ unit: 'binary' }), fc.jsonValue()), detail: fc.string() }),
);
const retryAfter = fc.oneof(
  fc.nat().map(String),
  fc.date({ noInvalidDate: true }).map((date) => date.toUTCString()),
  fc.string({ unit: 'binary', maxLength: 40 }),
);

it('no answer to a hand-over is taken for a yes but 201, and none for a no but what refuses', () => {
  const headers = fc
    .option(retryAfter, { nil: undefined })
    .map((value) => (value === undefined ? {} : { 'retry-after': value }));
  fc.assert(
    fc.property(fc.integer({ min: 100, max: 999 }), headers, fc.option(body), (status, given, json) => {
      const read = (): unknown => {
        if (json === null) throw new SyntaxError('no JSON');
        return json;
      };
      const fate = fateOf({ status, headers: given as Record<string, string>, json: read });
      if (fate.kind === 'handed-over') expect(status).toBe(201);
      if (fate.kind === 'refused') expect([400, 413, 415, 422]).toContain(status);
      if ('reason' in fate) expect(fate.reason).toMatch(REASON);
      if ('waitMs' in fate) expect(fate.waitMs >= 0 && fate.waitMs <= HOUR_MS).toBe(true);
    }),
    RUNS,
  );
});

it('no answer about what became of a message is believed but in its own words', () => {
  const word = fc.oneof(fc.constantFrom('OPPRETTET', 'SENDT', 'FEILET'), fc.string(), fc.jsonValue());
  const entry = fc.oneof(fc.jsonValue(), fc.record({ status: word }));
  fc.assert(
    fc.property(fc.oneof(fc.jsonValue(), fc.array(entry, { maxLength: 5 })), (statuses) => {
      const text = JSON.stringify(statuses) ?? '';
      const { kind } = settledBy(statuses);
      if (kind === 'handed-over') expect(text).toMatch(/"(OPPRETTET|SENDT)"/);
      if (kind === 'refused') expect(text).toContain('"FEILET"');
      if (kind === 'unknown-there') expect(statuses).toEqual([]);
    }),
    RUNS,
  );
});
