import type { DigitalBody, PrintBody } from '@postgang/document-package';

/** A leg as its provider needs it, opened: lives no longer than the call. */
export interface Handover {
  readonly messageId: string;
  readonly conversationId: string;
  /** Organisation number of the agency the letter is from. */
  readonly sender: string;
  readonly providerOrganisation: string;
  readonly package: Buffer;
  readonly packageDigest: string;
  readonly content:
    | ({ readonly channel: 'digital' } & Omit<DigitalBody, 'maskinportenToken' | 'packageDigest' | 'sender'>)
    | ({ readonly channel: 'print' } & Omit<PrintBody, 'maskinportenToken' | 'packageDigest' | 'sender'>);
}

/** What became of a call. Only the provider's own word counts as an end; everything unclear is settled by asking. */
export type SendResult =
  | { readonly kind: 'handed-over' }
  | { readonly kind: 'refused'; readonly reason: string }
  /** The provider has certainly not got it. */
  | { readonly kind: 'retry'; readonly waitMs: number; readonly reason: string }
  | { readonly kind: 'uncertain'; readonly reason: string }
  /** It was not even asked, or has no time now: so it is for all letters, not for this one. No attempt is burnt. */
  | { readonly kind: 'down'; readonly waitMs: number; readonly reason: string }
  /** Refused for what is our own in every message (key, certificate, settings), not for this letter. No attempt is burnt. */
  | { readonly kind: 'refused-ours'; readonly reason: string }
  /** Concerns this agency only: its delegation or token. No attempt is burnt. `asked`: whether it is the provider's own word. */
  | { readonly kind: 'sender-blocked'; readonly reason: string; readonly asked: boolean };

export type SettleResult =
  | { readonly kind: 'handed-over' }
  | { readonly kind: 'refused'; readonly reason: string }
  /** The provider does not know the message; after its visibility lag that means it never got it. */
  | { readonly kind: 'unknown-there' }
  | { readonly kind: 'still-uncertain'; readonly reason: string };

export interface FetchedReceipt {
  /** Message id by which it is marked read; undefined when the receipt cannot be read at all. */
  readonly id: string | undefined;
  readonly raw: string;
  /** Claims of the receipt, unverified. */
  readonly conversationId: string | undefined;
  readonly signerOrganisation: string | undefined;
}

export interface Provider {
  send(handover: Handover): Promise<SendResult>;
  settle(messageId: string, sender: string): Promise<SettleResult>;
}

/** A page of receipts that is larger than we take; fewer at a time may fit. */
export class PageTooLarge extends Error {
  override readonly name = 'PageTooLarge';
}

export interface ReceiptSource {
  /**
   * Oldest first; empty when there is none. The same receipts come again until they are marked read. `page` counts from 1. Throws PageTooLarge,
   * or DependencyDown.
   */
  fetchReceipts(page: number, pageSize: number): Promise<FetchedReceipt[]>;
  markRead(id: string): Promise<void>;
}
