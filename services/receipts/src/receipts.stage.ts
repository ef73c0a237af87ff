import type { X509Certificate } from 'node:crypto';
import { Controller, Inject } from '@nestjs/common';
import { certificatesFromPem } from '@postgang/document-package';
import { type ReceiptReceived } from '@postgang/pipeline';
import {
  CONFIG,
  ConsumedOffsets,
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
import { loadKnown, lettersOfConversations, lockConversations, lockLetters, type WaitingReceipt } from './db/load.js';
import { receiptRows } from './db/receipt-rows.js';
import { save } from './db/save.js';
import { conversationsOpenedBy, distinct, grouped, type Input } from './legs/batch.js';
import { draftsOf } from './history/announcement.js';
import type { HistoryEntry } from './history/chain.js';
import { factOf } from './legs/fact.js';
import { entryKey, fold, type Folded } from './legs/fold.js';
import { newLetter, type LetterRow } from './legs/letter.js';
import { claimOf, receiptOf, REPORT_KIND, reportOf, type Claim } from './verification/claim.js';

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
  private readonly trust: readonly X509Certificate[];

  constructor(
    @Inject(RUNTIME) private readonly runtime: Runtime,
    @Inject(CONFIG) config: ReceiptsConfig,
  ) {
    this.trust = certificatesFromPem(config.RECEIPT_TRUST);
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
    ],
    { maxBatch: 2_000, severalPerLetter: true },
  )
  async handle(batch: readonly Received[]): Promise<readonly Outcome[]> {
    const inputs = batch.map((received) => this.read(received));
    const written = await this.runtime.database.transaction((manager) => this.write(manager, batch, inputs));
    return inputs.map((input) => {
      if (input.is === 'unreadable') return failed(input.error);
      const cause = input.is === 'fact' ? input.fact.eventId : input.is === 'claim' ? input.claim.eventId : undefined;
      const entries = cause === undefined ? [] : (written.byCause.get(cause) ?? []);
      const drafts = entries.flatMap((entry) =>
        draftsOf(written.letters.get(entry.letterId) ?? newLetter(entry.letterId), entry),
      );
      return drafts.length === 0 ? skip() : publish(...drafts);
    });
  }

  private read(received: Received): Input {
    try {
      if (received.subject !== 'receipt.received.v1') {
        const fact = factOf(received);
        return fact === undefined ? { is: 'nothing' } : { is: 'fact', fact };
      }
      const provider = received.source.parameter ?? '';
      const claim = claimOf(received.event as ReceiptReceived, provider, this.trust);
      return 'problem' in claim ? { is: 'bad', aside: claim } : { is: 'claim', claim };
    } catch (error) {
      return { is: 'unreadable', error };
    }
  }

  private async write(manager: Manager, batch: readonly Received[], inputs: readonly Input[]): Promise<Written> {
    const facts = inputs.flatMap((input) => (input.is === 'fact' ? [input.fact] : []));
    const claims = distinct(inputs.flatMap((input) => (input.is === 'claim' ? [input.claim] : [])));
    const asides = inputs.flatMap((input) => (input.is === 'bad' ? [input.aside] : []));
    const opened = conversationsOpenedBy(facts);
    const letterOf = await this.match(manager, claims, opened);
    const byLetter = grouped(inputs, letterOf);
    const ids = [...byLetter.keys()].sort();
    const letters = new Map<string, LetterRow>();
    const byCause = new Map<string, HistoryEntry[]>();
    const folded: Folded[] = [];
    if (ids.length > 0) {
      const locked = await lockLetters(manager, ids);
      const events = [...facts.map((fact) => fact.eventId), ...claims.map((claim) => claim.eventId)];
      const known = await loadKnown(manager, ids, events, [...opened.keys()]);
      const legs = Map.groupBy(known.legs, (leg) => leg.letterId);
      const expectations = Map.groupBy(known.expectations, (one) => one.letterId);
      const waiting = Map.groupBy(
        known.waiting.flatMap((receipt) => this.readAgain(receipt)),
        (claim) => opened.get(claim.conversationId) ?? '',
      );
      const recorded = new Set(known.entries.map((entry) => entryKey(entry.eventId, entry.kind)));
      for (const id of ids) {
        const result = fold(
          {
            letter: locked.get(id) ?? newLetter(id),
            legs: legs.get(id) ?? [],
            expectations: expectations.get(id) ?? [],
            waiting: waiting.get(id) ?? [],
            recorded,
          },
          byLetter.get(id) ?? [],
        );
        folded.push(result);
        letters.set(id, result.letter);
      }
      for (const entry of [...known.entries, ...folded.flatMap(({ entries }) => entries)])
        byCause.set(entry.cause, [...(byCause.get(entry.cause) ?? []), entry]);
    }
    const receipts = receiptRows(claims, asides, folded);
    for (const { provider, eventId, problem } of receipts)
      if (problem !== null) this.logAside(provider, eventId, problem);
    if (folded.length > 0 || receipts.length > 0) await save(manager, folded, receipts);
    await ConsumedOffsets.save(manager, batch);
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
      await lockConversations(manager, 'waiting');
      stored = await lettersOfConversations(manager, asked);
    } else if (opened.size > 0) {
      await lockConversations(manager, 'opening');
    }
    return new Map([...stored, ...opened]);
  }

  /** What waited is verified again from its raw form, against the trust of today. */
  private readAgain({ kind, raw, provider, receivedAt, conversationId }: WaitingReceipt): Claim[] {
    const claim =
      kind === REPORT_KIND
        ? reportOf(raw, provider, receivedAt)
        : receiptOf(raw, provider, receivedAt, this.trust, conversationId);
    return 'problem' in claim ? [] : [claim];
  }

  /** Without anything of the content: it may be personal, and who sent it is not known. */
  private logAside(provider: string, receipt: string, problem: string): void {
    this.runtime.log.warn({ provider, receipt, problem }, 'receipt set aside');
  }
}
