import { describe, expect, it } from '@jest/globals';
import { committedOffsets, type CommittedOffsets } from './committed-offsets.js';

const OFFSETS: CommittedOffsets = [{ topic: 't', partitions: [{ partition: 0, offset: '7', metadata: null }] }];
const moved = Object.assign(new Error('This is not the correct coordinator for this group'), { retriable: true });

function admin(failures: number, error: Error) {
  const asked: unknown[] = [];
  return {
    asked,
    fetchOffsets: (group: unknown) => {
      asked.push(group);
      return asked.length > failures ? Promise.resolve(OFFSETS) : Promise.reject(error);
    },
  };
}

describe('the committed offsets of a group', () => {
  it('are asked for again while its coordinator moves', async () => {
    const broker = admin(2, moved);
    expect(await committedOffsets(broker, { groupId: 'g', topics: ['t'] }, 0)).toBe(OFFSETS);
    expect(broker.asked).toEqual(Array(3).fill({ groupId: 'g', topics: ['t'] }));
  });

  it('are given up when it moves for ever, or when asking again is of no use', async () => {
    const lost = admin(Infinity, moved);
    await expect(committedOffsets(lost, { groupId: 'g' }, 0)).rejects.toBe(moved);
    expect(lost.asked).toHaveLength(10);
    const forbidden = admin(Infinity, new Error('not authorised'));
    await expect(committedOffsets(forbidden, { groupId: 'g' }, 0)).rejects.toThrow('not authorised');
    expect(forbidden.asked).toHaveLength(1);
  });
});
