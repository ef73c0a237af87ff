import { Controller, Inject } from '@nestjs/common';
import { certificatesFromPem } from '@postgang/document-package';
import { type ReceiptReceived } from '@postgang/pipeline';
import {
  CONFIG,
  failed,
  publish,
  RUNTIME,
  skip,
  Stage,
  type Manager,
  type Outcome,
  type Received,
  type Runtime,
} from '@postgang/runtime';
import type { ReceiptsConfig } from './config.js';
import { lettersOfConversations, lockConversations, type WaitingReceipt } from './db/load.js';
import { savePulls } from './db/pulls.js';
import { receiptRows } from './db/receipt-rows.js';
import { save } from './db/save.js';
import { toldBefore } from './db/told-before.js';
import { conversationsOpenedBy, distinct, grouped, type Input } from './legs/batch.js';
import { draftsOf } from './history/announcement.js';
import type { HistoryEntry } from './history/chain.js';
import { factOf } from './legs/fact.js';
import { foldLetters } from './legs/fold-letters.js';
import { newLetter, type LetterRow } from './legs/letter.js';
import {
  claimOf,
  receiptOf,
  REPORT_KIND,
  reportOf,
  SKEW_MS,
  type Claim,
  type SetAside,
  type Yardstick,
} from './verification/claim.js';
import { Revocation } from './verification/revocation.js';

/** A batch costs the same number of statements however large it is, and nothing on a letter's way waits for this service. */
const EVERY_MS = 300;

/** What a batch came to: entries written now or before, by the event that caused them, and their letters as they are now. */
interface Written {
  readonly letters: ReadonlyMap<string, LetterRow>;
  readonly byCause: ReadonlyMap<string, readonly HistoryEntry[]>;
}

/**
 * Takes in all that happens to letters, a whole batch in one transaction: lock the letters, fold the facts, write. What is published comes
 * from the history entries, whether written now or at an earlier delivery of the same record.
 */
@Controller()
export class ReceiptsStage {
  private readonly bounds: Pick<Yardstick, 'trust' | 'skewMs'>;

  constructor(
    @Inject(RUNTIME) private readonly runtime: Runtime,
    @Inject(CONFIG) config: ReceiptsConfig,
    private readonly revocation: Revocation,
  ) {
    this.bounds = {
      trust: certificatesFromPem(config.RECEIPT_TRUST),
      // business time that runs faster runs apart faster
      skewMs: SKEW_MS * Math.max(1, config.CLOCK_RATE ?? 1),
    };
  }

  @Stage(
    [
      'letter.accepted.v1',
      'letter.routed.v1',
      'letter.dispatch.<provider>.v1',
      'letter.dispatched.v1',
      'receipt.received.<provider>.v1',
      'recipient.notified.v1',
      'letter.refused.v1',
      'letter.redriven.v1',
    ],
    { maxBatch: 2_000, everyMs: EVERY_MS, severalPerLetter: true },
  )
  async handle(batch: readonly Received[]): Promise<readonly Outcome[]> {
    // one look for the whole batch: a list that comes meanwhile counts from the next
    const revocations = await this.revocation.lists();
    const yardstick = { ...this.bounds, now: this.runtime.clock.now(), revocations };
    const inputs = batch.map((received) => this.read(received, yardstick));
    const written = await this.runtime.database.transaction((manager) => this.write(manager, batch, inputs, yardstick));
    return inputs.map((input) => {
      if (input.is === 'unreadable') return failed(input.error);
      const cause = causeOf(input);
      const entries = cause === undefined ? [] : (written.byCause.get(cause) ?? []);
      const drafts = entries.flatMap((entry) =>
        draftsOf(written.letters.get(entry.letterId) ?? newLetter(entry.letterId), entry),
      );
      return drafts.length === 0 ? skip() : publish(...drafts);
    });
  }

  private read(received: Received, yardstick: Yardstick): Input {
    try {
      if (received.subject !== 'receipt.received.v1') {
        const fact = factOf(received, yardstick.now);
        return fact === undefined ? { is: 'nothing' } : { is: 'fact', fact };
      }
      const provider = received.source.parameter ?? '';
      const event = received.event as ReceiptReceived;
      if (event.pulledUntil !== null && event.raw === null && event.report === null)
        return { is: 'pulled', pull: { provider, until: notAhead(event.pulledUntil, yardstick.now) } };
      const claim = claimOf(event, provider, yardstick);
      return 'problem' in claim ? { is: 'bad', aside: claim } : { is: 'claim', claim };
    } catch (error) {
      return { is: 'unreadable', error };
    }
  }

  private async write(
    manager: Manager,
    batch: readonly Received[],
    inputs: readonly Input[],
    yardstick: Yardstick,
  ): Promise<Written> {
    const facts = inputs.flatMap((input) => (input.is === 'fact' ? [input.fact] : []));
    const claims = distinct(inputs.flatMap((input) => (input.is === 'claim' ? [input.claim] : [])));
    const asides = inputs.flatMap((input) => (input.is === 'bad' ? [input.aside] : []));
    const opened = conversationsOpenedBy(facts);
    const letterOf = await this.match(manager, claims, opened);
    const byLetter = grouped(inputs, letterOf);
    const refused: SetAside[] = [];
    const { folded, before } = await foldLetters(manager, byLetter, {
      opened,
      readAgain: (receipt) => this.readAgain(receipt, yardstick, refused),
    });
    const receipts = receiptRows(claims, [...asides, ...refused], folded);
    await savePulls(
      manager,
      inputs.flatMap((input) => (input.is === 'pulled' ? [input.pull] : [])),
    );
    await save(manager, this.runtime.clock, folded, receipts, batch);
    const told = await toldBefore(manager, asides);
    const letters = new Map([...told.letters, ...folded.map(({ letter }) => letter)].map((one) => [one.id, one]));
    const entries = [...before, ...told.entries, ...folded.flatMap((one) => one.entries)];
    const byCause = Map.groupBy(entries, ({ cause }) => cause);
    for (const { provider, eventId, problem } of receipts)
      if (problem !== null && !byCause.has(eventId)) this.logAside(provider, eventId, problem);
    return { letters, byCause };
  }

  /** Letters of the claims: from the legs that this batch opens, or from the table. What is in neither waits. */
  private async match(
    manager: Manager,
    claims: readonly Claim[],
    opened: ReadonlyMap<string, string>,
  ): Promise<ReadonlyMap<string, string>> {
    const asked = [...new Set(claims.map((claim) => claim.conversationId))].filter((id) => !opened.has(id));
    let stored = await lettersOfConversations(manager, asked);
    if (asked.some((id) => !stored.has(id))) {
      await lockConversations(manager);
      stored = await lettersOfConversations(manager, asked);
    }
    return new Map([...stored, ...opened]);
  }

  /** What waited, or is to be measured again, is verified again from its raw form, against the trust of today: a claim, or one more that is `refused`. */
  private readAgain(
    { kind, raw, provider, receivedAt, conversationId }: WaitingReceipt,
    yardstick: Yardstick,
    refused: SetAside[],
  ): Claim[] {
    const claim =
      kind === REPORT_KIND
        ? reportOf(raw, provider, receivedAt, yardstick)
        : receiptOf(raw, provider, receivedAt, yardstick, conversationId);
    if (!('problem' in claim)) return [claim];
    refused.push(claim);
    return [];
  }

  /** Without anything of the content: it may be personal, and who sent it is not known. */
  private logAside(provider: string, receipt: string, problem: string): void {
    this.runtime.log.warn({ provider, receipt, problem }, 'receipt set aside');
  }
}

/** Nobody has been asked in the future, whatever the writer's clock says: deadlines to come would fire at once. */
const notAhead = (ms: number, now: Date): Date => new Date(Math.max(0, Math.min(ms, now.getTime())));

function causeOf(input: Input): string | undefined {
  if (input.is === 'fact') return input.fact.eventId;
  if (input.is === 'claim') return input.claim.eventId;
  // counted once, and judged otherwise now: what it has caused stands
  return input.is === 'bad' ? input.aside.eventId : undefined;
}
