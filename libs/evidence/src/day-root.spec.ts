import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { signJson, TestAuthority, type SigningIdentity } from '@postgang/document-package';
import fc from 'fast-check';
import { DAY_ROOT_FORMAT, openDayRoot, signDayRoot, statementHash, type DayRoot } from './day-root.js';

let operator: SigningIdentity;
beforeAll(async () => {
  operator = await (await TestAuthority.create()).issue('310000019', 'Operator');
}, 60_000);

const hash = fc.stringMatching(/^[0-9a-f]{64}$/);
const day = fc.date({ min: new Date('2000-01-01'), max: new Date('2099-12-31'), noInvalidDate: true });
const root: fc.Arbitrary<DayRoot> = fc.record(
  {
    format: fc.constant(DAY_ROOT_FORMAT),
    day: day.map((date) => date.toISOString().slice(0, 10)),
    closedAt: day.map((date) => date.toISOString()),
    size: fc.maxSafeNat(),
    root: hash,
    previous: fc.option(hash),
    replaces: hash,
  },
  { requiredKeys: ['format', 'day', 'closedAt', 'size', 'root', 'previous'] },
);
const says: DayRoot = {
  ...{ format: DAY_ROOT_FORMAT, day: '2026-11-24', closedAt: '2026-11-24T23:15:00.000Z', size: 2 },
  ...{ root: 'a'.repeat(64), previous: null },
};

describe("a day's root", () => {
  it('opens as it was signed, with and without one that it replaces', async () => {
    await fc.assert(
      fc.asyncProperty(root, async (one) => {
        const statement = await signDayRoot(one, operator);
        expect(openDayRoot(statement)?.says).toEqual(one);
        expect(statementHash(statement)).toMatch(/^[0-9a-f]{64}$/);
      }),
      { numRuns: 50 },
    );
  });

  it('does not open with one character of what it replaces changed', async () => {
    const statement = await signDayRoot({ ...says, replaces: 'b'.repeat(64) }, operator);
    const [header, payload = '', signature] = statement.split('.');
    const altered = Buffer.from(payload, 'base64url').toString().replace('"bb', '"cb');
    const forged = [header, Buffer.from(altered).toString('base64url'), signature].join('.');
    expect(forged).not.toBe(statement);
    expect(() => openDayRoot(forged)).toThrow('signature-invalid');
  });

  it.each<[string, object]>([
    ['null in the place of what it replaces', { replaces: null }],
    ['a text that is no hash there', { replaces: 'B'.repeat(64) }],
    ['a number there', { replaces: 7 }],
    ['a list there', { replaces: ['b'.repeat(64)] }],
    ['a seventh field of another name', { replacing: 'b'.repeat(64) }],
    ['an eighth field', { replaces: 'b'.repeat(64), why: 'restored' }],
  ])('is none with %s, whoever signed it', async (_what, more) => {
    expect(openDayRoot(await signJson({ ...says }, operator))).toBeDefined();
    expect(openDayRoot(await signJson({ ...says, ...more }, operator))).toBeUndefined();
  });

  it('is what the examples of the topic hold', () => {
    const exampleOf = (name: string): string =>
      (JSON.parse(readFileSync(`schemas/day.closed.v1/examples/${name}.json`, 'utf8')) as { statement: string })
        .statement;
    const first = exampleOf('first');
    expect(openDayRoot(first)?.says).toMatchObject({ day: '2026-11-24', size: 3 });
    expect(openDayRoot(exampleOf('replaces'))?.says.replaces).toBe(statementHash(first));
  });
});
