import type { Manager } from '@postgang/runtime';
import { loadKnown, lockLetters, type WaitingReceipt } from '../db/load.js';
import type { HistoryEntry } from '../history/chain.js';
import type { Claim } from '../verification/claim.js';
import type { Fact } from './fact.js';
import { entryKey, fold, type Folded } from './fold.js';
import { newLetter } from './letter.js';

export interface Openings {
  /** Conversation id → letter id of the legs that become known with these facts. */
  readonly opened: ReadonlyMap<string, string>;
  readonly readAgain: (receipt: WaitingReceipt) => readonly Claim[];
}

const NO_OPENINGS: Openings = { opened: new Map(), readAgain: () => [] };

/** Locks the letters, loads what is known of them, and folds the inputs in. Nothing is written but rows for letters not heard of before. */
export async function foldLetters(
  manager: Manager,
  byLetter: ReadonlyMap<string, readonly (Fact | Claim)[]>,
  { opened, readAgain }: Openings = NO_OPENINGS,
): Promise<{ folded: readonly Folded[]; before: readonly HistoryEntry[] }> {
  const ids = [...byLetter.keys()].sort();
  if (ids.length === 0) return { folded: [], before: [] };
  await lockLetters(manager, ids, opened.size > 0);
  const events = [...new Set([...byLetter.values()].flatMap((inputs) => inputs.map(({ eventId }) => eventId)))];
  const known = await loadKnown(manager, ids, events, [...opened.keys()]);
  const letters = new Map(known.letters.map((letter) => [letter.id, letter]));
  const legs = Map.groupBy(known.legs, (leg) => leg.letterId);
  const expectations = Map.groupBy(known.expectations, (one) => one.letterId);
  const waiting = Map.groupBy(known.waiting.flatMap(readAgain), (claim) => opened.get(claim.conversationId) ?? '');
  const recorded = new Set(known.entries.map((entry) => entryKey(entry.eventId, entry.kind)));
  const folded = ids.map((id) =>
    fold(
      {
        letter: letters.get(id) ?? newLetter(id),
        legs: legs.get(id) ?? [],
        expectations: expectations.get(id) ?? [],
        waiting: waiting.get(id) ?? [],
        recorded,
      },
      byLetter.get(id) ?? [],
    ),
  );
  return { folded, before: known.entries };
}
