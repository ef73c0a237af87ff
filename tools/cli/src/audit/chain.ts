import { chainStart, hashEntry, verifyHistory, type HistoryEntry } from '@postgang/evidence';

export type Entry = Omit<HistoryEntry, 'cause'>;

/** Whom an entry that does not fit may have changed places with: entries of a letter are few. */
const MOST_TRIED = 100;

/** What is wrong with a letter's chain, in words that name the entries; undefined when it holds. `entries` in order of seq. */
export function brokenChain(
  letterId: string,
  entries: readonly Entry[],
  row: { readonly seq: number; readonly headHash: Buffer | null } | null,
): string | undefined {
  if (
    verifyHistory(letterId, entries, row?.headHash ?? undefined) === undefined &&
    (row?.seq ?? entries.length) === entries.length
  )
    return undefined;
  const gap = entries.findIndex(({ seq }, index) => seq !== index + 1);
  if (gap !== -1) return `history entry ${gap + 1} missing`;
  const hashBefore = (index: number): Buffer => entries[index - 1]?.hash ?? chainStart(letterId);
  const fits = (index: number, previous: Buffer): boolean =>
    hashEntry(previous, entries[index] as Entry).equals((entries[index] as Entry).hash);
  const broken = entries.findIndex((_, index) => !fits(index, hashBefore(index)));
  if (broken === -1) {
    const seq = row?.seq ?? entries.length;
    if (seq > entries.length) return `history cut off: ${entries.length} of ${seq} entries left`;
    return 'head of the history altered, or the whole end written anew';
  }
  const other = entries.findIndex(
    (_, index) => index > broken && index < broken + MOST_TRIED && swapped(entries, broken, index, hashBefore(broken)),
  );
  if (other !== -1) return `entries ${broken + 1} and ${other + 1} swapped`;
  // an entry whose hash was made anew fits itself, and shows at the one behind it
  return `history entry ${broken + 1} altered${broken === 0 ? '' : `, or entry ${broken} together with its hash`}`;
}

/** Whether the history holds again as far as the second of them once their contents are exchanged, with or without their hashes. */
function swapped(entries: readonly Entry[], first: number, second: number, before: Buffer): boolean {
  const at = (index: number): Entry => entries[index] as Entry;
  return [true, false].some((hashesToo) => {
    const put = (place: number, content: number): Entry => ({
      ...at(content),
      seq: at(place).seq,
      hash: at(hashesToo ? content : place).hash,
    });
    let previous = before;
    for (let index = first; index <= second; index++) {
      const entry = index === first ? put(first, second) : index === second ? put(second, first) : at(index);
      if (!hashEntry(previous, entry).equals(entry.hash)) return false;
      previous = entry.hash;
    }
    return true;
  });
}
