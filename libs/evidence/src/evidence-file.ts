import { isDay, isHash, isMoment } from './day-root.js';

export const EVIDENCE_FORMAT = 'postgang-evidence/1';

/** All that proves what happened to a letter, in one file. Binary values are hexadecimal where they are hashes, else base64. */
export interface Evidence {
  readonly format: typeof EVIDENCE_FORMAT;
  readonly letter: { readonly id: string; readonly sender: string; readonly reference: string };
  readonly entries: readonly EvidenceEntry[];
  readonly receipts: readonly EvidenceReceipt[];
  /** CRLs, DER, in the order of their SHA-256. */
  readonly revocationLists: readonly string[];
  /** One for each day on which the letter changed, in order. */
  readonly paths: readonly EvidencePath[];
  /** Signed roots (JWS) of all days from the first of `paths` on. */
  readonly roots: readonly string[];
  /** Day of the last root; null without any. */
  readonly through: string | null;
  /** What hides behind commitments; only in a file that was exported so on purpose. */
  readonly revealed: readonly Revealed[];
}

export interface EvidenceEntry {
  readonly seq: number;
  readonly at: string;
  readonly kind: string;
  readonly leg: number | null;
  readonly eventId: string;
  /** Canonical JSON, as text. */
  readonly data: string;
  readonly hash: string;
}

export interface EvidenceReceipt {
  /** Number of the entry that it stands behind. */
  readonly entry: number;
  readonly provider: string;
  /** As the provider signed it. */
  readonly raw: string;
  /** DER, the signer's first. */
  readonly certificates: readonly string[];
  /** SHA-256 of the revocation lists about these certificates. */
  readonly revocationLists: readonly string[];
}

export interface EvidencePath {
  readonly day: string;
  /** The letter's newest entry when that day was closed. */
  readonly seq: number;
  /** Place of the leaf, from 0. */
  readonly index: number;
  /** From the leaf upwards. */
  readonly steps: readonly { readonly sibling: string; readonly node: string }[];
}

export interface Revealed {
  readonly field: string;
  readonly salt: string;
  readonly value: string;
}

/** Nothing that could be called an evidence file; `where` says how far it was understood. */
export class EvidenceError extends Error {
  override readonly name = 'EvidenceError';

  constructor(
    readonly where: string,
    readonly problem: string,
  ) {
    super(`${where}: ${problem}`);
  }
}

export const MAX_EVIDENCE_BYTES = 64 * 1024 * 1024;
const MAX_ITEMS = 20_000;
const MAX_TEXT = 48 * 1024 * 1024;

/** The one way to write it: what was not written so was not written by us. */
export const writeEvidence = (evidence: Evidence): string => `${JSON.stringify(evidence, undefined, 1)}\n`;

/** Throws EvidenceError. Every field is known, of its type, in its place, and written once. */
export function readEvidence(bytes: Buffer): Evidence {
  if (bytes.length > MAX_EVIDENCE_BYTES) throw new EvidenceError('file', 'larger than 64 MB');
  const text = bytes.toString('utf8');
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    // without the cause: V8's message quotes the text
    throw new EvidenceError('file', 'not JSON');
  }
  const evidence = evidenceOf(json);
  if (!Buffer.from(writeEvidence(evidence)).equals(bytes))
    throw new EvidenceError(
      'file',
      'not written the way evidence is written: spaces, order of fields, or a field twice',
    );
  return evidence;
}

type Read<T> = (value: unknown, where: string) => T;

function evidenceOf(json: unknown): Evidence {
  const file = fields(json, 'file');
  if (file['format'] !== EVIDENCE_FORMAT) throw new EvidenceError('file', `not ${EVIDENCE_FORMAT}`);
  return {
    format: EVIDENCE_FORMAT,
    letter: letterOf(file['letter'], 'letter'),
    entries: list(file['entries'], 'entry', entryOf),
    receipts: list(file['receipts'], 'receipt', receiptOf),
    revocationLists: list(file['revocationLists'], 'revocation list', base64),
    paths: list(file['paths'], 'path', pathOf),
    roots: list(file['roots'], 'root', text),
    through: file['through'] === null ? null : day(file['through'], 'through'),
    revealed: list(file['revealed'], 'revealed', revealedOf),
  };
}

const letterOf: Read<Evidence['letter']> = (value, where) => {
  const { id, sender, reference } = fields(value, where);
  return { id: text(id, where), sender: text(sender, where), reference: text(reference, where) };
};

const entryOf: Read<EvidenceEntry> = (value, where) => {
  const { seq, at, kind, leg, eventId, data, hash } = fields(value, where);
  return {
    seq: count(seq, where),
    at: check(isMoment, at, where, 'time'),
    kind: text(kind, where),
    leg: leg === null ? null : count(leg, where),
    eventId: text(eventId, where),
    data: text(data, where),
    hash: check(isHash, hash, where, 'hash'),
  };
};

const receiptOf: Read<EvidenceReceipt> = (value, where) => {
  const { entry, provider, raw, certificates, revocationLists } = fields(value, where);
  return {
    entry: count(entry, where),
    provider: text(provider, where),
    raw: text(raw, where),
    certificates: list(certificates, `${where}: certificate`, base64),
    revocationLists: list(revocationLists, `${where}: revocation list`, (one, at) => check(isHash, one, at, 'hash')),
  };
};

const pathOf: Read<EvidencePath> = (value, where) => {
  const { day: on, seq, index, steps } = fields(value, where);
  return {
    day: day(on, where),
    seq: count(seq, where),
    index: count(index, where),
    steps: list(steps, `${where}: level`, (one, at) => {
      const { sibling, node } = fields(one, at);
      return { sibling: check(isHash, sibling, at, 'hash'), node: check(isHash, node, at, 'hash') };
    }),
  };
};

const revealedOf: Read<Revealed> = (value, where) => {
  const { field, salt, value: what } = fields(value, where);
  return { field: text(field, where), salt: check(isHash, salt, where, 'salt'), value: text(what, where) };
};

function fields(value: unknown, where: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new EvidenceError(where, 'not an object');
  return value as Record<string, unknown>;
}

function list<T>(value: unknown, name: string, read: Read<T>): T[] {
  if (!Array.isArray(value)) throw new EvidenceError(name, 'not a list');
  if (value.length > MAX_ITEMS) throw new EvidenceError(name, `more than ${MAX_ITEMS}`);
  return value.map((one: unknown, at) => read(one, `${name} ${at + 1}`));
}

function check<T>(is: (value: unknown) => value is T, value: unknown, where: string, what: string): T {
  if (!is(value)) throw new EvidenceError(where, `not a ${what}`);
  return value;
}

const day: Read<string> = (value, where) => check(isDay, value, where, 'day');
/** Halves of characters have no UTF-8, and are hashed like any other half: one could stand for another unseen. */
const isText = (value: unknown): value is string =>
  typeof value === 'string' && value.length <= MAX_TEXT && value.isWellFormed();
const text: Read<string> = (value, where) => check(isText, value, where, 'text');
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const count: Read<number> = (value, where) => check(isCount, value, where, 'number');
/** One text for one content: what decodes alike and is written otherwise is refused. */
const isBase64 = (value: unknown): value is string =>
  isText(value) && value !== '' && Buffer.from(value, 'base64').toString('base64') === value;
const base64: Read<string> = (value, where) => check(isBase64, value, where, 'base64 text');
