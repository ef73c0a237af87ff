import type { LetterBooks } from './books.js';
import type { Alike, OpenBooks } from './open-books.js';
import { reconcile, type Verdict, type When } from './reconcile.js';
import type { Tally } from './tally.js';

/** There are some dozens; of letters that are young, each has its own. */
const MOST_KNOWN = 1_000;

/** Letters that add up, one for all that are alike. Whatever does not add up is read, letter by letter. */
export class Judged {
  private readonly known = new Map<string, readonly [LetterBooks, Verdict]>();

  constructor(
    private readonly books: OpenBooks,
    private readonly when: When,
    private readonly tally: Tally,
  ) {}

  async add(page: readonly Alike[]): Promise<void> {
    const unseen = new Set(page.filter(({ likeness = '' }) => !this.known.has(likeness)));
    await this.read([...unseen].map((group) => ({ ...group, ids: group.ids.slice(0, 1) })));
    const others: Alike[] = [];
    for (const group of page) {
      const ids = unseen.has(group) ? group.ids.slice(1) : group.ids;
      const one = this.known.get(group.likeness ?? '');
      if (one === undefined) others.push({ ...group, ids });
      else this.tally.add(...one, ids.length);
    }
    await this.read(others);
  }

  private async read(groups: readonly Alike[]): Promise<void> {
    const likenessOf = new Map(groups.flatMap(({ likeness, ids }) => ids.map((id) => [id, likeness] as const)));
    for await (const letter of this.books.read([...likenessOf.keys()])) {
      const verdict = reconcile(letter, this.when);
      this.tally.add(letter, verdict);
      const likeness = likenessOf.get(letter.id);
      if (likeness !== undefined && verdict.imbalances.length === 0 && this.known.size < MOST_KNOWN)
        this.known.set(likeness, [letter, verdict]);
    }
  }
}
