import { countOne, type Counts } from '../admin/counts.js';
import { Problem } from '../problems.js';
import type { ReceiptKind } from '../providers/receipts.js';

/** A receipt waiting to be fetched. */
export interface Waiting {
  readonly id: string;
  readonly kind: ReceiptKind;
  /** Whose inbox: the technical sender of the letter. */
  readonly technicalSender: string;
  /** kanal, lower case; undefined when the letter was sent without one. */
  readonly queue: string | undefined;
  /** avsenderidentifikator of the letter. */
  readonly senderUnit: string | undefined;
  readonly jws: string;
}

export interface InboxQuery {
  readonly technicalSender: string;
  readonly queue?: string;
  readonly senderUnit?: string;
  readonly pageSize: number;
  /** From 1. */
  readonly page: number;
}

/** Incoming messages per technical sender and queue, oldest first, until they are marked read. */
export class Inbox {
  private readonly queues = new Map<string, Map<string, Waiting>>();
  private readonly byId = new Map<string, Waiting>();
  private readonly fetched = new Set<string>();
  private readonly lost = new Map<string, ReceiptKind[]>();

  constructor(private readonly counts: Counts) {}

  add(message: Waiting): void {
    if (this.byId.has(message.id)) return;
    this.byId.set(message.id, message);
    const key = keyOf(message.technicalSender, message.queue ?? '');
    const queue = this.queues.get(key) ?? new Map<string, Waiting>();
    queue.set(message.id, message);
    this.queues.set(key, queue);
    countOne(this.counts.receipts.sent, message.kind);
  }

  /** A receipt that its provider never sent, by a fault: whoever counts from outside must know what cannot have come. */
  lose(conversationId: string, kind: ReceiptKind): void {
    this.lost.set(conversationId, [...(this.lost.get(conversationId) ?? []), kind]);
    countOne(this.counts.receipts.lost, kind);
  }

  lostOf(conversationId: string): readonly ReceiptKind[] {
    return this.lost.get(conversationId) ?? [];
  }

  page(query: InboxQuery): readonly Waiting[] {
    const skip = (query.page - 1) * query.pageSize;
    const found: Waiting[] = [];
    let seen = 0;
    for (const queue of this.queuesFor(query))
      for (const message of queue.values()) {
        if (query.senderUnit !== undefined && message.senderUnit !== query.senderUnit) continue;
        if (seen++ < skip) continue;
        found.push(message);
        if (found.length === query.pageSize) return this.note(found);
      }
    return this.note(found);
  }

  /** Removes it from the list. Throws Problem not-found (also for one read before) or not-yours. */
  read(id: string, technicalSender: string): void {
    const message = this.find(id, technicalSender);
    this.byId.delete(id);
    this.fetched.delete(id);
    this.queues.get(keyOf(message.technicalSender, message.queue ?? ''))?.delete(id);
    countOne(this.counts.receipts.read, message.kind);
  }

  find(id: string, technicalSender: string): Waiting {
    const message = this.byId.get(id.toLowerCase());
    if (message === undefined) throw new Problem('not-found');
    if (message.technicalSender !== technicalSender) throw new Problem('not-yours');
    return message;
  }

  get waiting(): number {
    return this.byId.size;
  }

  clear(): void {
    this.queues.clear();
    this.byId.clear();
    this.fetched.clear();
    this.lost.clear();
  }

  private queuesFor({ technicalSender, queue }: InboxQuery): readonly Map<string, Waiting>[] {
    if (queue !== undefined)
      return [this.queues.get(keyOf(technicalSender, queue))].filter((found) => found !== undefined);
    return [...this.queues].filter(([key]) => key.startsWith(`${technicalSender}/`)).map(([, found]) => found);
  }

  private note(found: readonly Waiting[]): readonly Waiting[] {
    for (const { id, kind } of found)
      if (!this.fetched.has(id)) {
        this.fetched.add(id);
        countOne(this.counts.receipts.fetched, kind);
      }
    return found;
  }
}

const keyOf = (technicalSender: string, queue: string): string => `${technicalSender}/${queue}`;
