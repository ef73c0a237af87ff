import { beforeAll, describe, expect, it, jest } from '@jest/globals';
import { TestAuthority } from '@postgang/document-package';
import { letterIdOf } from '@postgang/pipeline';
import fc from 'fast-check';
import {
  commit,
  EvidenceError,
  MAX_EVIDENCE_BYTES,
  readEvidence,
  saltOf,
  statementHash,
  verifyEvidence,
  writeEvidence,
  type DayRoot,
  type Evidence,
  type VerifyOptions,
} from '../src/index.js';
import {
  aLetter,
  chained,
  daysOf,
  DIGIPOST,
  OPERATOR,
  RECIPIENT,
  receiptOf,
  type Line,
  type Made,
} from './a-letter.js';

let made: Made;
let revealed: Made;
beforeAll(async () => {
  [made, revealed] = await Promise.all([aLetter(), aLetter({ revealed: true })]);
}, 60_000);

/** What is wrong, and where; `holds` if nothing is. */
async function verdict(file: Buffer, options: VerifyOptions): Promise<string> {
  try {
    await verifyEvidence(readEvidence(file), options);
    return 'holds';
  } catch (error) {
    if (error instanceof EvidenceError) return error.message;
    throw error;
  }
}
const trusting = (): VerifyOptions => ({ trust: made.trust });
const ofFile = (evidence: unknown, options = trusting()): Promise<string> =>
  verdict(Buffer.from(writeEvidence(evidence as Evidence)), options);
const POSITION =
  /^(file|letter|entry( \d+)?|receipt( \d+)?(: \w[\w ]*)?|revocation list( \d+)?|path( [-\d]+)?(: level \d+)?|root( [-\d]+)?|roots|through|revealed( \w+)?): .+/;

describe('the evidence of a letter', () => {
  it('holds as it was written, with the root alone to trust', async () => {
    const verified = await verifyEvidence(readEvidence(Buffer.from(writeEvidence(made.evidence))), {
      ...{ trust: made.trust, operator: OPERATOR },
      kept: statementHash(made.evidence.roots[2] as string),
    });
    expect(verified).toMatchObject({
      ...{ trusted: true, remarks: [], revealed: [] },
      roots: { first: '2026-11-23', last: '2026-11-26', operator: OPERATOR },
      receipts: [
        { entry: 4, kind: 'leveringskvittering', signer: DIGIPOST, signedAt: '2026-11-24T08:00:00.000Z' },
        { entry: 5, kind: 'aapningskvittering', signer: DIGIPOST },
      ],
    });
  });

  it('holds whatever the number of letters around it', async () => {
    for (const others of [0, 1, 2, 7, 8, 31])
      await fc.assert(
        fc.asyncProperty(fc.constant(others), async (count) => {
          const { evidence, trust } = await aLetter({ others: count });
          expect(await ofFile(evidence, { trust })).toBe('holds');
        }),
        { numRuns: 1 },
      );
  }, 60_000);

  it('with nobody to trust holds in itself, and says that it is not more', async () => {
    expect((await verifyEvidence(made.evidence)).trusted).toBe(false);
  });

  it('is nobody else’s', async () => {
    const stranger = await TestAuthority.create();
    expect(await ofFile(made.evidence, { trust: stranger.trust })).toBe('receipt 1: certificate-untrusted');
    expect(await ofFile(made.evidence, { trust: made.trust, operator: DIGIPOST })).toBe(
      `root 2026-11-23: signed by ${OPERATOR}, not by ${DIGIPOST}`,
    );
    expect(await ofFile(made.evidence, { trust: made.trust, kept: '0'.repeat(64) })).toBe(
      'roots: the one that was kept is not among them',
    );
  });

  it('is refused with any byte of it changed, and says where', async () => {
    const file = Buffer.from(writeEvidence(revealed.evidence));
    await fc.assert(
      fc.asyncProperty(fc.nat(file.length - 1), fc.integer({ min: 1, max: 255 }), async (at, mask) => {
        const altered = Buffer.from(file);
        altered[at] = (altered[at] as number) ^ mask;
        expect(await verdict(altered, { trust: revealed.trust })).toMatch(POSITION);
      }),
      { numRuns: 400 },
    );
  }, 120_000);

  it('is refused with any character of a value changed into another of its kind', async () => {
    const file = writeEvidence(revealed.evidence);
    const places = [...file.matchAll(/[0-9a-zA-Z]/g)].map(({ index }) => index);
    await fc.assert(
      fc.asyncProperty(fc.nat(places.length - 1), fc.constantFrom(...'09afAFzZ'), async (which, character) => {
        const at = places[which] as number;
        if (file[at] === character) return;
        const altered = Buffer.from(file.slice(0, at) + character + file.slice(at + 1));
        expect(await verdict(altered, { trust: revealed.trust })).toMatch(POSITION);
      }),
      { numRuns: 400 },
    );
  }, 120_000);

  const LISTS = ['entries', 'receipts', 'revocationLists', 'paths', 'roots', 'revealed'] as const;
  const nested = (evidence: Evidence): unknown[][] =>
    JSON.parse(JSON.stringify([...LISTS.map((name) => evidence[name])])) as unknown[][];

  it('is refused with anything in it removed, doubled or at another place', async () => {
    const choice = fc.record({
      list: fc.nat(LISTS.length - 1),
      inside: fc.constantFrom(undefined, 'certificates', 'revocationLists', 'steps'),
      which: fc.nat(),
      a: fc.nat(),
      b: fc.nat(),
      how: fc.constantFrom('remove', 'double', 'swap'),
    });
    await fc.assert(
      fc.asyncProperty(choice, async ({ list, inside, which, a, b, how }) => {
        const lists = nested(revealed.evidence);
        let target = lists[list] as unknown[];
        if (inside !== undefined) {
          const within = (target[which % target.length] as Record<string, unknown>)[inside];
          if (!Array.isArray(within)) return;
          target = within;
        }
        const [from, to] = [a % target.length, b % target.length];
        if (how === 'swap') {
          if (JSON.stringify(target[from]) === JSON.stringify(target[to])) return;
          [target[from], target[to]] = [target[to], target[from]];
        } else if (how === 'double') target.splice(to, 0, target[from]);
        else target.splice(from, 1);
        // a file without what was revealed is the file that reveals nothing
        if (how === 'remove' && LISTS[list] === 'revealed') return;
        // a chain without its last authority is whole for who trusts the one above
        if (how === 'remove' && inside === 'certificates' && from === target.length && target.length > 0) return;
        const altered = { ...revealed.evidence, ...Object.fromEntries(LISTS.map((name, at) => [name, lists[at]])) };
        expect(await ofFile(altered, { trust: revealed.trust })).toMatch(POSITION);
      }),
      { numRuns: 400 },
    );
  }, 120_000);
});

describe('the position that is named', () => {
  type Change = (evidence: Evidence) => Partial<Evidence>;
  const at = <T>(list: readonly T[], index: number, change: Partial<T>): T[] =>
    list.map((one, place) => (place === index ? { ...one, ...change } : one));
  const other = 'f'.repeat(64);

  it.each<[string, string, Change]>([
    [
      'another reference',
      'letter: id does not follow from sender and reference',
      ({ letter }) => ({ letter: { ...letter, reference: 'case-2' } }),
    ],
    [
      'the same id read as another sender’s',
      'letter: its sender is no organisation number',
      () => ({
        letter: { id: letterIdOf('991825827', 'a/b'), sender: '991825827/a', reference: 'b' },
      }),
    ],
    [
      'half a character, which hashes like any other half',
      'letter: not a text',
      ({ letter }) => ({ letter: { ...letter, reference: '\ud800' } }),
    ],
    ['another kind', 'entry 3: hash', ({ entries }) => ({ entries: at(entries, 2, { kind: 'sealed' }) })],
    [
      'another time',
      'entry 2: hash',
      ({ entries }) => ({ entries: at(entries, 1, { at: '2026-11-23T11:00:00.000Z' }) }),
    ],
    ['a cut-off beginning', 'entry 1: number (it says 2)', ({ entries }) => ({ entries: entries.slice(1) })],
    ['a cut-off end', 'receipt 2: no such entry', ({ entries }) => ({ entries: entries.slice(0, 4) })],
    ['a receipt taken away', 'entry 5: its receipt is missing', ({ receipts }) => ({ receipts: receipts.slice(0, 1) })],
    ['receipts exchanged', 'receipt 2: order', ({ receipts }) => ({ receipts: receipts.toReversed() })],
    [
      'a receipt of another provider',
      'receipt 1: not the one that entry 4 speaks of',
      ({ receipts }) => ({ receipts: at(receipts, 0, { provider: 'eboks' }) }),
    ],
    [
      'a path that leads elsewhere',
      'path 2026-11-24: level 2',
      ({ paths }) => ({ paths: at(paths, 1, { steps: at(paths[1]?.steps ?? [], 1, { sibling: other }) }) }),
    ],
    [
      'a path to another root',
      'path 2026-11-24: does not end at the root',
      ({ paths }) => ({ paths: at(paths, 1, { ...paths[0], day: '2026-11-24' }) }),
    ],
    [
      'a path taken away',
      'entry 4: no root holds it: its day is not closed yet, or it was cut off',
      ({ paths }) => ({ paths: paths.slice(0, 1) }),
    ],
    [
      'a root taken away',
      'root 2026-11-25: does not follow 2026-11-23',
      ({ roots }) => ({ roots: roots.toSpliced(1, 1) }),
    ],
    [
      'the last root taken away',
      'through: the last root is of 2026-11-25',
      ({ roots }) => ({ roots: roots.slice(0, -1) }),
    ],
    ['all roots taken away', 'path 2026-11-23: no root of that day', () => ({ roots: [], through: null })],
    [
      'roots and paths taken away',
      'entry 1: no root holds it: its day is not closed yet, or it was cut off',
      () => ({ roots: [], paths: [], through: null }),
    ],
    [
      'a signature spoilt',
      'root 2: signature-invalid',
      ({ roots }) => ({ roots: roots.map((one, index) => (index === 1 ? `${one.slice(0, -8)}AAAAAAAA` : one)) }),
    ],
    ['a revocation list taken away', 'receipt 1: a revocation list of it is missing', () => ({ revocationLists: [] })],
  ])('after %s is "%s"', async (_what, position, change) => {
    // a path needs two levels to have a second one
    const verdicts = await ofFile({ ...made.evidence, ...change(made.evidence) });
    if (position.startsWith('path 2026-11-24: does not end')) expect(verdicts).toMatch(/^path 2026-11-24: /);
    else expect(verdicts).toBe(position);
  });
});

describe('what the operator itself would write anew', () => {
  it('does not fit the root that somebody kept', async () => {
    const { evidence, operator } = made;
    const kept = statementHash(evidence.roots[3] as string);
    const lines = evidence.entries.map((entry) => ({
      ...entry,
      particulars: (JSON.parse(entry.data) as { particulars?: Record<string, string> }).particulars,
      ...(entry.seq === 3 ? { at: '2026-11-23T09:00:00.000Z' } : {}),
    }));
    const entries = chained(evidence.letter.id, lines);
    const days = await daysOf(evidence.letter.id, entries, { 1: 3, 2: 5 }, 6, operator);
    const anew = { ...evidence, entries, ...days };
    expect(await ofFile(anew)).toBe('holds');
    expect(await ofFile(anew, { ...trusting(), kept })).toBe('roots: the one that was kept is not among them');
    expect(await ofFile({ ...evidence, entries })).toMatch(/^path 2026-11-23: level 1/);
  });

  it('and a root in the middle breaks the days after it', async () => {
    const { evidence, operator } = made;
    const days = await daysOf(evidence.letter.id, evidence.entries, { 1: 3, 2: 5 }, 6, operator);
    const roots = evidence.roots.map((one, index) => (index === 2 ? (days.roots[2] as string) : one));
    expect(await ofFile({ ...evidence, roots })).toBe('root 2026-11-25: is not built upon the day before');
  });
});

describe('a root in the place of one that was given out', () => {
  const [given, other] = ['a'.repeat(64), 'b'.repeat(64)];
  let replacing: Evidence;
  beforeAll(async () => {
    const { evidence, operator } = made;
    const replaces = { 2: given, 3: other };
    const days = await daysOf(evidence.letter.id, evidence.entries, { 1: 3, 2: 5 }, 6, operator, replaces);
    replacing = { ...evidence, ...days };
  });

  it('holds, and is a remark for each', async () => {
    const { remarks } = await verifyEvidence(replacing, trusting());
    expect(remarks).toEqual([
      `root 2026-11-24: replaces one that was given out before, ${given}`,
      `root 2026-11-25: replaces one that was given out before, ${other}`,
    ]);
  });

  it('does not hold for who kept that other one', async () => {
    expect(await ofFile(replacing, { ...trusting(), kept: other })).toBe(
      'root 2026-11-25: replaces the one that was kept',
    );
    const kept = statementHash(replacing.roots[2] as string);
    expect(await ofFile(replacing, { ...trusting(), kept })).toBe('holds');
  });

  it('cannot lose that it replaces: the signature holds it', async () => {
    const roots = replacing.roots.map((statement, index) => (index === 1 ? without(statement) : statement));
    expect(await ofFile({ ...replacing, roots })).toBe('root 2: signature-invalid');
  });

  function without(statement: string): string {
    const [header, payload = '', signature] = statement.split('.');
    const { replaces: _replaces, ...says } = JSON.parse(Buffer.from(payload, 'base64url').toString()) as DayRoot;
    return [header, Buffer.from(JSON.stringify(says)).toString('base64url'), signature].join('.');
  }
});

describe('receipts in it', () => {
  /** With the first receipt made anew, and entries altered as the operator itself would have written them. */
  async function written(
    change: (made: Made) => Promise<{ raw: string; certificates: readonly string[] }>,
    altered: Readonly<Record<number, Partial<Line>>> = {},
  ) {
    const mine = await aLetter();
    const { evidence, operator, trust } = mine;
    const { raw, certificates } = await change(mine);
    const { receiptEventId, receiptDigest } = await import('../src/index.js');
    const lines = evidence.entries.map((entry) => ({
      ...entry,
      particulars: (JSON.parse(entry.data) as { particulars?: Record<string, string> }).particulars,
      ...(entry.seq === 4
        ? { eventId: receiptEventId('digipost', raw), particulars: { receipt: receiptDigest(raw) } }
        : {}),
      ...altered[entry.seq],
    }));
    const entries = chained(evidence.letter.id, lines);
    const receipts = evidence.receipts.map((one, index) => (index === 0 ? { ...one, raw, certificates } : one));
    const days = await daysOf(evidence.letter.id, entries, { 1: 3, 2: 5 }, 6, operator);
    return { evidence: { ...evidence, entries, receipts, ...days }, trust };
  }
  async function withReceipt(...how: Parameters<typeof written>) {
    const { evidence, trust } = await written(...how);
    return ofFile(evidence, { trust });
  }
  const signed =
    (signedAt: string) =>
    async ({ evidence: { letter }, digipost }: Made) => ({
      ...(await receiptOf(letter.id, digipost, 'leveringskvittering', '2026-11-24T08:00:00.000Z', 1, signedAt)),
      certificates: chainOf(digipost.certificates),
    });
  const chainOf = (certificates: readonly { raw: Buffer }[]): string[] =>
    certificates.slice(0, 2).map(({ raw }) => raw.toString('base64'));

  it.each<[string, string, (made: Made) => ReturnType<typeof receiptOf>, (made: Made) => readonly { raw: Buffer }[]]>([
    [
      'about another leg',
      'receipt 1: it is not about the leg of entry 4',
      ({ evidence, digipost }) =>
        receiptOf(evidence.letter.id, digipost, 'leveringskvittering', '2026-11-24T08:00:00.000Z', 2),
      ({ digipost }) => digipost.certificates,
    ],
    [
      'of another kind',
      'receipt 1: its kind is not that of entry 4',
      ({ evidence, digipost }) =>
        receiptOf(evidence.letter.id, digipost, 'aapningskvittering', '2026-11-24T08:00:00.000Z'),
      ({ digipost }) => digipost.certificates,
    ],
    [
      'of another time',
      'receipt 1: its time is not that of entry 4',
      ({ evidence, digipost }) =>
        receiptOf(evidence.letter.id, digipost, 'leveringskvittering', '2026-11-24T07:00:00.000Z'),
      ({ digipost }) => digipost.certificates,
    ],
    [
      'of when the certificate was not valid',
      'receipt 1: certificate-expired',
      ({ evidence, digipost }) =>
        receiptOf(evidence.letter.id, digipost, 'leveringskvittering', '2037-11-24T08:00:00.000Z'),
      ({ digipost }) => digipost.certificates,
    ],
    [
      'of another signer than the provider',
      'receipt 1: signer is not the provider of the leg',
      ({ evidence, operator }) =>
        receiptOf(evidence.letter.id, operator, 'leveringskvittering', '2026-11-24T08:00:00.000Z'),
      ({ operator }) => operator.certificates,
    ],
    [
      'with another chain than the signer’s',
      'receipt 1: certificate is not the signer’s',
      ({ evidence, digipost }) =>
        receiptOf(evidence.letter.id, digipost, 'leveringskvittering', '2026-11-24T08:00:00.000Z'),
      ({ operator }) => operator.certificates,
    ],
  ])('do not count %s, though the operator signed it', async (_what, position, make, chain) => {
    expect(
      await withReceipt(async (mine) => ({ raw: (await make(mine)).raw, certificates: chainOf(chain(mine)) })),
    ).toBe(position);
  });

  const TOO_EARLY = 'receipt 1: signed before its letter was on its way';
  const TOO_LATE = 'receipt 1: signed after the day was closed whose root holds entry 4';
  it.each([
    ['ten months before the letter was accepted', '2026-01-20T08:00:00.000Z', TOO_EARLY],
    ['before the leg was routed by more than clocks differ', '2026-11-23T09:55:00.999Z', TOO_EARLY],
    ['before the leg was routed by as much as clocks differ', '2026-11-23T09:55:01.000Z', 'holds'],
    ['after the day was closed by as much as clocks differ', '2026-11-24T23:20:00.000Z', 'holds'],
    ['after the day was closed by more than clocks differ', '2026-11-24T23:20:00.001Z', TOO_LATE],
    ['years after the day was closed that holds it', '2034-11-24T08:00:00.000Z', TOO_LATE],
  ])('signed %s: %s is "%s"', async (_when, at, position) => {
    expect(await withReceipt(signed(at))).toBe(position);
  });

  it('hold with a remark when the history does not say whose receipts count', async () => {
    const { evidence, trust } = await written(signed('2026-11-24T08:00:00.000Z'), { 2: { particulars: {} } });
    const { remarks } = await verifyEvidence(evidence, { trust });
    expect(remarks).toEqual(
      [1, 2].map(
        (n) => `receipt ${n}: the history does not say whose receipts count for leg 1, so any signer would do`,
      ),
    );
  });

  it('hold with a remark when one clock of the operator’s puts the package after them', async () => {
    const { evidence, trust } = await written(signed('2026-11-24T08:00:00.000Z'), {
      3: { kind: 'sealed', at: '2026-11-24T09:00:00.000Z' },
    });
    const { remarks } = await verifyEvidence(evidence, { trust });
    expect(remarks).toEqual(['receipt 1: signed before entry 3 (sealed), by one clock or the other']);
  });

  it('do not count when their signer was revoked before, and do when after', async () => {
    const before = await aLetter({ revokedSince: new Date('2026-11-24T07:59:00Z') });
    expect(await ofFile(before.evidence, { trust: before.trust })).toBe(
      'receipt 1: signer revoked since 2026-11-24T07:59:00.000Z',
    );
    const between = await aLetter({ revokedSince: new Date('2026-11-24T08:30:00Z') });
    expect(await ofFile(between.evidence, { trust: between.trust })).toMatch(/^receipt 2: signer revoked/);
    const after = await aLetter({ revokedSince: new Date('2026-11-24T09:30:00Z') });
    expect(await ofFile(after.evidence, { trust: after.trust })).toBe('holds');
  });

  it('without a revocation list hold with a remark', async () => {
    const receipts = made.evidence.receipts.map((one) => ({ ...one, revocationLists: [] }));
    const { remarks } = await verifyEvidence({ ...made.evidence, receipts, revocationLists: [] }, trusting());
    expect(remarks).toEqual([
      'receipt 1: no revocation list about its signer',
      'receipt 2: no revocation list about its signer',
    ]);
  });
});

describe('what is revealed', () => {
  it('is what was committed to, and a file that reveals nothing holds as well', async () => {
    const { evidence, trust } = revealed;
    expect((await verifyEvidence(evidence, { trust })).revealed).toEqual([{ field: 'recipient', value: RECIPIENT }]);
    expect(await ofFile({ ...evidence, revealed: [] }, { trust })).toBe('holds');
    expect(writeEvidence({ ...evidence, revealed: [] })).not.toContain(RECIPIENT);
    const lie = evidence.revealed.map((one) => ({ ...one, value: '02820050048' }));
    expect(await ofFile({ ...evidence, revealed: lie }, { trust })).toBe(
      'revealed recipient: not what was committed to',
    );
  });

  it('is refused without repeating what is no field’s name', async () => {
    const { evidence, trust } = revealed;
    const lie = evidence.revealed.map((one) => ({ ...one, field: '\nok' }));
    expect(await ofFile({ ...evidence, revealed: lie }, { trust })).toBe('revealed 1: field');
  });

  it('of one field tells nothing of another', () => {
    const key = Buffer.alloc(32, 1);
    const [recipient, documents] = [saltOf(key, 'recipient'), saltOf(key, 'documents')];
    expect(recipient).not.toEqual(documents);
    expect(commit(recipient, RECIPIENT)).not.toEqual(commit(documents, RECIPIENT));
  });
});

describe('whatever comes as evidence is refused', () => {
  const whole = (): Record<string, unknown> => JSON.parse(writeEvidence(made.evidence)) as Record<string, unknown>;
  const UNLIKE = 'file: not written the way evidence is written: spaces, order of fields, or a field twice';
  it.each<[string, string, () => string | Buffer]>([
    ['nothing', 'file: not JSON', () => ''],
    ['no JSON', 'file: not JSON', () => 'evidence'],
    ['null', 'file: not an object', () => 'null\n'],
    ['a list', 'file: not an object', () => '[]\n'],
    ['deep lists', 'file: not an object', () => '['.repeat(500_000) + ']'.repeat(500_000)],
    [
      'deep objects',
      'letter: not a text',
      () => `{"format":"postgang-evidence/1","letter":${'{"a":'.repeat(200_000)}1${'}'.repeat(200_001)}`,
    ],
    [
      'another format',
      'file: not postgang-evidence/1',
      () => writeEvidence({ ...whole(), format: 'postgang-evidence/2' } as never),
    ],
    ['more than was asked for', UNLIKE, () => writeEvidence({ ...whole(), more: true } as never)],
    ['less', 'root: not a list', () => writeEvidence({ ...whole(), roots: undefined } as never)],
    [
      'another order',
      UNLIKE,
      () => `${JSON.stringify(Object.fromEntries(Object.entries(whole()).reverse()), undefined, 1)}\n`,
    ],
    ['other spaces', UNLIKE, () => JSON.stringify(whole())],
    ['no end of line', UNLIKE, () => writeEvidence(made.evidence).slice(0, -1)],
    ['a field twice', UNLIKE, () => writeEvidence(made.evidence).replace('{', '{\n "format": "x",')],
    [
      '__proto__',
      UNLIKE,
      () => writeEvidence(made.evidence).replace('{', '{\n "__proto__": {"format": "postgang-evidence/1"},'),
    ],
    [
      'invalid UTF-8',
      'file: not JSON',
      () => Buffer.concat([Buffer.from(writeEvidence(made.evidence)), Buffer.from([0xff])]),
    ],
    ['a byte order mark', 'file: not JSON', () => `\uFEFF${writeEvidence(made.evidence)}`],
    // the first of them is none already: the limit comes before any is looked at
    [
      'too many entries',
      'entry: more than 20000',
      () => writeEvidence({ ...whole(), entries: Array(20_001).fill({}) } as never),
    ],
  ])('%s: %s', async (_what, says, content) => {
    expect(await verdict(Buffer.from(content()), trusting())).toBe(says);
  });

  it('too much is not even decoded', async () => {
    const file = Buffer.alloc(MAX_EVIDENCE_BYTES + 1, 0x20);
    const decoded = jest.spyOn(file, 'toString');
    expect(await verdict(file, trusting())).toBe('file: larger than 64 MB');
    expect(decoded).not.toHaveBeenCalled();
    expect(await verdict(file.subarray(1), trusting())).toBe('file: not JSON');
  });

  it('any JSON', async () => {
    await fc.assert(
      fc.asyncProperty(fc.jsonValue(), fc.constantFrom(...Object.keys(made.evidence)), async (value, field) => {
        const same = JSON.stringify(value) === JSON.stringify(made.evidence[field as keyof Evidence]);
        if (!same) expect(await ofFile({ ...made.evidence, [field]: value })).toMatch(POSITION);
      }),
      { numRuns: 150 },
    );
  });
});
