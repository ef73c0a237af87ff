import { createHash, randomUUID } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { CHUNK_LEAVES, chunkedPathOf, climb, DayTree, hashLeaf, hashNode, leavesOf, pathOf, rootOf } from './merkle.js';

const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest();
const hashes = (count: number): Buffer[] => Array.from({ length: count }, (_, at) => sha256(`leaf ${at}`));

/** RFC 6962 §2.1 word for word. */
function rfc(leaves: readonly Buffer[]): Buffer {
  if (leaves.length === 0) return sha256('');
  if (leaves.length === 1) return leaves[0] as Buffer;
  let half = 1;
  while (half * 2 < leaves.length) half *= 2;
  return hashNode(rfc(leaves.slice(0, half)), rfc(leaves.slice(half)));
}

describe('the Merkle tree', () => {
  it('is that of RFC 6962 for every number of leaves', () => {
    for (let count = 0; count <= 40; count++) expect(rootOf(hashes(count))).toEqual(rfc(hashes(count)));
  });

  it('hashes a leaf and a node apart', () => {
    const id = randomUUID();
    const head = sha256('head');
    const content = JSON.stringify([id, 3, head.toString('hex')]);
    expect(hashLeaf({ letterId: id, seq: 3, head })).toEqual(sha256(`\0${content}`));
    expect(hashNode(head, head)).toEqual(
      createHash('sha256')
        .update(Buffer.from([1]))
        .update(head)
        .update(head)
        .digest(),
    );
  });

  it('has a path from every leaf to its root, whatever the size', () => {
    for (let size = 1; size <= 40; size++) {
      const leaves = hashes(size);
      for (let index = 0; index < size; index++)
        expect(climb(leaves[index] as Buffer, index, size, pathOf(leaves, index))).toEqual(rootOf(leaves));
    }
  });

  it('refuses a leaf at another place, in a tree of another size, and a path cut or lengthened', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 300 }), fc.nat(), fc.nat(), (size, place, other) => {
        const leaves = hashes(size);
        const index = place % size;
        const steps = pathOf(leaves, index);
        const leaf = leaves[index] as Buffer;
        const root = rootOf(leaves);
        const elsewhere = other % size;
        if (elsewhere !== index) expect(climb(leaf, elsewhere, size, steps)).not.toEqual(root);
        expect(climb(leaf, index, size, steps.slice(0, -1))).toEqual({ level: steps.length });
        const longer = [...steps, { sibling: leaf, node: hashNode(leaf, leaf) }];
        expect(climb(leaf, index, size, longer)).toEqual({ level: steps.length + 1 });
        expect(climb(leaf, size, size, steps)).toEqual({ level: 1 });
      }),
    );
  });

  it('names the first level that was changed', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 300 }), fc.nat(), fc.nat(), fc.boolean(), (size, place, which, node) => {
        const leaves = hashes(size);
        const index = place % size;
        const steps = pathOf(leaves, index);
        const level = which % steps.length;
        const step = steps[level] as (typeof steps)[number];
        steps[level] = node ? { ...step, node: sha256('x') } : { ...step, sibling: sha256('x') };
        expect(climb(leaves[index] as Buffer, index, size, steps)).toEqual({ level: level + 1 });
      }),
    );
  });
});

describe("a day's tree", () => {
  it.each([0, 1, CHUNK_LEAVES - 1, CHUNK_LEAVES, CHUNK_LEAVES + 1, 3 * CHUNK_LEAVES + 5])(
    'of %i letters is the tree over all leaves, and its chunks give every path',
    (count) => {
      const ids = Array.from({ length: count }, () => randomUUID()).sort();
      const leaves = ids.map((letterId, at) => ({ letterId, seq: at + 1, head: sha256(letterId) }));
      const tree = new DayTree();
      const full = leaves.flatMap((leaf) => tree.add(leaf) ?? []);
      const { rest, size, root } = tree.finish();
      const chunks = rest === undefined ? full : [...full, rest];
      expect({ size, root }).toEqual({ size: count, root: rootOf(leaves.map(hashLeaf)) });
      const roots = chunks.map((chunk) => chunk.root);
      for (let at = 0; at < count; at += 97) {
        const chunk = Math.floor(at / CHUNK_LEAVES);
        const { leaves: stored, firstLetter } = chunks[chunk] as (typeof chunks)[number];
        expect(firstLetter).toBe(ids[chunk * CHUNK_LEAVES]);
        const steps = chunkedPathOf(leavesOf(stored), at % CHUNK_LEAVES, roots, chunk);
        expect(climb(hashLeaf(leaves[at] as (typeof leaves)[number]), at, size, steps)).toEqual(root);
      }
    },
  );

  it('takes no letter twice and none out of order', () => {
    const tree = new DayTree();
    const leaf = { letterId: 'b', seq: 1, head: sha256('b') };
    tree.add(leaf);
    expect(() => tree.add(leaf)).toThrow(RangeError);
    expect(() => tree.add({ ...leaf, letterId: 'a' })).toThrow(RangeError);
  });
});
