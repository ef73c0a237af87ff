import { describe, expect, it } from '@jest/globals';
import {
  checkSbd,
  digitalSbd,
  PackageError,
  printSbd,
  readManifest,
  safeHref,
  writeManifest,
  type PackageManifest,
} from '@postgang/document-package';
import fc from 'fast-check';
import { checkLetter, type LetterInput } from './letter-schema.js';

const ORGNR = '310000027';
const PROVIDER = '984661185';
const NOW = new Date('2026-11-25T12:00:00Z');
const UUID = '0193a1b2-0000-7000-8000-000000000000';

/** Every field with free text in it, as a letter has it. */
const TEXTS = {
  title: 'Vedtak om støtte',
  nonSensitiveTitle: 'Brev fra etaten',
  avsenderidentifikator: 'enhet-7',
  invoiceReference: 'F-7',
  caseReference: '2026/7',
  main: 'Vedtaket',
  attachment: 'Vedlegg',
  emailText: 'Du har fått brev.\nLogg inn.',
  smsText: 'Du har fått brev.',
  name: 'Etaten',
  line: 'Boks 1',
  city: 'Oslo',
};
type Texts = typeof TEXTS;
const POINTERS: Record<keyof Texts, string> = {
  title: '/title',
  nonSensitiveTitle: '/nonSensitiveTitle',
  avsenderidentifikator: '/avsenderidentifikator',
  invoiceReference: '/invoiceReference',
  caseReference: '/caseReference',
  main: '/documents/0/title',
  attachment: '/documents/1/title',
  emailText: '/notice/emailText',
  smsText: '/notice/smsText',
  name: '/print/returnAddress/name',
  line: '/print/returnAddress/lines/0',
  city: '/print/returnAddress/city',
};
/** Characters. */
const MOST: Record<keyof Texts, number> = {
  title: 200,
  nonSensitiveTitle: 200,
  avsenderidentifikator: 100,
  invoiceReference: 40,
  caseReference: 100,
  main: 200,
  attachment: 200,
  emailText: 500,
  smsText: 160,
  name: 100,
  line: 100,
  city: 60,
};
const FIELDS = Object.keys(TEXTS) as (keyof Texts)[];

const inputOf = (texts: Texts, more: Record<string, unknown> = {}): Record<string, unknown> => ({
  ...{ reference: 'r-1', recipient: '13868190005', kind: 'enkeltvedtak' },
  ...{ title: texts.title, nonSensitiveTitle: texts.nonSensitiveTitle },
  documents: [
    { title: texts.main, type: 'application/pdf', file: 'a' },
    { title: texts.attachment, type: 'text/plain', file: 'b' },
  ],
  print: { returnAddress: { name: texts.name, lines: [texts.line], postalCode: '0001', city: texts.city } },
  notice: { emailText: texts.emailText, smsText: texts.smsText },
  ...{ avsenderidentifikator: texts.avsenderidentifikator, invoiceReference: texts.invoiceReference },
  caseReference: texts.caseReference,
  ...more,
});

/** The manifest as `encryption` has it of such a letter. */
const manifestOf = (letter: LetterInput): PackageManifest => {
  const [main, ...attachments] = letter.documents.map(({ title, type }, index) => ({
    ...{ href: safeHref(index, type), mediaType: type, title, language: letter.language },
  }));
  return {
    sender: `0192:${ORGNR}`,
    ...(letter.avsenderidentifikator === undefined ? {} : { senderUnit: letter.avsenderidentifikator }),
    ...(letter.invoiceReference === undefined ? {} : { invoiceReference: letter.invoiceReference }),
    ...{ mailboxAddress: 'kari.proeve#1234', main: main as PackageManifest['main'], attachments },
  };
};

/** Both messages that `provider-dispatch` could make of it. */
const messagesOf = (letter: LetterInput): unknown[] => {
  const head = { ...{ technicalSender: '310000019', receiver: PROVIDER, createdAt: NOW }, ...ids };
  const common = {
    ...{ sender: ORGNR, packageDigest: 'x', maskinportenToken: 'x' },
    ...{ senderUnit: letter.avsenderidentifikator, invoiceReference: letter.invoiceReference },
  };
  const { print, notice } = letter;
  const repetitions = [0, 7];
  const digital = digitalSbd(head, {
    ...{ ...common, mailboxAddress: 'kari.proeve#1234', nonSensitiveTitle: letter.nonSensitiveTitle },
    ...{ securityLevel: letter.securityLevel, language: letter.language, openingReceipt: letter.openingReceipt },
    ...(letter.effectiveAt === undefined ? {} : { effectiveAt: new Date(letter.effectiveAt) }),
    notice: {
      ...(notice?.emailText === undefined ? {} : { email: { address: 'kari@epost.no', text: notice.emailText } }),
      ...(notice?.smsText === undefined ? {} : { sms: { number: '+4790000001', text: notice.smsText } }),
      repetitions,
    },
  });
  if (print === undefined) return [digital];
  const address = { name: 'Kari Prøve', lines: ['Prøveveien 5'], postalCode: '0173', city: 'Oslo' };
  const { returnAddress, colour, postClass } = print;
  return [
    digital,
    printSbd(head, { ...common, address, returnAddress, colour, postClass, returnHandling: 'DIREKTE_RETUR' }),
  ];
};
const ids = { messageId: UUID, conversationId: UUID };

const stringsIn = (value: unknown): string[] =>
  typeof value === 'string'
    ? [value]
    : typeof value === 'object' && value !== null
      ? Object.values(value).flatMap(stringsIn)
      : [];

/** Sealed and made into messages, and read again: any error is one that a 202 would have hidden. */
function sealAndRead(letter: LetterInput): void {
  const manifest = manifestOf(letter);
  expect(readManifest(writeManifest(manifest))).toEqual(manifest);
  const sentTexts: string[] = [];
  for (const message of messagesOf(letter)) {
    const sent: unknown = JSON.parse(JSON.stringify(message));
    checkSbd(sent);
    sentTexts.push(...stringsIn(sent));
  }
  const { avsenderidentifikator, invoiceReference, nonSensitiveTitle } = letter;
  const { emailText, smsText } = letter.notice ?? {};
  const { name, lines = [], city } = letter.print?.returnAddress ?? {};
  const whole = [emailText, smsText, name, ...lines, city, avsenderidentifikator, invoiceReference, nonSensitiveTitle];
  for (const part of whole) if (part !== undefined) expect(sentTexts).toContain(part);
  // the provider writes what we send as JSON into XML of its own
  for (const text of stringsIn(letter)) {
    const with_ = { ...manifest, mailboxAddress: text };
    expect(readManifest(writeManifest(with_)).mailboxAddress).toBe(text);
  }
}

/** What XML has not, what one line has not, what must be escaped, and what only looks odd. */
const ODD = [
  ...['\0', '\x08', '\x0b', '\x1f', '\ufffe', '\uffff', '\ud83d', '\ude00'],
  ...['\t', '\n', '\r', '\x7f', '\x85', '\u2028', '\u2029'],
  ...['&', '<', '>', '"', "'", ']]>', '<!--', '&#0;', '\\u0000'],
  ...['\ufeff', '\ufdd0', '\ufffd', '\ue000', '\u{1fffe}', '\u{10ffff}', '😀', '\u202e', 'e\u0301'],
];
const piece = fc.oneof(
  { weight: 12, arbitrary: fc.string({ unit: 'grapheme', maxLength: 12 }) },
  { weight: 1, arbitrary: fc.constantFrom(...ODD) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 3 }) },
);
const text = fc.array(piece, { minLength: 1, maxLength: 4 }).map((pieces) => pieces.join(''));
const time = fc
  .tuple(fc.constantFrom('0000-01-01', '0001-03-01', '2027-02-28', '9999-12-31'), fc.nat(23), fc.nat(23))
  .chain(([day, hour, offset]) =>
    fc.constantFrom('+', '-').map((sign) => `${day}T${two(hour)}:59:59.999999999${sign}${two(offset)}:59`),
  );
const two = (value: number): string => String(value).padStart(2, '0');

describe('a letter that the door accepts can be sealed', () => {
  it('whatever is in its texts', () => {
    const count = { accepted: 0, refused: 0 };
    const some = fc.record(Object.fromEntries(FIELDS.map((field) => [field, text])), { requiredKeys: [] });
    fc.assert(
      fc.property(some, fc.option(time, { nil: undefined }), (texts, effectiveAt) => {
        const checked = checkLetter(inputOf({ ...TEXTS, ...texts }, { effectiveAt }), 'test');
        if ('errors' in checked) return void count.refused++;
        count.accepted++;
        sealAndRead(checked.letter);
      }),
      { numRuns: 500, seed: 20_261_126 },
    );
    expect(count.accepted).toBeGreaterThan(50);
    expect(count.refused).toBeGreaterThan(50);
  });

  it('when each of its texts is as long as it may be, in characters that are long themselves', () => {
    for (const character of ['x', '😀']) {
      const texts = Object.fromEntries(FIELDS.map((field) => [field, character.repeat(MOST[field])])) as Texts;
      const checked = checkLetter(inputOf(texts), 'test');
      sealAndRead((checked as { letter: LetterInput }).letter);
    }
  });

  it.each(FIELDS)('and %s is at fault when it holds what cannot be written', (field) => {
    for (const odd of ODD) {
      const checked = checkLetter(inputOf({ ...TEXTS, [field]: `før${odd}etter` }), 'test');
      if (!('errors' in checked)) sealAndRead(checked.letter);
      else expect(checked.errors).toEqual([{ pointer: POINTERS[field], detail: expect.stringMatching(/^must /) }]);
      if (!isWritable(odd)) expect(checked).toHaveProperty('errors');
    }
  });

  it.each(['0000-01-01T00:30:00+01:00', '9999-12-31T23:30:00-01:00'])(
    'and has no time that its message cannot name: %s',
    (effectiveAt) => {
      const checked = checkLetter(inputOf(TEXTS, { effectiveAt }), 'test');
      expect(checked).toMatchObject({ errors: [{ pointer: '/effectiveAt' }] });
    },
  );

  it.each(['0000-01-01T00:00:00Z', '9999-12-31T23:59:59.999Z', '2027-01-01T08:00:00+01:00'])(
    'and may have any other: %s',
    (effectiveAt) => {
      const checked = checkLetter(inputOf(TEXTS, { effectiveAt }), 'test');
      sealAndRead((checked as { letter: LetterInput }).letter);
    },
  );
});

/** Asked of the one who writes it. */
function isWritable(odd: string): boolean {
  const main = { href: 'document.pdf', mediaType: 'application/pdf', title: `før${odd}etter`, language: 'nb' };
  try {
    writeManifest({ sender: `0192:${ORGNR}`, main, attachments: [] });
    return true;
  } catch (error) {
    expect(error).toBeInstanceOf(PackageError);
    return false;
  }
}
