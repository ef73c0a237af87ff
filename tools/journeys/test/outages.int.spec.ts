import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { deadLetterTopic, decode, retryTopic, RETRY_TIERS, SERVICES } from '@postgang/pipeline';
import { eventually } from '@postgang/testing';
import { Mailing } from './mailing.js';
import type { TopicLog } from './topic-log.js';
import { expectWhole } from './whole.js';
import { World } from './world.js';

let world: World;
let setAside: TopicLog;

beforeAll(async () => {
  world = await World.start();
  setAside = await world.follow(
    ...SERVICES.flatMap((service) => [
      ...RETRY_TIERS.map(({ tier }) => retryTopic(service, tier)),
      deadLetterTopic(service),
    ]),
  );
}, 90_000);
afterAll(() => world?.stop(), 60_000);

it('while the contact register is away nothing is routed on a guess and no attempt is burnt; then all goes on', async () => {
  const routed = await world.follow('letter.routed.v1', 'letter.refused.v1');
  const mailing = new Mailing(world);
  await mailing.handIn(40, 'before');
  const known = new Set(mailing.sent.map(({ letterId }) => letterId));
  world.sandbox.fault({ system: 'krr', mode: 'off' });
  await mailing.handIn(160, 'away');
  await eventually('the register is seen to be away', () => isDown('register-lookup'));
  expect(routed.records.filter(({ key }) => !known.has(key))).toEqual([]);

  world.sandbox.fault({ system: 'krr', mode: 'none' });
  await mailing.ended(90_000);
  await expectWhole(world, mailing);
  expect(setAside.records).toEqual([]);
}, 150_000);

it('when the access point takes letters and does not say so, each is asked for and none is handed over twice', async () => {
  const mailing = new Mailing(world);
  const dispatched = await world.follow('letter.dispatched.v1');
  world.sandbox.fault({ system: 'access-point', mode: 'drop-answer-after-effect', percent: 15 });
  await mailing.handIn(40, 'dropped');
  await mailing.ended(90_000);
  await expectWhole(world, mailing);
  expect(world.sandbox.counts.messages.duplicatesRefused).toBe(0);
  const settled = dispatched.records.filter(({ value }) => decode('letter.dispatched.v1', value).settled);
  expect(settled.length).toBeGreaterThan(0);
  expect(setAside.records).toEqual([]);
}, 150_000);

async function isDown(service: 'register-lookup'): Promise<true | undefined> {
  for (const url of world.process(service).managementUrls) {
    const page = await (await fetch(`${url}/metrics`)).text();
    if (new RegExp(`^dependency_down\\{[^}]*service="${service}"[^}]*\\} 1`, 'm').test(page)) return true;
  }
  return undefined;
}
