import {
  isUuid,
  messageIdOfConversation,
  PROVIDERS_WITH_TOPICS,
  uuidv5,
  type DispatchProvider,
} from '@postgang/pipeline';
import type { FetchedReceipt, ReceiptSource } from '@postgang/providers';
import { draft, startWorker, type Draft, type EffectLedger, type Runtime, type Worker } from '@postgang/runtime';
import { createHash } from 'node:crypto';

const PAGE = 500;
const CONCURRENT = 32;
/** Of one receipt, in UTF-8: with all else it stays below what a record holds. A real one is a tenth of it. */
const MOST_RAW_BYTES = 48 * 1024;
/** Receipts that could not be marked read come again and again; so many of them are remembered, and not published anew. */
const REMEMBERED = 10_000;
/** Deadlines are minutes at least, so it need not be told after every pull how far the providers have been asked. */
const TELL_PULLED_MS = 15_000;
/** Namespace of the ids of receipt events: the same raw receipt is the same event, however often it is fetched. */
const NAMESPACE = '0f6cf0c4-61a5-5b0e-8a3e-6c3d8f0b7a21';
const TOPIC_OF: Record<string, DispatchProvider> = {
  '984661185': 'digipost',
  '922020175': 'eboks',
  '974761076': 'print',
};
/** Somebody has to set aside what names no provider we know; receipts does, and any of its topics will do. */
const UNKNOWN_SIGNER: DispatchProvider = 'digipost';

/** Fetches receipts, publishes them durably, and only then marks them read. What they claim is not believed here. */
export class ReceiptPoller {
  private readonly worker: Worker;
  private toldPulledAt = -Infinity;
  private readonly unmarked = new Set<string>();
  /** From 1. Beyond the first only while whole pages cannot be marked read: they must not hide what lies behind them. */
  private page = 1;

  constructor(
    private readonly runtime: Runtime,
    private readonly ledger: EffectLedger,
    private readonly source: ReceiptSource,
  ) {
    this.worker = startWorker('receipts', 500, () => this.pull(), runtime.log);
  }

  stop(): Promise<void> {
    return this.worker.stop();
  }

  private async pull(): Promise<boolean> {
    const began = this.runtime.clock.now();
    const receipts = await this.source.fetchReceipts(this.page, PAGE);
    const marked = receipts.length > 0 ? await this.take(receipts) : 0;
    const complete = receipts.length < PAGE;
    this.page = complete || marked > 0 ? 1 : this.page + 1;
    if (complete) await this.tellPulled(began);
    return !complete;
  }

  /** Returns how many are marked read now, and so will not come again. */
  private async take(all: readonly FetchedReceipt[]): Promise<number> {
    const fresh = all.filter((receipt) => !this.unmarked.has(eventIdOf(receipt)));
    const messageIds = fresh.map(messageIdOf);
    const traces = await this.ledger.markAnswered(messageIds.filter((id) => id !== undefined));
    await this.runtime.publisher.publish(
      fresh.map((receipt, index) => this.draftOf(receipt, traces.get(messageIds[index] ?? ''))),
    );
    const queue = [...all];
    let marked = 0;
    await Promise.all(
      Array.from({ length: CONCURRENT }, async () => {
        for (let receipt = queue.pop(); receipt !== undefined; receipt = queue.pop())
          if (await this.markRead(receipt)) marked += 1;
      }),
    );
    return marked;
  }

  private async markRead(receipt: FetchedReceipt): Promise<boolean> {
    const eventId = eventIdOf(receipt);
    try {
      if (receipt.id !== undefined) {
        await this.source.markRead(receipt.id);
        this.unmarked.delete(eventId);
        return true;
      }
    } catch (error) {
      this.runtime.log.warn({ err: error, receipt: eventId }, 'a receipt could not be marked read; it comes again');
    }
    if (this.unmarked.size >= REMEMBERED) this.unmarked.clear();
    this.unmarked.add(eventId);
    return false;
  }

  /** The access point answers for all providers at once. Without this nobody could tell a silent provider from one we have not asked. */
  private async tellPulled(until: Date): Promise<void> {
    if (performance.now() - this.toldPulledAt < TELL_PULLED_MS) return;
    await this.runtime.publisher.publish(
      PROVIDERS_WITH_TOPICS.map((provider) => {
        const pulledUntil = until.getTime();
        const event = { provider, conversationId: null, raw: null, report: null, receivedAt: pulledUntil, pulledUntil };
        const id = uuidv5(NAMESPACE, `pulled/${provider}/${pulledUntil}`);
        return draft('receipt.received.<provider>.v1', provider, event, { parameter: provider, id });
      }),
    );
    this.toldPulledAt = performance.now();
  }

  private draftOf(receipt: FetchedReceipt, traceparent: string | undefined): Draft {
    const { raw, signerOrganisation } = receipt;
    const conversationId = conversationOf(receipt);
    const provider = (signerOrganisation === undefined ? undefined : TOPIC_OF[signerOrganisation]) ?? UNKNOWN_SIGNER;
    const id = eventIdOf(receipt);
    const event = {
      provider,
      conversationId: conversationId ?? null,
      raw: withinBytes(raw, MOST_RAW_BYTES),
      report: null,
      pulledUntil: null,
      receivedAt: this.runtime.clock.now().getTime(),
    };
    return draft('receipt.received.<provider>.v1', conversationId ?? id, event, {
      parameter: provider,
      id,
      ...(traceparent === undefined ? {} : { traceparent }),
    });
  }
}

/** A receipt that is cut does not verify, and is set aside. */
const withinBytes = (text: string, most: number): string =>
  Buffer.byteLength(text) <= most ? text : Buffer.from(text).subarray(0, most).toString();

const eventIdOf = ({ raw }: FetchedReceipt): string =>
  uuidv5(NAMESPACE, createHash('sha256').update(raw).digest('hex'));

/** Anybody may have written it; a key of a record is not made of anything but a UUID. */
const conversationOf = ({ conversationId }: FetchedReceipt): string | undefined =>
  conversationId !== undefined && isUuid(conversationId) ? conversationId : undefined;

/** Our own message that the receipt claims to be about. */
function messageIdOf(receipt: FetchedReceipt): string | undefined {
  const conversationId = conversationOf(receipt);
  return conversationId === undefined ? undefined : messageIdOfConversation(conversationId);
}
