import { DependencyDown } from '@postgang/outside';
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
import { ReceiptQueue, type Placed } from './receipt-queue.js';

const ACCESS_POINT = 'access-point';
const POLL_EVERY_MS = 350;
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
  private readonly queue: ReceiptQueue;
  private readonly forget: () => void;
  /** Beyond the first only while none of those fetched can be marked read: they must not hide what lies behind them. */
  private from = 0;

  constructor(
    private readonly runtime: Runtime,
    private readonly ledger: EffectLedger,
    private readonly source: ReceiptSource,
  ) {
    this.queue = new ReceiptQueue(source);
    const gauge = runtime.metrics.meter.createObservableGauge('receipts_too_large', {
      description: 'Receipts left at the access point because one alone is more than we take; a person must look',
    });
    const count = (result: { observe(value: number, labels: Record<string, string>): void }): void =>
      result.observe(this.queue.passedOver, { service: runtime.service });
    gauge.addCallback(count);
    this.forget = () => gauge.removeCallback(count);
    this.worker = startWorker('receipts', POLL_EVERY_MS, () => this.turn(), runtime.log);
  }

  stop(): Promise<void> {
    this.forget();
    return this.worker.stop();
  }

  /** It asks three times a second, so it is the first to know whether the access point answers. */
  private async turn(): Promise<boolean> {
    const { metrics } = this.runtime;
    try {
      const more = await this.pull();
      metrics.dependency(ACCESS_POINT, true);
      return more;
    } catch (error) {
      if (error instanceof DependencyDown && error.dependency === ACCESS_POINT) metrics.dependency(ACCESS_POINT, false);
      throw error;
    }
  }

  private async pull(): Promise<boolean> {
    const began = this.runtime.clock.now();
    const { receipts, next } = await this.queue.fetch(this.from, () => this.logTooLarge());
    const marked = receipts.length > 0 ? await this.take(receipts) : 0;
    this.from = next === undefined || marked > 0 ? 0 : next;
    if (next === undefined) await this.tellPulled(began);
    return next !== undefined;
  }

  /** Nothing more is known of it: what it is about, and whose it is, stands in what we cannot take. */
  private logTooLarge(): void {
    this.runtime.log.warn(
      { reason: 'too-large' },
      'a receipt is larger than we take; it stays at the access point and is passed over',
    );
  }

  /** Returns how many are marked read now, and so will not come again. */
  private async take(all: readonly Placed[]): Promise<number> {
    const fresh = all.map(({ receipt }) => receipt).filter((receipt) => !this.unmarked.has(eventIdOf(receipt)));
    const messageIds = fresh.map(messageIdOf);
    const traces = await this.ledger.markAnswered(messageIds.filter((id) => id !== undefined));
    await this.runtime.publisher.publish(
      fresh.map((receipt, index) => this.draftOf(receipt, traces.get(messageIds[index] ?? ''))),
    );
    const waiting = [...all];
    const marked: number[] = [];
    await Promise.all(
      Array.from({ length: CONCURRENT }, async () => {
        for (let next = waiting.pop(); next !== undefined; next = waiting.pop())
          if (await this.markRead(next.receipt)) marked.push(next.place);
      }),
    );
    this.queue.removed(marked);
    return marked.length;
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
