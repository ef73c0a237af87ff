import { describe, expect, it } from '@jest/globals';
import { PackageMemory } from './package-memory.js';

const MB = 1024 * 1024;

function scene() {
  const seen = { rooms: 0, gone: [] as string[] };
  const memory = new PackageMemory(() => (seen.rooms += 1));
  /** Whether it goes at once, waits, or must go back. */
  const take = (sender: string, bytes: number): 'goes' | 'waits' | 'back' => {
    const room = memory.take(sender, bytes);
    if (typeof room === 'boolean') return room ? 'goes' : 'back';
    void room.then(() => seen.gone.push(sender));
    return 'waits';
  };
  const turn = (): Promise<void> => Promise.resolve();
  return { memory, take, turn, seen };
}

describe('the memory for packages', () => {
  it('takes large ones up to 64 MB together, and lets one of each sender wait', async () => {
    const { memory, take, turn, seen } = scene();
    expect([take('a', 40 * MB), take('a', 24 * MB), take('a', MB), take('a', MB)]).toEqual([
      ...['goes', 'goes', 'waits', 'back'],
    ]);
    expect([...memory.most()]).toEqual([['a', 0]]);
    expect([memory.admits('a'), memory.admits('b')]).toEqual([false, true]);
    memory.giveBack(24 * MB);
    await turn();
    expect(seen).toEqual({ rooms: 1, gone: ['a'] });
    expect([...memory.most()]).toEqual([['a', 1]]);
    expect(take('a', MB)).toBe('goes');
    expect(memory.most().size).toBe(0);
  });

  it('lets small ones go at once, however many large ones there are', () => {
    const { take } = scene();
    expect([take('a', 64 * MB), take('a', MB)]).toEqual(['goes', 'waits']);
    expect(Array.from({ length: 200 }, () => take('b', 128 * 1024)).every((how) => how === 'goes')).toBe(true);
    expect(take('b', 128 * 1024 + 1)).toBe('waits');
  });

  it('lets the larger ones go in their order: none of them waits for good because smaller ones fit', async () => {
    const { memory, take, turn, seen } = scene();
    expect([take('a', 30 * MB), take('b', 50 * MB), take('c', MB)]).toEqual(['goes', 'waits', 'waits']);
    memory.giveBack(30 * MB);
    await turn();
    expect(seen.gone).toEqual(['b', 'c']);
  });

  it('lets one that is larger than all the room go alone', async () => {
    const { memory, take, turn, seen } = scene();
    expect([take('a', MB), take('b', 100 * MB)]).toEqual(['goes', 'waits']);
    memory.giveBack(MB);
    await turn();
    expect(seen.gone).toEqual(['b']);
    expect(take('c', MB)).toBe('waits');
  });

  it('keeps no more than sixteen that wait', () => {
    const { memory, take } = scene();
    take('a', 64 * MB);
    const how = Array.from({ length: 20 }, (_, index) => take(`sender-${index}`, MB));
    expect(how.filter((one) => one === 'waits')).toHaveLength(16);
    expect(how.slice(16).every((one) => one === 'back')).toBe(true);
    expect(memory.most().get('sender-19')).toBe(1);
  });
});
