import { createHash } from 'node:crypto';

/**
 * Merkle trees as RFC 6962 §2.1 has them (RFC 9162 §2.1.3 for the paths): a leaf and a node are hashed with different first bytes, so that none can
 * pass for the other.
 */
export interface Leaf {
  readonly letterId: string;
  /** Number of the letter's newest entry when the day was closed. */
  readonly seq: number;
  /** Hash of that entry. */
  readonly head: Buffer;
}

/** One level of a path: the other half's hash, and what both halves come to, so that a wrong level can be named. */
export interface PathStep {
  readonly sibling: Buffer;
  readonly node: Buffer;
}

const LEAF = Buffer.from([0]);
const NODE = Buffer.from([1]);
export const HASH_BYTES = 32;

/** A power of two: the tree over the chunks' roots is then the tree over all leaves. */
export const CHUNK_LEAVES = 1_024;

const sha256 = (...parts: readonly (Buffer | string)[]): Buffer => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};

/** SHA-256(0x00 ‖ `["<letter id>",<seq>,"<head, hexadecimal>"]`). */
export const hashLeaf = ({ letterId, seq, head }: Leaf): Buffer =>
  sha256(LEAF, JSON.stringify([letterId, seq, head.toString('hex')]));

export const hashNode = (left: Buffer, right: Buffer): Buffer => sha256(NODE, left, right);

/** Of no leaves, SHA-256 of nothing. */
export function rootOf(hashes: readonly Buffer[]): Buffer {
  let level = hashes;
  while (level.length > 1) level = above(level);
  return level[0] ?? sha256();
}

/** From the leaf upwards. Throws RangeError for a leaf that is not there. */
export function pathOf(hashes: readonly Buffer[], index: number): PathStep[] {
  if (hashes[index] === undefined) throw new RangeError('no such leaf');
  const steps: PathStep[] = [];
  let level = hashes;
  let at = index;
  while (level.length > 1) {
    const next = above(level);
    const sibling = level[at ^ 1];
    at >>>= 1;
    // the last of an odd number goes up as it is
    if (sibling !== undefined) steps.push({ sibling, node: next[at] as Buffer });
    level = next;
  }
  return steps;
}

/** In a day's tree that is kept in chunks: up to the chunk's root, and on over the roots of all chunks. */
export const chunkedPathOf = (leaves: readonly Buffer[], place: number, roots: readonly Buffer[], chunk: number) => [
  ...pathOf(leaves, place),
  ...pathOf(roots, chunk),
];

/**
 * Climbs a path from a leaf. Answers with the root, or with the first level (from 1, at the leaf) that does not hold; a path too short or too long
 * fails at the level where that shows.
 */
export function climb(
  leaf: Buffer,
  index: number,
  size: number,
  steps: readonly PathStep[],
): Buffer | { level: number } {
  if (!(index >= 0 && index < size)) return { level: 1 };
  let [place, last, hash, level] = [index, size - 1, leaf, 0];
  for (const { sibling, node } of steps) {
    level += 1;
    if (last === 0) return { level };
    // passed up as it is until it has a sibling on its left
    while (place === last && place % 2 === 0) [place, last] = [place / 2, Math.floor(last / 2)];
    hash = place % 2 === 1 ? hashNode(sibling, hash) : hashNode(hash, sibling);
    if (!hash.equals(node)) return { level };
    [place, last] = [Math.floor(place / 2), Math.floor(last / 2)];
  }
  return last === 0 ? hash : { level: level + 1 };
}

const above = (level: readonly Buffer[]): Buffer[] => {
  const next: Buffer[] = [];
  for (let at = 0; at < level.length; at += 2) {
    const left = level[at] as Buffer;
    const right = level[at + 1];
    next.push(right === undefined ? left : hashNode(left, right));
  }
  return next;
};

export interface Chunk {
  readonly number: number;
  readonly firstLetter: string;
  readonly root: Buffer;
  /** The leaves' hashes one after another. */
  readonly leaves: Buffer;
}

/** Takes a day's leaves in their order and holds no more than a chunk of them and the chunks' roots: a million letters are a thousand roots. */
export class DayTree {
  private readonly roots: Buffer[] = [];
  private leaves: Buffer[] = [];
  private firstLetter = '';
  private last = '';

  /** Answers with the chunk that this leaf fills. Throws RangeError for a letter out of order. */
  add(leaf: Leaf): Chunk | undefined {
    if (leaf.letterId <= this.last) throw new RangeError('leaves come in the order of their letters');
    this.last = leaf.letterId;
    if (this.leaves.length === 0) this.firstLetter = leaf.letterId;
    this.leaves.push(hashLeaf(leaf));
    return this.leaves.length === CHUNK_LEAVES ? this.cut() : undefined;
  }

  /** With the chunk that is not full. */
  finish(): { rest: Chunk | undefined; size: number; root: Buffer } {
    const before = this.roots.length * CHUNK_LEAVES;
    const size = before + this.leaves.length;
    const rest = this.leaves.length === 0 ? undefined : this.cut();
    return { rest, size, root: rootOf(this.roots) };
  }

  private cut(): Chunk {
    const root = rootOf(this.leaves);
    const chunk = {
      number: this.roots.length,
      firstLetter: this.firstLetter,
      root,
      leaves: Buffer.concat(this.leaves),
    };
    this.roots.push(root);
    this.leaves = [];
    return chunk;
  }
}

/** A chunk's leaves as they were stored. */
export const leavesOf = (bytes: Buffer): Buffer[] =>
  Array.from({ length: Math.floor(bytes.length / HASH_BYTES) }, (_, at) =>
    bytes.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES),
  );
