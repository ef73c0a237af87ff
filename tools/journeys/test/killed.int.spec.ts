import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SERVICES } from '@postgang/pipeline';
import { Mailing } from './mailing.js';
import { expectWhole } from './whole.js';
import { EACH_ALONE, World } from './world.js';

const LETTERS = 60;
let world: World;

beforeAll(async () => {
  world = await World.start({ groups: EACH_ALONE });
}, 90_000);
afterAll(() => world?.stop(), 60_000);

describe('a journey on which every service is killed once', () => {
  it('brings each letter to its end: none lost, none handed over twice', async () => {
    const mailing = new Mailing(world);
    const killed: string[] = [];
    const crashes: Promise<void>[] = [];
    const crash = async (service: (typeof SERVICES)[number]): Promise<void> => {
      const process_ = world.process(service);
      await process_.kill();
      killed.push(service);
      process_.start();
    };
    // one after the other while letters come in, so that each dies with letters before, in and behind it
    await mailing.handIn(LETTERS, 'killed', (sent) => {
      const service = sent % 8 === 0 ? SERVICES[sent / 8 - 1] : undefined;
      if (service !== undefined) crashes.push(crash(service));
    });
    await Promise.all(crashes);
    expect(killed.sort()).toEqual([...SERVICES].sort());
    // a dead consumer's partitions are given away after 30 s, a dead worker's hand-overs are asked for after 70 s
    await mailing.ended(150_000);
    await expectWhole(world, mailing);
  }, 240_000);
});
