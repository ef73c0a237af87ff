import type { ReceiptKind } from '../providers/receipts.js';

/** What arrived and what was sent, so that lost and doubled letters are counted from outside. Reset with POST /admin/reset. */
export interface Counts {
  readonly tokens: { issued: number; delegated: number; refused: number };
  readonly krr: { calls: number; persons: number };
  readonly folkeregisteret: { calls: number; persons: number };
  readonly messages: {
    /** Answered (or about to be answered) with 201. */
    accepted: number;
    readonly byKind: { digital: number; utskrift: number };
    readonly duplicatesRefused: number;
    /** By problem name. */
    readonly refused: Record<string, number>;
  };
  readonly providers: Record<ProviderName, ProviderCounts>;
  readonly receipts: {
    readonly sent: Partial<Record<ReceiptKind, number>>;
    /** Listed at least once. */
    readonly fetched: Partial<Record<ReceiptKind, number>>;
    readonly read: Partial<Record<ReceiptKind, number>>;
    /** Never sent, by the fault `silent`. */
    readonly lost: Partial<Record<ReceiptKind, number>>;
  };
  readonly mail: { accepted: number; /** By Message-ID. */ distinctMessageIds: number; refused: number };
}

export type ProviderName = 'digipost' | 'eboks' | 'print';

export interface ProviderCounts {
  received: number;
  /** Package opened with the provider's key and verified whole. */
  verified: number;
  delivered: number;
  rejected: number;
  notices: { epost: number; sms: number };
}

const provider = (): ProviderCounts => ({
  received: 0,
  verified: 0,
  delivered: 0,
  rejected: 0,
  notices: { epost: 0, sms: 0 },
});

export const newCounts = (): Counts => ({
  tokens: { issued: 0, delegated: 0, refused: 0 },
  krr: { calls: 0, persons: 0 },
  folkeregisteret: { calls: 0, persons: 0 },
  messages: {
    accepted: 0,
    byKind: { digital: 0, utskrift: 0 },
    get duplicatesRefused() {
      return this.refused['duplicate-message-id'] ?? 0;
    },
    refused: {},
  },
  providers: { digipost: provider(), eboks: provider(), print: provider() },
  receipts: { sent: {}, fetched: {}, read: {}, lost: {} },
  mail: { accepted: 0, distinctMessageIds: 0, refused: 0 },
});

export function countOne<K extends string>(table: Partial<Record<K, number>>, key: K): void {
  table[key] = (table[key] ?? 0) + 1;
}
