import { addressLines, isXmlText, LANGUAGES, LEGAL_KINDS, nationalIdProblem, type Environment } from '@postgang/rules';
import { z } from 'zod';

/** Types that both mailboxes show; print takes PDF only, which is decided when the letter is routed. */
export const MEDIA_TYPES = ['application/pdf', 'text/plain', 'image/jpeg', 'image/png'] as const;
export type MediaType = (typeof MEDIA_TYPES)[number];

/** Bytes of all documents of one letter. */
export const MAX_LETTER_BYTES = 50 * 1024 * 1024;
export const MAX_DOCUMENTS = 50;

/** Sealing writes texts into XML. What cannot be written there can never go out, and the agency must hear of it now. */
const UNWRITABLE = 'must not contain half a character, U+FFFE or U+FFFF, which XML has not';

/** One line without control characters: titles and names go into XML, mail headers and window envelopes. */
const line = (most: number): z.ZodString =>
  z
    .string()
    .trim()
    .min(1)
    .max(most)
    .regex(/^[^\p{Cc}\u2028\u2029]*$/u, { error: 'must be one line without control characters', abort: true })
    .refine(isXmlText, UNWRITABLE);
/** As `line`, but line breaks are allowed. */
const text = (most: number): z.ZodString =>
  z
    .string()
    .min(1)
    .max(most)
    .regex(/^(?:\P{Cc}|[\n\r\t])*$/u, { error: 'must not contain control characters', abort: true })
    .refine(isXmlText, UNWRITABLE);

/** The message to the provider has the time in UTC with a year of four digits, and an offset may lead out of them. */
const isFourDigitYear = (time: string): boolean =>
  Date.parse(time) >= Date.parse('0000-01-01T00:00:00Z') && Date.parse(time) < Date.parse('+010000-01-01T00:00:00Z');

const documentSchema = z
  .strictObject({
    title: line(200).describe('shown to the recipient after log-in'),
    type: z.enum(MEDIA_TYPES).describe('media type; checked against the content'),
    file: z.string().min(1).max(100).optional().describe('name of the multipart part with the content'),
    documentId: z.uuid().optional().describe('id that PUT /v1/documents/{id} was called with'),
  })
  .refine(
    ({ file, documentId }) => (file === undefined) !== (documentId === undefined),
    'needs either file or documentId',
  );

const returnAddressSchema = z
  .strictObject({
    name: line(100),
    lines: z.array(line(100)).min(1).max(4),
    postalCode: z
      .string()
      .regex(/^\d{4}$/, 'must be four digits')
      .optional(),
    city: line(60).optional(),
    countryCode: z
      .string()
      .regex(/^[A-Z]{2}$/, 'must be two capital letters (ISO 3166-1)')
      .optional()
      .describe('only for an address abroad'),
  })
  .refine(
    ({ postalCode, city, countryCode }) =>
      (countryCode !== undefined && countryCode !== 'NO') || (postalCode !== undefined && city !== undefined),
    { message: 'a Norwegian address needs postalCode and city', abort: true },
  )
  .refine((address) => addressLines(address) !== undefined, {
    path: ['lines'],
    message: 'do not fit: four of 100 characters, one of which abroad is postalCode and city',
  });

const printSchema = z.strictObject({
  colour: z.boolean().default(false),
  postClass: z.enum(['A', 'B']).default('B').describe('A = priority, B = economy'),
  returnAddress: returnAddressSchema,
  returnHandling: z.enum(['RETURN', 'SHRED_WITH_MESSAGE']).default('RETURN'),
});

const noticeSchema = z.strictObject({
  emailText: text(500).optional().describe("text of the mailbox's e-mail notice"),
  smsText: text(160).optional().describe("text of the mailbox's SMS notice"),
  serviceMessage: z
    .boolean()
    .default(false)
    .describe('an e-mail from Postgang without legal effect; only with kind information'),
});

/** What an agency hands in, the same at both doors. */
export const letterSchema = z
  .strictObject({
    reference: z
      .string()
      .regex(/^[\x21-\x7e]{1,100}$/, 'must be 1–100 visible ASCII characters')
      .describe('your own reference: the same reference is the same letter'),
    recipient: z
      .string()
      .regex(/^\d{11}$/, 'must be 11 digits')
      .describe('national identity number or D-number'),
    kind: z.enum(LEGAL_KINDS),
    title: line(200).describe('shown only after log-in'),
    nonSensitiveTitle: line(200).describe('used in notices; nothing sensitive in it'),
    language: z.enum(LANGUAGES).default('nb'),
    securityLevel: z.union([z.literal(3), z.literal(4)]).default(4),
    documents: z.array(documentSchema).min(1).max(MAX_DOCUMENTS).describe('main document first, then attachments'),
    print: printSchema.optional(),
    notice: noticeSchema.optional(),
    openingReceipt: z.boolean().default(false),
    effectiveAt: z.iso
      .datetime({ offset: true })
      .refine(isFourDigitYear, 'must lie in the years 0000–9999, in UTC')
      .optional()
      .describe('not visible to the recipient before this time'),
    avsenderidentifikator: line(100).optional(),
    invoiceReference: line(40).optional(),
    caseReference: line(100).optional(),
  })
  .refine(({ kind, notice }) => notice?.serviceMessage !== true || kind === 'information', {
    path: ['notice', 'serviceMessage'],
    message: 'is allowed only with kind information',
  });
export type LetterInput = z.infer<typeof letterSchema>;

/** One mistake: where (RFC 6901 pointer) and what. Never the value. */
export interface FieldError {
  readonly pointer: string;
  readonly detail: string;
}

export const pointerOf = (...path: readonly PropertyKey[]): string =>
  path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');

export type Checked = { readonly letter: LetterInput } | { readonly errors: readonly [FieldError, ...FieldError[]] };

/** Every mistake at once. */
export function checkLetter(input: unknown, environment: Environment): Checked {
  const parsed = letterSchema.safeParse(input);
  if (!parsed.success) return { errors: parsed.error.issues.slice(0, 50).map(fieldError) as [FieldError] };
  const problem = nationalIdProblem(parsed.data.recipient, environment);
  if (problem === undefined) return { letter: parsed.data };
  const detail =
    problem === 'not-a-national-id'
      ? 'is not a national identity number or D-number'
      : 'is a synthetic identity number, which production does not take';
  return { errors: [{ pointer: '/recipient', detail }] };
}

/** zod names unknown keys in its message, and what a stranger puts in a key may be personal. */
const fieldError = (issue: z.core.$ZodIssue): FieldError => ({
  pointer: pointerOf(...issue.path),
  detail: issue.code === 'unrecognized_keys' ? 'has a field that is not known here' : issue.message,
});
