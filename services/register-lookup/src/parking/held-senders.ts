import { openDatabase } from '@postgang/runtime';
import type { DataSource } from 'typeorm';
import { releaseSender } from '../db/held-senders.js';
import { MIGRATIONS } from '../db/migrations.js';
import { countParked, type ParkedCount } from '../db/parked-letters.js';

/** Whoever is released is refused what the rules refuse, however much it is, for so long. */
const RELEASED_HOURS = 24;

/** Whose letters wait, and the way out: for operators. Running services see a release within two seconds. */
export class HeldSenders {
  private constructor(private readonly source: DataSource) {}

  /** With a connection of its own; makes the tables when this is the first to come. */
  static async open(postgresUrl: string): Promise<HeldSenders> {
    const source = await openDatabase({
      url: postgresUrl,
      schema: 'register_lookup',
      // migrating holds a lock on one and works on another
      pool: 2,
      entities: [],
      migrations: MIGRATIONS,
      onStatement: () => undefined,
    });
    return new HeldSenders(source);
  }

  list(): Promise<ParkedCount[]> {
    return countParked(this.source);
  }

  /**
   * Lets the letters of a sender go on that was held for too many refusals, and those that come within 24 hours whatever becomes of them. False
   * when it is not held.
   */
  release(sender: string): Promise<boolean> {
    return releaseSender(this.source, sender, RELEASED_HOURS);
  }

  async close(): Promise<void> {
    await this.source.destroy();
  }
}
