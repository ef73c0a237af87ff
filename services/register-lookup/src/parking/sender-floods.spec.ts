import { describe, expect, it } from '@jest/globals';
import type { Tally } from '@postgang/runtime';
import { SenderFloods, type Verdict } from './sender-floods.js';

const LIMITS = { share: 0.5, atLeast: 200, windowMs: 300_000 };

/** As the stage does it: judged, stored, counted. */
function batch(floods: SenderFloods, tallies: Readonly<Record<string, readonly [number, number]>>, now = 0): Verdict {
  const map = new Map<string, Tally>(
    Object.entries(tallies).map(([sender, [handled, unhappy]]) => [sender, { handled, unhappy }]),
  );
  const verdict = floods.judge(map, now);
  if (!verdict.everybody) floods.count(map, verdict.senders, now);
  return verdict;
}
const stopped = ({ senders }: Verdict): string[] => [...senders];
const many = (count: number, tally: readonly [number, number]): Record<string, readonly [number, number]> =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`sender-${index}`, tally]));

describe('refusals by sender', () => {
  it('stop the one whose letters are refused, however many of others are not', () => {
    const verdict = batch(new SenderFloods(LIMITS), { bad: [250, 250], good: [5_000, 10] });
    expect(stopped(verdict)).toEqual(['bad']);
    expect(verdict.everybody).toBe(false);
  });

  it('stop the one and nobody else, when nobody else sends', () => {
    const verdict = batch(new SenderFloods(LIMITS), { bad: [1_000, 1_000] });
    expect(stopped(verdict)).toEqual(['bad']);
    expect(verdict.everybody).toBe(false);
  });

  it('of two or three senders with bad lists, each too small to be stopped, do not stop everybody', () => {
    const verdict = batch(new SenderFloods(LIMITS), { one: [150, 150], two: [190, 190], three: [199, 199] });
    expect(verdict).toEqual({ senders: new Set(), everybody: false });
  });

  it('of many small senders stop everybody: that is no address list', () => {
    const floods = new SenderFloods(LIMITS);
    expect(batch(floods, many(150, [1, 1])).everybody).toBe(false);
    expect(batch(floods, many(150, [1, 1]), 1_000).everybody).toBe(true);
  });

  it('of many small senders stop everybody also when one large sender is well', () => {
    expect(batch(new SenderFloods(LIMITS), { ...many(300, [1, 1]), large: [100_000, 0] }).everybody).toBe(true);
  });

  it('of some among many stop nobody', () => {
    expect(batch(new SenderFloods(LIMITS), many(300, [10, 4]))).toEqual({ senders: new Set(), everybody: false });
  });

  it('add up over batches, and are forgotten after the window', () => {
    const floods = new SenderFloods(LIMITS);
    expect(stopped(batch(floods, { bad: [150, 150] }))).toEqual([]);
    expect(stopped(batch(floods, { bad: [150, 150] }, 300_001))).toEqual([]);
    expect(stopped(batch(floods, { bad: [150, 150] }, 300_002))).toEqual(['bad']);
  });

  it('of a batch that is judged again and again because it cannot be stored are counted once', () => {
    const floods = new SenderFloods(LIMITS);
    const tallies = new Map([['bad', { handled: 100, unhappy: 100 }]]);
    for (let at = 0; at < 50; at++) expect(stopped(floods.judge(tallies, at))).toEqual([]);
  });

  it('begin anew for one who was stopped', () => {
    const floods = new SenderFloods(LIMITS);
    batch(floods, { bad: [150, 150] });
    expect(stopped(batch(floods, { bad: [150, 150] }))).toEqual(['bad']);
    expect(stopped(batch(floods, { bad: [150, 150] }))).toEqual([]);
  });

  it('stop nobody where the operator lets everything through', () => {
    const verdict = batch(new SenderFloods({ ...LIMITS, share: 1 }), many(300, [300, 300]));
    expect(verdict).toEqual({ senders: new Set(), everybody: false });
  });
});
