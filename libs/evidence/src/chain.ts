import { createHash } from 'node:crypto';

/** One line of a letter's history: append-only, each entry sealed to the one before by its hash. */
export interface HistoryEntry {
  readonly letterId: string;
  /** From 1, without gaps. */
  readonly seq: number;
  readonly at: Date;
  readonly kind: string;
  readonly leg: number | null;
  /** The event (or receipt) that says so. */
  readonly eventId: string;
  /** The record that had it written, where that was another: a receipt that had waited for its leg. */
  readonly cause: string;
  /** Canonical JSON. */
  readonly data: Buffer;
  readonly hash: Buffer;
}

/** Before the first entry. It names the letter, so that a whole chain cannot be moved to another letter. */
export const chainStart = (letterId: string): Buffer => createHash('sha256').update(letterId, 'utf8').digest();

/** SHA-256(previous hash ‖ canonical encoding of seq, time, kind, leg, event id and data). */
export function hashEntry(previous: Buffer, entry: Omit<HistoryEntry, 'hash' | 'cause'>): Buffer {
  const { seq, at, kind, leg, eventId, data } = entry;
  return createHash('sha256')
    .update(previous)
    .update(JSON.stringify([seq, at.toISOString(), kind, leg, eventId, data.toString('base64')]))
    .digest();
}

/** The first seq at which the chain is broken, or undefined if it holds. With `head` also a cut-off end is found. */
export function verifyHistory(
  letterId: string,
  entries: readonly Omit<HistoryEntry, 'cause'>[],
  head?: Buffer,
): number | undefined {
  let previous = chainStart(letterId);
  let expected = 1;
  for (const entry of entries) {
    if (entry.letterId !== letterId || entry.seq !== expected || !hashEntry(previous, entry).equals(entry.hash))
      return expected;
    previous = entry.hash;
    expected += 1;
  }
  return head !== undefined && !head.equals(previous) ? expected : undefined;
}

/** JSON with sorted keys: the same content is the same bytes. */
export const canonical = (value: unknown): Buffer => Buffer.from(JSON.stringify(sorted(value)));

function sorted(value: unknown): unknown {
  // a Date is left to JSON
  if (typeof value !== 'object' || value === null || 'toJSON' in value) return value;
  if (Array.isArray(value)) return value.map(sorted);
  const result: Record<string, unknown> = {};
  for (const name of Object.keys(value).sort()) result[name] = sorted((value as Record<string, unknown>)[name]);
  return result;
}
