import { describe, expect, it } from '@jest/globals';
import {
  DEFAULT_FLOOD_LIMITS,
  type Effect,
  type EffectOutcome,
  type EffectState,
  type Runtime,
} from '@postgang/runtime';
import { outcome } from './fates.js';
import { LaneFloods, type Ended } from './lane-floods.js';
import { ProviderLane } from './provider-lane.js';

const effect = (sender: string, more: Partial<Effect> = {}): Effect =>
  ({ id: 'e', provider: 'digipost', lane: sender, state: 'INTENDED', fence: 1, reason: null, ...more }) as Effect;

function scene(share = DEFAULT_FLOOD_LIMITS.share) {
  const said: string[] = [];
  const clock = { now: 0 };
  const runtime = {
    flood: { ...DEFAULT_FLOOD_LIMITS, share },
    log: { fatal: () => said.push('stopped'), error: ({ sender }: { sender: string }) => said.push(sender) },
    metrics: { dependency: () => undefined, senderFlood: () => undefined },
  } as unknown as Runtime;
  const lanes = new Map(['digipost', 'print'].map((provider) => [provider, new ProviderLane(provider)]));
  const floods = new LaneFloods(runtime, lanes, () => clock.now);
  /** As the ledger does it: judged, written down, counted. Returns the states they are in then. */
  const end = (ended: readonly Ended[]): EffectOutcome[] => {
    const judged = floods.judge(ended);
    floods.count(ended.map(({ effect: row }, index) => ({ ...row, state: judged[index]?.state }) as Effect));
    return judged;
  };
  const many = (senders: number, state: EffectState, reason = 'x', more: Partial<Effect> = {}): Ended[] =>
    Array.from({ length: senders }, (_, index) => {
      const row = effect(`sender-${index}`, more);
      return { effect: row, outcome: outcome(row, state, reason) };
    });
  const ends = (count: number, senders: number, state: EffectState, more: Partial<Effect> = {}): EffectOutcome[] =>
    Array.from({ length: count / senders }, () => end(many(senders, state, 'x', more))).flat();
  return { end, ends, many, lanes, said, clock };
}
const count = (outcomes: readonly EffectOutcome[], state: EffectState): number =>
  outcomes.filter((one) => one.state === state).length;

describe('a lane in which letters of many agencies end badly', () => {
  it.each<EffectState>(['REFUSED', 'FAILED'])(
    'is stopped before a day’s post is %s: the rest waits, and burns nothing',
    (bad) => {
      const { ends, lanes, said } = scene();
      const outcomes = ends(1_000, 50, bad);
      expect(count(outcomes, bad)).toBeLessThan(200);
      expect(outcomes.at(-1)).toMatchObject({ state: 'QUEUED', reason: 'lane-stopped', free: true, waitMs: 60_000 });
      expect(lanes.get('digipost')).toMatchObject({ isStopped: true, isDown: true });
      expect(lanes.get('digipost')?.room(1e9)).toBe(0);
      expect(said).toEqual(['stopped']);
    },
  );

  it('stays stopped however long it lasts, while other lanes go on', () => {
    const { ends, lanes, clock } = scene();
    ends(1_000, 50, 'REFUSED');
    clock.now += 86_400_000;
    lanes.get('digipost')?.up();
    expect(count(ends(50, 50, 'REFUSED'), 'REFUSED')).toBe(0);
    expect(count(ends(50, 50, 'HANDED_OVER'), 'HANDED_OVER')).toBe(50);
    expect(count(ends(50, 50, 'REFUSED', { provider: 'print' }), 'REFUSED')).toBe(50);
    expect(lanes.get('print')?.isStopped).toBe(false);
  });

  it('asks again about what asking would have ended: it is not known to be undone', () => {
    const { ends, end, many } = scene();
    ends(1_000, 50, 'REFUSED');
    const asked = many(1, 'REFUSED', 'x', { state: 'UNCERTAIN', reason: 'refused-later:x' });
    expect(end(asked)).toMatchObject([{ state: 'UNCERTAIN', reason: 'refused-later:x', free: false }]);
  });

  it('goes on beside a greater number that end well, and for whoever has said that they are right', () => {
    const { end, many, lanes } = scene();
    for (let round = 0; round < 50; round++) end([...many(50, 'HANDED_OVER'), ...many(20, 'REFUSED')]);
    expect(lanes.get('digipost')?.isStopped).toBe(false);
    const told = scene(1);
    expect(count(told.ends(1_000, 50, 'REFUSED'), 'REFUSED')).toBe(1_000);
  });

  it('goes on when they are of one agency, and tells of that', () => {
    const { ends, lanes, said } = scene();
    expect(count(ends(1_000, 1, 'REFUSED'), 'REFUSED')).toBe(1_000);
    expect(lanes.get('digipost')?.isStopped).toBe(false);
    expect(said).toEqual(['sender-0']);
  });
});
