import { EffectLedger, openDatabase, type EffectCounts, type UnsettledEffect } from '@postgang/runtime';
import type { DataSource } from 'typeorm';
import { MIGRATIONS } from './db/migrations.js';

/** What was handed over, what is not known to be, and an operator's word about that. Running services publish it within some seconds. */
export class EffectBooks {
  private readonly ledger: EffectLedger;

  private constructor(private readonly source: DataSource) {
    this.ledger = new EffectLedger(source);
  }

  /** With a connection of its own; makes the tables when this is the first to come. */
  static async open(postgresUrl: string): Promise<EffectBooks> {
    return new EffectBooks(
      await openDatabase({
        url: postgresUrl,
        schema: 'provider_dispatch',
        // migrating holds a lock on one and works on another
        pool: 2,
        entities: [],
        migrations: MIGRATIONS,
        onStatement: () => undefined,
      }),
    );
  }

  unsettled(most: number): Promise<UnsettledEffect[]> {
    return this.ledger.unsettled(most);
  }

  counts(): Promise<EffectCounts[]> {
    return this.ledger.counts();
  }

  /** `note` is published: nothing personal in it. False when the effect is not unsettled. */
  settle(id: string, handedOver: boolean, note: string): Promise<boolean> {
    return this.ledger.settleByHand(id, handedOver, note);
  }

  async close(): Promise<void> {
    await this.source.destroy();
  }
}
