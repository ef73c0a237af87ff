import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { freshDatabase } from '@postgang/testing';
import fc from 'fast-check';
import { randomUUID } from 'node:crypto';
import { DataSource } from 'typeorm';
import {
  CONSUMED_OFFSET_TABLE,
  CLAIMS_BY_SENDER,
  CLAIMS_BY_SENDER_UNDONE,
  EFFECT_SETTLING,
  EFFECT_SETTLING_UNDONE,
  EFFECT_TABLE,
  EffectLedger,
  LEDGER_DATABASE,
  type Effect,
  type EffectOutcome,
  type EffectState,
  type NewEffect,
} from '../src/index.js';

const LEASE_MS = 60_000;
const PROVIDER = 'digipost';
let source: DataSource;
let ledger: EffectLedger;
let drop: () => Promise<void>;
const counted = new Map<string, number>();

beforeAll(async () => {
  const fresh = await freshDatabase();
  drop = () => fresh.drop();
  source = await new DataSource({ type: 'postgres', url: fresh.url, extra: { max: 8 } }).initialize();
  await source.query(
    `${CONSUMED_OFFSET_TABLE}; ${EFFECT_TABLE}; ${EFFECT_SETTLING}; ${LEDGER_DATABASE}; ${CLAIMS_BY_SENDER}`,
  );
  ledger = new EffectLedger(source, (what, _provider, count) => counted.set(what, (counted.get(what) ?? 0) + count));
});

afterAll(async () => {
  await source.destroy();
  await drop();
});

beforeEach(async () => {
  await source.query('TRUNCATE effect');
  counted.clear();
});

const newEffect = (id: string, more: Partial<NewEffect> = {}): NewEffect => ({
  id,
  letterId: randomUUID(),
  leg: 1,
  provider: PROVIDER,
  lane: '310000027',
  payload: Buffer.from('p'),
  traceparent: undefined,
  ...more,
});

async function queue(count: number, more: Partial<NewEffect> = {}, lagMs = 0): Promise<string[]> {
  const ids = Array.from({ length: count }, () => randomUUID());
  await ledger.queue(
    ids.map((id) => newEffect(id, more)),
    [],
    { lagMs, leaseMs: LEASE_MS },
  );
  return ids;
}

const NOW = { lagMs: 0, leaseMs: LEASE_MS };
const claim = (room: number, provider = PROVIDER, most?: ReadonlyMap<string, number>): Promise<Effect[]> =>
  ledger.claim(new Map([[provider, room]]), LEASE_MS, most);

const ended = (effect: Effect, state: EffectState, more: Partial<EffectOutcome> = {}): EffectOutcome => ({
  id: effect.id,
  fence: effect.fence,
  state,
  reason: null,
  waitMs: 0,
  settled: null,
  asked: false,
  free: false,
  ...more,
});

async function stateOf(id: string): Promise<{ state: EffectState; attempts: number; reason: string | null }> {
  const rows = await source.query<{ state: EffectState; attempts: number; reason: string | null }[]>(
    'SELECT state, attempts, reason FROM effect WHERE id = $1',
    [id],
  );
  return rows[0] as (typeof rows)[number];
}

const leaseRunsOut = (): Promise<unknown> =>
  source.query("UPDATE effect SET lease_until = now() - interval '1 second' WHERE state = 'INTENDED'");
const timePasses = (): Promise<unknown> => source.query("UPDATE effect SET not_before = now() - interval '1 second'");

describe('the effect ledger', () => {
  it('gives each effect to one of the workers that ask at the same time', async () => {
    await queue(200);
    const claims = await Promise.all(Array.from({ length: 8 }, () => claim(40)));
    const ids = claims.flat().map(({ id }) => id);
    expect(ids).toHaveLength(200);
    expect(new Set(ids).size).toBe(200);
  });

  it('queues an effect once, whatever has become of it', async () => {
    const [id] = (await queue(1)) as [string];
    const [effect] = (await claim(1)) as [Effect];
    await ledger.record([ended(effect, 'HANDED_OVER')]);
    await ledger.queue([newEffect(id, { lane: 'x', payload: Buffer.from('other') })], [], NOW);
    expect(await stateOf(id)).toMatchObject({ state: 'HANDED_OVER', attempts: 1 });
  });

  it('claims for several providers at once, from each as much as it has room for', async () => {
    await queue(3);
    await queue(3, { provider: 'eboks' });
    const rooms = new Map([
      [PROVIDER, 2],
      ['eboks', 1],
      ['print', 5],
    ]);
    const claimed = await ledger.claim(rooms, LEASE_MS);
    expect(claimed.map(({ provider }) => provider).sort()).toEqual([PROVIDER, PROVIDER, 'eboks'].sort());
    expect(counted.get('intended')).toBe(3);
  });

  it('writes down the intention with an effect that is carried out at once, once', async () => {
    const [mine, doubted, theirs] = [randomUUID(), randomUUID(), randomUUID()];
    await ledger.queue([newEffect(theirs)], [], NOW);
    const batch = [
      newEffect(mine, { inHand: true }),
      newEffect(mine, { inHand: true }),
      newEffect(doubted, { inHand: true, perhapsDone: true }),
      newEffect(theirs, { inHand: true }),
    ];
    expect(await ledger.queue(batch, [], NOW)).toMatchObject([{ id: mine, state: 'INTENDED', attempts: 1, fence: 1 }]);
    expect(await ledger.queue(batch, [], NOW)).toEqual([]);
    expect(await stateOf(mine)).toMatchObject({ state: 'INTENDED', attempts: 1 });
    expect(await stateOf(doubted)).toMatchObject({ state: 'UNCERTAIN' });
    expect(await claim(10)).toMatchObject([{ id: theirs }]);
  });

  it('holds what a vanished worker had for uncertain, and leaves it to settling', async () => {
    const [id] = (await queue(1)) as [string];
    await claim(1);
    expect(await ledger.claimUncertain(10, LEASE_MS, 0)).toHaveLength(0);
    await leaseRunsOut();
    await ledger.claimUncertain(10, LEASE_MS, 0);
    expect(await stateOf(id)).toMatchObject({ state: 'UNCERTAIN', reason: 'lease-ran-out' });
    await timePasses();
    const [effect] = (await ledger.claimUncertain(10, LEASE_MS, 0)) as [Effect];
    expect(await claim(10)).toHaveLength(0);
    const done = await ledger.record([ended(effect, 'HANDED_OVER', { settled: 'provider-has-it' })]);
    expect(done).toMatchObject([{ id, state: 'HANDED_OVER', settled: true }]);
  });

  it('renews the lease of whoever has not begun yet, unless somebody has taken the effect over', async () => {
    await queue(2);
    const [kept, lost] = (await ledger.claim(new Map([[PROVIDER, 2]]), -1)) as [Effect, Effect];
    expect(await ledger.renew([kept], LEASE_MS)).toEqual(new Set([kept.id]));
    await ledger.claimUncertain(10, LEASE_MS, 0);
    expect(await stateOf(kept.id)).toMatchObject({ state: 'INTENDED' });
    expect(await stateOf(lost.id)).toMatchObject({ state: 'UNCERTAIN', reason: 'lease-ran-out' });
    expect(await ledger.renew([kept, lost], LEASE_MS)).toEqual(new Set([kept.id]));
  });

  it('does not let a worker that wakes up late write over what was settled meanwhile', async () => {
    const [id] = (await queue(1)) as [string];
    const [late] = (await claim(1)) as [Effect];
    await leaseRunsOut();
    await ledger.claimUncertain(10, LEASE_MS, 0);
    expect(await ledger.record([ended(late, 'QUEUED')])).toEqual([]);
    expect(await stateOf(id)).toMatchObject({ state: 'UNCERTAIN' });
  });

  it('keeps what must wait until its time, and does not count an attempt that was never made', async () => {
    const [id] = (await queue(1)) as [string];
    const [effect] = (await claim(1)) as [Effect];
    await ledger.record([ended(effect, 'QUEUED', { waitMs: 60_000, free: true, reason: 'down' })]);
    expect(await claim(1)).toHaveLength(0);
    expect(await stateOf(id)).toMatchObject({ state: 'QUEUED', attempts: 0 });
    await timePasses();
    expect(await claim(1)).toMatchObject([{ id, attempts: 1 }]);
  });

  it('takes of a sender no more than may go, and of the others what is oldest', async () => {
    const held = await queue(5, { lane: 'held' });
    const others = [...(await queue(3, { lane: 'a' })), ...(await queue(3, { lane: 'z' }))];
    const most = new Map([
      ['held', 1],
      ['nobody', 0],
    ]);
    const some = (await claim(5, PROVIDER, most)).map(({ id }) => id);
    expect(some).toHaveLength(5);
    expect(some.filter((id) => held.includes(id))).toHaveLength(1);
    await claim(1, PROVIDER, most);
    const rest = await claim(10, PROVIDER, new Map([['held', 0]]));
    expect(rest.filter(({ id }) => others.includes(id))).toHaveLength(rest.length);
    expect(await claim(10)).toHaveLength(held.length + others.length - 6 - rest.length);
  });

  it('gives each effect to one of the workers that ask sender by sender at the same time', async () => {
    for (const lane of ['a', 'b', 'c', 'd']) await queue(50, { lane });
    const claims = await Promise.all(Array.from({ length: 8 }, () => claim(40, PROVIDER, new Map([['d', 3]]))));
    const taken = claims.flat();
    expect(new Set(taken.map(({ id }) => id)).size).toBe(taken.length);
    expect(taken.length).toBeLessThanOrEqual(150 + 8 * 3);
    for (const one of claims) expect(one.filter(({ lane }) => lane === 'd').length).toBeLessThanOrEqual(3);
  });

  it('lets a letter of another agency out at once, however long the queue of one that is held', async () => {
    await source.query(
      `INSERT INTO effect (id, letter_id, leg, provider, lane, payload)
       SELECT gen_random_uuid(), gen_random_uuid(), 1, $1, 'held', 'p' FROM generate_series(1, 20000)`,
      [PROVIDER],
    );
    const [free] = await queue(1, { lane: 'free' });
    expect((await claim(64, PROVIDER, new Map([['held', 0]]))).map(({ id }) => id)).toEqual([free]);
    const [row] = await source.query<[{ touched: number }]>(
      "SELECT count(*)::int AS touched FROM effect WHERE lane = 'held' AND (state <> 'QUEUED' OR not_before > created_at)",
    );
    expect(row.touched).toBe(0);
  });

  it('finds what a crash left unpublished, and not what is in hand', async () => {
    const [id] = (await queue(1)) as [string];
    const [effect] = (await claim(1)) as [Effect];
    await ledger.record([ended(effect, 'REFUSED', { reason: 'no' })]);
    expect(await ledger.unpublished(10, 60_000)).toHaveLength(0);
    expect(await ledger.unpublished(10, -1_000)).toMatchObject([{ id, state: 'REFUSED', reason: 'no' }]);
    await ledger.markPublished([id]);
    expect(await ledger.unpublished(10, -1_000)).toHaveLength(0);
  });

  it('asks about silent effects once in a while, never about answered ones, and takes back what was given up', async () => {
    const [silent, answered] = (await queue(2)) as [string, string];
    const effects = await claim(2);
    await ledger.record(effects.map((effect) => ended(effect, 'HANDED_OVER')));
    await ledger.markPublished([silent, answered]);
    await ledger.markAnswered([answered]);
    expect(await ledger.claimUnanswered(10, 60_000, 60_000)).toHaveLength(0);
    expect((await ledger.claimUnanswered(10, -1_000, 60_000)).map(({ id }) => id)).toEqual([silent]);
    expect(await ledger.claimUnanswered(10, -1_000, 60_000)).toHaveLength(0);
    const back = await ledger.takeBack([{ id: silent, reason: 'access-point-failed' }]);
    expect(back).toMatchObject([{ id: silent, state: 'REFUSED', reason: 'access-point-failed' }]);
    expect(await ledger.unpublished(10, -1_000)).toHaveLength(1);
    expect(await ledger.takeBack([{ id: silent, reason: 'again' }])).toEqual([]);
  });

  it('settles first what was perhaps done before the database was restored', async () => {
    const [id] = (await queue(1, { perhapsDone: true }, 60_000)) as [string];
    expect(await stateOf(id)).toEqual({ state: 'UNCERTAIN', attempts: 0, reason: 'restored' });
    expect(await claim(1)).toEqual([]);
    expect(await ledger.claimUncertain(1, LEASE_MS, 0)).toEqual([]);
    await timePasses();
    const [effect] = (await ledger.claimUncertain(1, LEASE_MS, 0)) as [Effect];
    await ledger.record([ended(effect, 'QUEUED', { settled: 'never-arrived' })]);
    expect(await claim(1)).toMatchObject([{ id, attempts: 1 }]);
  });

  it('doubts all that waits or was in hand when the backup was taken, and nothing that had come to an end', async () => {
    const [waiting] = (await queue(1)) as [string];
    const [done, held] = (await queue(2, { provider: 'eboks' })) as [string, string];
    const effects = await claim(2, 'eboks');
    await ledger.record(effects.filter(({ id }) => id === done).map((effect) => ended(effect, 'HANDED_OVER')));
    expect(await ledger.isMoved()).toBe(true);
    expect(await ledger.doubtAll(0)).toBe(2);
    expect(await ledger.isMoved()).toBe(false);
    for (const id of [waiting, held])
      expect(await stateOf(id)).toMatchObject({ state: 'UNCERTAIN', reason: 'restored' });
    expect(await stateOf(done)).toMatchObject({ state: 'HANDED_OVER' });
    // whoever held it still may not write over the doubt
    expect(await ledger.record(effects.map((effect) => ended(effect, 'QUEUED')))).toEqual([]);
    expect(await stateOf(held)).toMatchObject({ state: 'UNCERTAIN' });
  });

  it('asks about no call that another instance may have on its way before the lease of that call is over', async () => {
    await queue(1);
    await claim(1);
    const [left] = (await queue(1)) as [string];
    await ledger.claim(new Map([[PROVIDER, 1]]), -1);
    expect(await ledger.doubtAll(0)).toBe(2);
    expect(await ledger.claimUncertain(10, LEASE_MS, 0)).toMatchObject([{ id: left, reason: 'restored' }]);
    await timePasses();
    expect(await ledger.claimUncertain(10, LEASE_MS, 0)).toHaveLength(2);
  });

  it('doubts a long queue in parts, and does not know its database before it has doubted the last of it', async () => {
    await source.query(
      `TRUNCATE ledger_database;
       INSERT INTO effect (id, letter_id, leg, provider, lane, payload)
       SELECT gen_random_uuid(), gen_random_uuid(), 1, '${PROVIDER}', '310000027', '' FROM generate_series(1, 25000)`,
    );
    const parts: number[] = [];
    /** The database goes away after so many statements. */
    const lasting = (statements: number): EffectLedger =>
      new EffectLedger({
        query: async <T>(text: string, values?: unknown[]): Promise<T> => {
          if (statements-- === 0) throw new Error('the database is away');
          const result: unknown = await source.query(text, values);
          if (text.startsWith('UPDATE')) parts.push((result as [unknown, number])[1]);
          return result as T;
        },
      });
    await expect(lasting(3).doubtAll(0)).rejects.toThrow('the database is away');
    expect(await ledger.isMoved()).toBe(true);
    expect(await lasting(Infinity).doubtAll(0)).toBe(5_000);
    expect(await ledger.isMoved()).toBe(false);
    expect(parts).toEqual([10_000, 10_000, 5_000, 0]);
    expect(await ledger.unsettledCounts()).toEqual([{ provider: PROVIDER, state: 'UNCERTAIN', count: 25_000 }]);
  });

  it('counts a second record of an effect as suppressed, also within one batch', async () => {
    const [id] = (await queue(1)) as [string];
    await ledger.queue([newEffect(id), newEffect(id)], [], NOW);
    await ledger.queue([newEffect(id), newEffect(randomUUID())], [], NOW);
    expect(await ledger.counts()).toMatchObject([{ effects: 2, recordsSuppressed: 2, doublesPrevented: 2 }]);
    expect(counted.get('record-suppressed')).toBe(2);
  });

  it('goes on asking about what is parked, and takes the word of an operator for it', async () => {
    const [clear, done, notDone] = (await queue(3)) as [string, string, string];
    const effects = await claim(3);
    await ledger.record(effects.map((effect) => ended(effect, 'PARKED', { reason: 'no-answer', asked: true })));
    expect(await ledger.unsettledCounts()).toEqual([{ provider: PROVIDER, state: 'PARKED', count: 3 }]);
    expect(await ledger.unsettled(2)).toMatchObject([{ state: 'PARKED', questions: 1, sender: '310000027' }, {}]);

    expect(await ledger.settleByHand(done, true, 'seen in their log')).toBe(true);
    expect(await ledger.settleByHand(notDone, false, 'not in their log')).toBe(true);
    const asked = await ledger.claimUncertain(10, LEASE_MS, 0);
    expect(asked.map(({ id }) => id)).toEqual([clear]);
    await ledger.record(asked.map((effect) => ended(effect, 'HANDED_OVER', { settled: 'provider-has-it' })));

    expect(await ledger.unpublished(10, -1_000)).toMatchObject(
      expect.arrayContaining([expect.objectContaining({ id: done, operatorNote: 'seen in their log', settled: true })]),
    );
    expect(await claim(10)).toMatchObject([{ id: notDone, operatorNote: 'not in their log' }]);
    // nothing that is settled is settled by hand again
    for (const id of [clear, done, notDone, randomUUID()])
      expect(await ledger.settleByHand(id, false, 'x')).toBe(false);
    expect(await ledger.counts()).toMatchObject([
      {
        effects: 3,
        intents: 4,
        handedOver: 2,
        inHand: 1,
        parked: 0,
        settled: { 'provider-has-it': 1, 'operator-handed-over': 1, 'operator-not-done': 1 },
        doublesPrevented: 2,
      },
    ]);
  });

  it('does not let a worker that asks write over what an operator settled meanwhile', async () => {
    const [id] = (await queue(1)) as [string];
    await ledger.record((await claim(1)).map((effect) => ended(effect, 'UNCERTAIN')));
    const asking = await ledger.claimUncertain(1, LEASE_MS, 0);
    await ledger.settleByHand(id, true, 'seen');
    expect(await ledger.record(asking.map((effect) => ended(effect, 'QUEUED')))).toEqual([]);
    expect(await stateOf(id)).toMatchObject({ state: 'HANDED_OVER' });
  });

  it('can do without the columns of settling: version N−1 finds its table', async () => {
    const [id] = (await queue(1)) as [string];
    await ledger.record((await claim(1)).map((effect) => ended(effect, 'PARKED')));
    await source.query(EFFECT_SETTLING_UNDONE);
    try {
      expect(await stateOf(id)).toMatchObject({ state: 'UNCERTAIN' });
    } finally {
      await source.query(EFFECT_SETTLING);
    }
  });

  it('can do without the index of claims by sender', async () => {
    await source.query(CLAIMS_BY_SENDER_UNDONE);
    try {
      await queue(1);
      expect(await claim(1, PROVIDER, new Map([['held', 0]]))).toHaveLength(1);
    } finally {
      await source.query(CLAIMS_BY_SENDER);
    }
  });

  it('never has an effect done twice, whatever the order of claims, answers, crashes and settling', async () => {
    /** A worker acts only on what it has claimed; the provider remembers what it was really given. */
    const step = fc.constantFrom('claim', 'answer', 'lose answer', 'fail', 'crash', 'settle', 'wake late');
    await fc.assert(
      fc.asyncProperty(fc.boolean(), fc.array(step, { minLength: 5, maxLength: 40 }), async (inHand, steps) => {
        await source.query('TRUNCATE effect');
        const id = randomUUID();
        let given = 0;
        const late: Effect[] = [];
        let [held] = await ledger.queue([newEffect(id, { inHand })], [], NOW);
        for (const what of steps) {
          await timePasses();
          if (what === 'claim') held = (await claim(1))[0] ?? held;
          else if (what === 'settle') {
            const [effect] = await ledger.claimUncertain(1, LEASE_MS, 0);
            if (effect !== undefined)
              await ledger.record([ended(effect, given > 0 ? 'HANDED_OVER' : 'QUEUED', { settled: 'never-arrived' })]);
          } else if (what === 'wake late') await ledger.record(late.splice(0).map((effect) => ended(effect, 'QUEUED')));
          else if (held !== undefined) {
            if (what === 'answer' || what === 'lose answer') given += 1;
            if (what === 'answer') await ledger.record([ended(held, 'HANDED_OVER')]);
            if (what === 'lose answer') await ledger.record([ended(held, 'UNCERTAIN')]);
            if (what === 'fail') await ledger.record([ended(held, 'QUEUED')]);
            if (what === 'crash') {
              late.push(held);
              await leaseRunsOut();
            }
            held = undefined;
          }
        }
        expect(given).toBeLessThanOrEqual(1);
        const { state } = await stateOf(id);
        if (state === 'HANDED_OVER') expect(given).toBe(1);
        if (given === 1) expect(['HANDED_OVER', 'UNCERTAIN', 'INTENDED']).toContain(state);
      }),
      { numRuns: 60, seed: 4 },
    );
  }, 60_000);
});
