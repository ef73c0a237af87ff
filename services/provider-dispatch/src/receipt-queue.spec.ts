import { describe, expect, it } from '@jest/globals';
import { DependencyDown } from '@postgang/outside';
import { PageTooLarge, type FetchedReceipt, type ReceiptSource } from '@postgang/providers';
import { ReceiptQueue, type Fetched } from './receipt-queue.js';

const HOUR_MS = 3_600_000;

/** What waits at the access point, by name; a page with HUGE in it does not fit. */
function queueOf(waiting: string[]) {
  let now = 0;
  let asked = 0;
  let told = 0;
  const source = {
    fetchReceipts: (page: number, size: number) => {
      asked += 1;
      const found = waiting.slice((page - 1) * size, page * size);
      if (found.some((id) => id.startsWith('HUGE'))) return Promise.reject(new PageTooLarge('huge'));
      return Promise.resolve(found.map((id) => ({ id, raw: id }) as FetchedReceipt));
    },
  } as unknown as ReceiptSource;
  const queue = new ReceiptQueue(source, () => now);
  const fetch = (): Promise<Fetched> => queue.fetch(0, () => void (told += 1));
  /** Fetches and marks read all that comes. */
  const take = async (): Promise<readonly (string | undefined)[]> => {
    const { receipts } = await fetch();
    const ids = receipts.map(({ receipt }) => receipt.id);
    waiting.splice(0, Infinity, ...waiting.filter((id) => !ids.includes(id)));
    queue.removed(receipts.map(({ place }) => place));
    return ids;
  };
  const pass = (ms: number): void => void (now += ms);
  return { queue, fetch, take, pass, asked: () => asked, told: () => told };
}

const names = (count: number, of = 'r'): string[] => Array.from({ length: count }, (_, index) => `${of}${index}`);

describe('the queue of receipts', () => {
  it('is fetched whole and in order around those that are too large', async () => {
    const waiting = [...names(300), 'HUGE1', 'HUGE2', ...names(700, 's'), 'HUGE3'];
    const { take, queue, told } = queueOf(waiting);
    const taken: unknown[] = [];
    for (let found = await take(); found.length > 0; found = await take()) taken.push(...found);
    expect(taken).toEqual([...names(300), ...names(700, 's')]);
    expect([waiting, queue.passedOver, told()]).toEqual([['HUGE1', 'HUGE2', 'HUGE3'], 3, 3]);
  });

  it('costs one question while nothing is in it but what is passed over, and twelve when five hundred follow', async () => {
    const waiting = ['HUGE'];
    const { take, asked } = queueOf(waiting);
    await take();
    let before = asked();
    await take();
    expect(asked() - before).toBe(1);
    waiting.push(...names(500));
    before = asked();
    expect(await take()).toHaveLength(500);
    expect(asked() - before).toBeLessThanOrEqual(12);
  });

  it('gives out one that was passed over when it has become smaller, after a while', async () => {
    const waiting = ['HUGE'];
    const { take, pass, queue } = queueOf(waiting);
    await take();
    waiting[0] = 'mended';
    expect(await take()).toEqual([]);
    pass(HOUR_MS);
    expect(await take()).toEqual(['mended']);
    expect(queue.passedOver).toBe(0);
  });

  it('is not told of again when it is looked at again', async () => {
    const { take, pass, told, asked } = queueOf(['HUGE', 'HUGE', 'r']);
    await take();
    pass(HOUR_MS);
    const before = asked();
    await take();
    expect(asked()).toBeGreaterThan(before + 1);
    expect(told()).toBe(2);
  });

  it('hides nothing for long when another instance takes receipts away', async () => {
    const waiting = [...names(9), 'HUGE', 'last'];
    const { fetch, take } = queueOf(waiting);
    await fetch();
    waiting.splice(0, 5);
    // the place remembered is another one's now
    waiting.push(...names(20, 's'));
    await take();
    await take();
    expect(waiting).toEqual(['HUGE']);
  });

  it('is not searched for ever when the access point gives out everything whatever it is asked for', async () => {
    const source = { fetchReceipts: () => Promise.reject(new PageTooLarge('everything')) } as unknown as ReceiptSource;
    const queue = new ReceiptQueue(source);
    await expect(queue.fetch(0, () => undefined)).rejects.toThrow(DependencyDown);
  });
});
