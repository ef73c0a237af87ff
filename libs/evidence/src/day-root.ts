import { createHash } from 'node:crypto';
import { openJws, signJson, type OpenedJws, type SigningIdentity } from '@postgang/document-package';
import { HASH_BYTES } from './merkle.js';

export const DAY_ROOT_FORMAT = 'postgang-day-root/1';

/** What the operator says about a day, signed as a JWS (RFC 7515, RS256, chain in `x5c`). */
export interface DayRoot {
  readonly format: typeof DAY_ROOT_FORMAT;
  /** A day in Norway, YYYY-MM-DD. */
  readonly day: string;
  /** When nothing more could be recorded for that day. */
  readonly closedAt: string;
  /** How many letters changed. */
  readonly size: number;
  /** Merkle root over their heads, hexadecimal. */
  readonly root: string;
  /** {@link statementHash} of the day before; null of the first day. */
  readonly previous: string | null;
  /** {@link statementHash} of one about the same day that was given out before, and does not stand any more; missing when there was none. */
  readonly replaces?: string;
}

export const signDayRoot = (root: DayRoot, signer: SigningIdentity): Promise<string> => signJson({ ...root }, signer);

/** SHA-256 of the whole JWS, hexadecimal: what the next day builds upon, and what anybody may keep to hold us to it. */
export const statementHash = (statement: string): string => createHash('sha256').update(statement).digest('hex');

export const isDay = (value: unknown): value is string =>
  typeof value === 'string' &&
  /^\d{4}-\d{2}-\d{2}$/.test(value) &&
  !Number.isNaN(Date.parse(value)) &&
  new Date(value).toISOString().startsWith(value);

const HEX = new RegExp(`^[0-9a-f]{${2 * HASH_BYTES}}$`);
export const isHash = (value: unknown): value is string => typeof value === 'string' && HEX.test(value);

/** A moment as JSON writes it, and no other way. */
export function isMoment(value: unknown): value is string {
  if (typeof value !== 'string') return false;
  const date = new Date(value);
  return !Number.isNaN(date.getTime()) && date.toISOString() === value;
}

/** Without `replaces`. */
const FIELDS = 6;

/** The statement with its signature checked, not yet whose it is. Throws PackageError; undefined for a payload that is no day's root. */
export function openDayRoot(statement: string): (OpenedJws & { readonly says: DayRoot }) | undefined {
  const opened = openJws(statement);
  const { format, day, closedAt, size, root, previous, replaces } = opened.payload;
  const known =
    Object.keys(opened.payload).length === (replaces === undefined ? FIELDS : FIELDS + 1) &&
    format === DAY_ROOT_FORMAT &&
    isDay(day) &&
    isMoment(closedAt) &&
    Number.isSafeInteger(size) &&
    (size as number) >= 0 &&
    isHash(root) &&
    (previous === null || isHash(previous)) &&
    (replaces === undefined || isHash(replaces));
  return known ? { ...opened, says: opened.payload as unknown as DayRoot } : undefined;
}
