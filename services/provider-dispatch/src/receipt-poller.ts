import { isUuid, messageIdOfConversation, uuidv5, type DispatchProvider } from '@postgang/pipeline';
import type { FetchedReceipt, ReceiptSource } from '@postgang/providers';
import { draft, startWorker, type Draft, type EffectLedger, type Runtime, type Worker } from '@postgang/runtime';
import { createHash } from 'node:crypto';

const PAGE = 500;
const CONCURRENT = 32;
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
    const receipts = await this.source.fetchReceipts(1, PAGE);
    if (receipts.length === 0) return false;
    const messageIds = receipts.map(messageIdOf);
    const traces = await this.ledger.markAnswered(messageIds.filter((id) => id !== undefined));
    await this.runtime.publisher.publish(
      receipts.map((receipt, index) => this.draftOf(receipt, traces.get(messageIds[index] ?? ''))),
    );
    const ids = receipts.flatMap(({ id }) => (id === undefined ? [] : [id]));
    await Promise.all(
      Array.from({ length: CONCURRENT }, async () => {
        for (let id = ids.pop(); id !== undefined; id = ids.pop()) await this.source.markRead(id);
      }),
    );
    return receipts.length === PAGE;
  }

  private draftOf({ raw, conversationId, signerOrganisation }: FetchedReceipt, traceparent: string | undefined): Draft {
    const provider = (signerOrganisation === undefined ? undefined : TOPIC_OF[signerOrganisation]) ?? UNKNOWN_SIGNER;
    const id = uuidv5(NAMESPACE, createHash('sha256').update(raw).digest('hex'));
    const event = {
      provider,
      conversationId: conversationId ?? null,
      raw: raw.slice(0, 48 * 1024),
      report: null,
      receivedAt: this.runtime.clock.now().getTime(),
    };
    return draft('receipt.received.<provider>.v1', conversationId ?? id, event, {
      parameter: provider,
      id,
      ...(traceparent === undefined ? {} : { traceparent }),
    });
  }
}

/** Our own message that the receipt claims to be about. */
const messageIdOf = ({ conversationId }: FetchedReceipt): string | undefined =>
  conversationId !== undefined && isUuid(conversationId) ? messageIdOfConversation(conversationId) : undefined;
