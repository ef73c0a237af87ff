import { handedIn } from './handed-in.js';
import { Judged } from './judged.js';
import { OpenBooks, type Period } from './open-books.js';
import { providerReport } from './provider-report.js';
import type { When } from './reconcile.js';
import type { Snapshot } from './snapshot.js';
import { Tally } from './tally.js';

export interface AuditOptions extends Period {
  /** Business time; deadlines before it have passed. */
  readonly now: Date;
  /** How far that is ahead of what the clock says: the rows grow older with it (milliseconds). */
  readonly aheadMs: number;
  readonly ownedProviders: readonly string[];
  readonly handedIn: string | undefined;
  readonly providerReport: string | undefined;
  /** Hand-overs after it need not be in the provider's report. */
  readonly reportedUntil: Date | undefined;
  readonly most: number;
  readonly progress: (done: number, of: number) => void;
}

/** Lays all books of a period beside each other. Throws UsageError for what is wrong with the lists, and what the driver throws. */
export async function closeBooks(snapshot: Snapshot, options: AuditOptions): Promise<Tally> {
  const books = new OpenBooks(snapshot);
  if (options.handedIn !== undefined) await books.loadHandedIn(handedIn(options.handedIn, options.sender));
  if (options.providerReport !== undefined) await books.loadReport(providerReport(options.providerReport));
  const count = await books.select(options);
  const [row] = await snapshot.query('SELECT now()');
  const databaseNow = (row?.[0] as number) + options.aheadMs;
  const when: When = {
    now: options.now.getTime(),
    databaseNow,
    owned: new Set(options.ownedProviders),
    reportedUntil: options.reportedUntil?.getTime() ?? databaseNow,
  };
  const tally = new Tally(options.most);
  const judged = new Judged(books, when, tally);
  let done = 0;
  for await (const page of books.pages(when)) {
    await judged.add(page);
    done += page.reduce((sum, { ids }) => sum + ids.length, 0);
    options.progress(done, count);
  }
  for (const { messageId } of books.nobodys)
    tally.list({
      ...{ letterId: null, sender: null, reference: null, cause: 'effect-unrecorded' },
      says: `message ${messageId} in provider's report, no effect recorded, of no letter of this period`,
    });
  return tally;
}
