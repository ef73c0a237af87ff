import { describe, expect, it } from '@jest/globals';
import { ProviderLane } from './provider-lane.js';

describe('a provider lane', () => {
  it('gives room for 128 at once', () => {
    const lane = new ProviderLane('digipost');
    expect(lane.room(0)).toBe(128);
    lane.inFlight = 124;
    expect(lane.room(0)).toBe(4);
  });

  it('lets nobody overtake those that wait, and nobody in beside the 128', () => {
    const lane = new ProviderLane('digipost');
    expect(lane.take(0)).toBe(false);
    lane.queued = false;
    expect(Array.from({ length: 129 }, () => lane.take(0)).indexOf(false)).toBe(128);
    lane.inFlight = 0;
    expect(lane.take(0)).toBe(false);
  });

  it('pauses when the provider is away, then lets one letter probe', () => {
    const lane = new ProviderLane('digipost');
    lane.down(0, 1_000);
    expect(lane.room(1_499)).toBe(0);
    expect(lane.room(1_500)).toBe(1);
    lane.up();
    expect(lane.room(1_500)).toBe(128);
  });

  it('waits longer each time, half a minute at most, and as long as it was asked to, a minute at most', () => {
    const lane = new ProviderLane('digipost');
    let now = 0;
    const pauses = Array.from({ length: 10 }, () => {
      lane.down(0, now);
      const pause = lane.pausedFor(now);
      now += pause;
      return pause;
    });
    expect(pauses.slice(0, 3)).toEqual([500, 1_000, 2_000]);
    expect(pauses.at(-1)).toBe(30_000);
    lane.down(45_000, now);
    expect(lane.pausedFor(now)).toBe(45_000);
    lane.down(3_600_000, now);
    expect(lane.pausedFor(now)).toBe(60_000);
  });

  it('is down when what is ours is refused, until a letter gets through; then whoever is refused so again is alone with it', () => {
    const lane = new ProviderLane('digipost');
    expect(lane.refusedOurs('lone', 0)).toBe(false);
    expect(lane.refusedOurs('other', 0)).toBe(false);
    expect(lane.room(500)).toBe(1);
    // nobody got through yet
    expect(lane.refusedOurs('lone', 500)).toBe(false);
    lane.took('other');
    expect(lane.refusedOurs('lone', 2_000)).toBe(true);
    expect(lane.room(2_000)).toBe(128);
    // and nobody since: it may be everybody's again
    expect(lane.refusedOurs('lone', 2_000)).toBe(false);
    expect(lane.room(2_500)).toBe(1);
    lane.took('next');
    expect(lane.refusedOurs('lone', 2_500)).toBe(true);
    lane.took('one more');
    // broken anew: one that was not refused before tells it, and then nobody is alone
    expect(lane.refusedOurs('another', 3_000)).toBe(false);
    expect(lane.refusedOurs('lone', 3_000)).toBe(false);
    lane.took('lone');
    expect(lane.refusedOurs('lone', 9_000)).toBe(false);
  });

  it('is down when three letters in a row had no clear answer, not when one has none again and again', () => {
    const lane = new ProviderLane('digipost');
    for (let round = 0; round < 10; round++) lane.noAnswer('poison', 0);
    lane.noAnswer('other', 0);
    expect(lane.isDown).toBe(false);
    lane.up();
    for (const letter of ['a', 'b']) lane.noAnswer(letter, 0);
    expect(lane.isDown).toBe(false);
    lane.noAnswer('c', 0);
    expect(lane.isDown).toBe(true);
    expect(lane.room(500)).toBe(1);
    lane.noAnswer('a', 500);
    expect(lane.room(1_499)).toBe(0);
    lane.up();
    lane.noAnswer('a', 1_500);
    expect(lane.isDown).toBe(false);
  });

  it('counts letters that failed together as one outage', () => {
    const lane = new ProviderLane('digipost');
    for (let letter = 0; letter < 128; letter++) lane.down(0, 10);
    expect(lane.pausedFor(10)).toBe(500);
  });
});
