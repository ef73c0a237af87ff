import type { OpenedPackage } from '@postgang/document-package';
import { createHash } from 'node:crypto';
import type { AcceptedLetter } from '../access-point/letter.js';
import type { ProviderName } from '../admin/counts.js';

/** What a mailbox or the print shop got, as GET /admin/deliveries shows it. Titles and digests, no content. */
export interface Delivery {
  readonly messageId: string;
  readonly conversationId: string;
  readonly provider: ProviderName;
  readonly outcome: 'delivered' | 'rejected';
  /** Why it was rejected. */
  readonly reason?: string;
  readonly sender: string;
  readonly receiptQueue?: string;
  readonly at: string;
  /** `digital` or `utskrift` of the message without token and digest. */
  readonly message: Record<string, unknown>;
  /** Absent when the package was not opened (verification sample:N or cms-digest-only, or broken). */
  readonly documents?: readonly DeliveredDocument[];
}

export interface DeliveredDocument {
  readonly title?: string;
  readonly href: string;
  readonly mediaType: string;
  readonly bytes: number;
  /** Hex. */
  readonly sha256: string;
}

/** The latest deliveries; older ones are forgotten. */
export class Deliveries {
  private readonly byMessage = new Map<string, Delivery>();

  constructor(private readonly capacity: number) {}

  add(
    letter: AcceptedLetter,
    provider: ProviderName,
    result: { readonly at: Date; readonly opened?: OpenedPackage; readonly reason?: string },
  ): void {
    if (this.capacity === 0) return;
    if (this.byMessage.size >= this.capacity) {
      const oldest = this.byMessage.keys().next();
      if (oldest.done !== true) this.byMessage.delete(oldest.value);
    }
    const { maskinportentoken, dokumentpakkefingeravtrykk, ...message } = letter.body;
    void maskinportentoken;
    void dokumentpakkefingeravtrykk;
    this.byMessage.set(letter.messageId, {
      messageId: letter.messageId,
      conversationId: letter.conversationId,
      provider,
      outcome: result.reason === undefined ? 'delivered' : 'rejected',
      ...(result.reason === undefined ? {} : { reason: result.reason }),
      sender: letter.sender,
      ...(letter.queue === undefined ? {} : { receiptQueue: letter.queue }),
      at: result.at.toISOString(),
      message,
      ...(result.opened === undefined ? {} : { documents: result.opened.documents.map(described) }),
    });
  }

  /** Newest first. */
  find(filter: { conversationId?: string; messageId?: string; limit: number }): readonly Delivery[] {
    return [...this.byMessage.values()]
      .reverse()
      .filter(
        (delivery) =>
          (filter.conversationId === undefined || delivery.conversationId === filter.conversationId.toLowerCase()) &&
          (filter.messageId === undefined || delivery.messageId === filter.messageId.toLowerCase()),
      )
      .slice(0, filter.limit);
  }

  clear(): void {
    this.byMessage.clear();
  }
}

function described({ href, mediaType, title, content }: OpenedPackage['documents'][number]): DeliveredDocument {
  return {
    ...(title === undefined ? {} : { title }),
    href,
    mediaType,
    bytes: content.length,
    sha256: createHash('sha256').update(content).digest('hex'),
  };
}
