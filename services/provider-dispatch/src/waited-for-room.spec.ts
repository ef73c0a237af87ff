import { describe, expect, it } from '@jest/globals';
import type { Effect } from '@postgang/runtime';
import { PackageMemory } from './package-memory.js';
import { WaitedForRoom } from './waited-for-room.js';

const MB = 1024 * 1024;
/** As in dispatcher.ts. */
const BEGUN_WITHIN_MS = 20_000;
const LEASE_MS = 80_000;
const RENEW_EVERY_MS = 5_000;
/** So long a call takes while the line is slow; well within its time-out. */
const CALL_MS = 25_000;

interface Letter {
  readonly sender: string;
  readonly bytes: number;
  readonly notBefore: number;
}

/** The dispatcher in small, on a clock of its own: rows by not_before, claimed when there is room for one more of their sender, put back when they come too late. */
class SlowLine {
  now = 0;
  readonly sentAt = new Map<string, number>();
  readonly rows: Letter[] = [];
  /** Leases of those in hand, by id, and those that ran out. */
  private readonly leases = new Map<string, number>();
  readonly ranOut: string[] = [];
  private timers: { readonly at: number; readonly go: () => void }[] = [];
  private readonly memory = new PackageMemory(() => undefined);
  private readonly waited = new WaitedForRoom(
    {
      renew: (held, leaseMs) => {
        for (const { id } of held) this.leases.set(id, this.now + leaseMs);
        return Promise.resolve(new Set(held.map(({ id }) => id)));
      },
    },
    LEASE_MS,
    () => this.now,
  );

  async second(): Promise<void> {
    const due = this.timers.filter(({ at }) => at <= this.now);
    this.timers = this.timers.filter(({ at }) => at > this.now);
    for (const { go } of due) go();
    await settled();
    if (this.now % RENEW_EVERY_MS === 0) await this.waited.renew();
    for (const [id, until] of this.leases) if (until < this.now) this.ranOut.push(id);
    const most = this.memory.most();
    const taken = new Map<string, number>();
    for (const row of this.rows.splice(0).sort((a, b) => a.notBefore - b.notBefore)) {
      const already = taken.get(row.sender) ?? 0;
      if (already >= (most.get(row.sender) ?? 64)) this.rows.push(row);
      else {
        taken.set(row.sender, already + 1);
        void this.carry(row);
      }
    }
    await settled();
    this.now += 1_000;
  }

  private async carry(row: Letter): Promise<void> {
    let intendedAt = this.now;
    const effect = { id: `${row.sender} ${this.now}` } as Effect;
    const room = this.memory.take(row.sender, row.bytes);
    if (room === false) return void this.rows.push({ ...row, notBefore: this.now });
    this.leases.set(effect.id, this.now + LEASE_MS);
    if (room !== true) intendedAt = await this.waited.until(room, effect, intendedAt);
    const late = this.now - intendedAt > BEGUN_WITHIN_MS;
    if (!late) {
      this.sentAt.set(row.sender, this.now);
      await new Promise<void>((resolve) => this.timers.push({ at: this.now + CALL_MS, go: resolve }));
    }
    this.leases.delete(effect.id);
    this.memory.giveBack(row.bytes);
    if (late) this.rows.push({ ...row, notBefore: this.now });
  }
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await Promise.resolve();
}

describe('a letter that waits for room', () => {
  it('is sent when its turn comes, although the line is slow and other agencies have letters all the time', async () => {
    const line = new SlowLine();
    while (line.now < 600_000) {
      if (line.now % 10_000 === 0)
        for (const sender of 'bcdefghi')
          if (!line.rows.some((row) => row.sender === sender))
            line.rows.push({ sender, bytes: 15 * MB, notBefore: line.now });
      if (line.now === 2_000) line.rows.push({ sender: 'large', bytes: 50 * MB, notBefore: line.now });
      await line.second();
    }
    expect(line.sentAt.get('large')).toBeLessThan(120_000);
  });

  it('keeps its lease, however long the others before it take', async () => {
    const line = new SlowLine();
    for (const sender of 'abcdefghijklmnop') line.rows.push({ sender, bytes: 50 * MB, notBefore: 0 });
    while (line.now < 600_000) await line.second();
    expect(line.sentAt.size).toBe(16);
    expect(line.ranOut).toEqual([]);
  });

  it('comes too late when somebody has taken it over meanwhile', async () => {
    const clock = { now: 0 };
    const waited = new WaitedForRoom({ renew: () => Promise.resolve(new Set()) }, LEASE_MS, () => clock.now);
    const room = Promise.withResolvers<true>();
    const intendedAt = waited.until(room.promise, { id: 'e', fence: 1 } as Effect, 0);
    clock.now = 5_000;
    await waited.renew();
    room.resolve(true);
    expect(await intendedAt).toBe(0);
  });
});
