import { describe, expect, it } from '@jest/globals';
import type { Runtime } from '@postgang/runtime';
import { HeldSenders } from './held-senders.js';

const SENDER = '310000027';
const TRY_EVERY_MS = 30_000;
const PROBE_MS = 80_000;

function scene() {
  const clock = { now: 0 };
  const alarms: string[] = [];
  const looks: ((result: { observe: (value: number) => void }) => void)[] = [];
  const runtime = {
    service: 'provider-dispatch',
    log: { error: (_fields: unknown, message: string) => alarms.push(message), info: () => undefined },
    metrics: {
      meter: {
        createObservableGauge: () => ({
          addCallback: (look: (typeof looks)[number]) => looks.push(look),
          removeCallback: () => looks.pop(),
        }),
      },
    },
  } as unknown as Runtime;
  const senders = new HeldSenders(runtime, TRY_EVERY_MS, PROBE_MS, () => clock.now);
  const gauge = (): number[] => {
    const seen: number[] = [];
    for (const look of looks) look({ observe: (value) => seen.push(value) });
    return seen;
  };
  return { senders, clock, alarms, gauge };
}

describe('an agency whose post is held', () => {
  it('is told of once, however many of its letters hear the same answer', () => {
    const { senders, alarms, gauge } = scene();
    for (let letter = 0; letter < 64; letter++) senders.hold(SENDER, 'no-delegation');
    expect(alarms).toHaveLength(1);
    expect(gauge()).toEqual([1]);
    expect(senders.admits('310000035')).toBe(true);
  });

  it('has one letter that tries when it is time, and the answer counts for all', () => {
    const { senders, clock, alarms } = scene();
    senders.hold(SENDER, 'no-delegation');
    expect(senders.admits(SENDER)).toBe(false);
    expect([...senders.most()]).toEqual([[SENDER, 0]]);
    clock.now += TRY_EVERY_MS;
    expect([...senders.most()]).toEqual([[SENDER, 1]]);
    expect([senders.admits(SENDER), senders.admits(SENDER)]).toEqual([true, false]);
    expect([...senders.most()]).toEqual([[SENDER, 0]]);
    senders.hold(SENDER, 'no-delegation');
    clock.now += TRY_EVERY_MS - 1;
    expect(senders.admits(SENDER)).toBe(false);
    expect(alarms).toHaveLength(1);
  });

  it('has another try when nothing more is heard of the letter that tried', () => {
    const { senders, clock } = scene();
    senders.hold(SENDER, 'no-delegation');
    clock.now += TRY_EVERY_MS;
    expect(senders.admits(SENDER)).toBe(true);
    clock.now += PROBE_MS - 1;
    expect(senders.admits(SENDER)).toBe(false);
    clock.now += 1;
    expect([senders.admits(SENDER), senders.admits(SENDER)]).toEqual([true, false]);
  });

  it('goes again with the first letter that is taken, and is told as 0 from then on', () => {
    const { senders, clock, gauge } = scene();
    senders.hold(SENDER, 'no-delegation');
    clock.now += TRY_EVERY_MS;
    expect(senders.admits(SENDER)).toBe(true);
    senders.release(SENDER);
    expect([senders.admits(SENDER), senders.admits(SENDER)]).toEqual([true, true]);
    expect(senders.most().size).toBe(0);
    expect(gauge()).toEqual([0]);
    senders.stop();
    expect(gauge()).toEqual([]);
  });
});
