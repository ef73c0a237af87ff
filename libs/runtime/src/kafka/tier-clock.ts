import { header } from '@postgang/pipeline';
import type { KafkaMessage } from 'kafkajs';
import { DUE_AT } from '../outgoing.js';

/** Milliseconds: of the wall clock since the epoch, and of a clock that is never set. */
export interface Moment {
  readonly wall: number;
  readonly monotonic: number;
}

interface Sighting {
  /** Every record below this offset lay there … */
  readonly below: bigint;
  /** … at this moment, by the monotonic clock. */
  readonly at: number;
}

/** Sightings are kept for one delay; so many at most. */
const SIGHTINGS = 20;

/**
 * What is due in one partition of a retry tier. A record says when it is due by the wall clock of whoever wrote it. Were that all, one whose clock
 * was ahead, or a clock of ours that is set back, would hold up everything behind it for as long as they differ. So nothing waits longer than the
 * tier's delay from when it was first seen to lie there.
 */
export class TierClock {
  private sightings: Sighting[] = [];

  constructor(private readonly delayMs: number) {}

  /**
   * Records of a tier become due in order, so the first that is not due ends the batch. `end`: the offset after the last record that lay there when
   * the batch was fetched. `dueIn`: look again after so many milliseconds.
   */
  dueNow(
    messages: readonly KafkaMessage[],
    end: bigint,
    now: Moment,
  ): { readonly ready: readonly KafkaMessage[]; readonly dueIn: number | undefined } {
    const longEnough = this.longEnough(now.monotonic);
    for (let index = 0; index < messages.length; index++) {
      const { headers, offset } = messages[index] as KafkaMessage;
      const due = Number(header(headers, DUE_AT) ?? 0);
      if (!(due > now.wall) || BigInt(offset) < longEnough) continue;
      this.note(end, now.monotonic);
      const dueIn = Math.min(due - now.wall, this.boundOf(BigInt(offset), now.monotonic));
      return { ready: messages.slice(0, index), dueIn };
    }
    return { ready: messages, dueIn: undefined };
  }

  /** Everything below has lain there for the whole delay. */
  private longEnough(now: number): bigint {
    const old = this.sightings.findLastIndex(({ at }) => at + this.delayMs <= now);
    if (old > 0) this.sightings.splice(0, old);
    return old < 0 ? 0n : (this.sightings[0] as Sighting).below;
  }

  private note(below: bigint, at: number): void {
    const last = this.sightings.at(-1);
    if (last === undefined || (below > last.below && at - last.at >= this.delayMs / SIGHTINGS))
      this.sightings.push({ below, at });
  }

  /** One not noted yet is looked at again soon. */
  private boundOf(offset: bigint, now: number): number {
    const first = this.sightings.find(({ below }) => offset < below);
    return first === undefined ? this.delayMs / SIGHTINGS : first.at + this.delayMs - now;
  }
}
