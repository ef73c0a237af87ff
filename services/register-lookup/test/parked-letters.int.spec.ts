import 'reflect-metadata';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually } from '@postgang/testing';
import { HeldSenders } from '../src/index.js';
import {
  AGENCIES,
  AGENCY,
  database,
  databaseUrl,
  ended,
  gate,
  letters,
  metric,
  person,
  refusalOf,
  resetRig,
  restart,
  routed,
  routeOf,
  send,
  serviceIsReady,
  setAside,
  startRig,
  stopRig,
} from './rig.js';

const BAD_LIST = AGENCIES[1];
/** So many refusals of one sender are a flood (runtime: DEFAULT_FLOOD_LIMITS). */
const FLOOD = 200;

let held: HeldSenders;
beforeAll(async () => {
  await startRig();
  held = await HeldSenders.open(databaseUrl);
}, 60_000);
afterAll(async () => {
  await held.close();
  await stopRig();
}, 30_000);
beforeEach(resetRig);

const waiting = async (sender: string): Promise<number> =>
  (await held.list()).find((one) => one.sender === sender)?.letters ?? 0;

describe('one agency with a bad address list', () => {
  const list = Array.from({ length: 400 }, () => letters.letter(BAD_LIST, person('unknown-address'), 'ENKELTVEDTAK'));

  it('stops its own letters only: they are parked, not refused, and those of others go', async () => {
    const free = letters.letter(AGENCY, person('digipost'), 'ENKELTVEDTAK');
    await send([...list, free]);
    await routeOf(free);
    await eventually('every letter refused or parked', async () =>
      list.filter(ended).length + (await waiting(BAD_LIST)) === list.length ? true : undefined,
    );
    const { rows } = await database.query('SELECT letter_id FROM route WHERE letter_id = ANY($1)', [
      list.map(({ letterId }) => letterId),
    ]);
    // what came in small calls before it was a flood; of the rest nothing is stored
    expect(rows.length).toBe(list.filter(ended).length);
    expect(rows.length).toBeLessThan(FLOOD);
    expect(serviceIsReady()).toBe(true);
    await eventually('the gauge', async () =>
      (await metric('letters_parked', `sender="${BAD_LIST}"`)) === list.length - rows.length ? true : undefined,
    );
    expect(setAside).toEqual([]);
  }, 40_000);

  it('stays stopped after a restart, its letters without a question to a register, and holds up nobody', async () => {
    await restart();
    const before = await waiting(BAD_LIST);
    const more = letters.letter(BAD_LIST, person('digipost'), 'ENKELTVEDTAK');
    const free = letters.letter(AGENCY, person('eboks'), 'ENKELTVEDTAK');
    await send([more, free]);
    await routeOf(free);
    await eventually('the letter parked', async () => ((await waiting(BAD_LIST)) === before + 1 ? true : undefined));
    expect(gate.calls.filter(({ sender }) => sender === BAD_LIST)).toEqual([]);
    list.push(more);
  }, 40_000);

  it('goes on by an operator’s word, whatever becomes of its letters, and is not stopped by them again', async () => {
    expect(await held.release(BAD_LIST)).toBe(true);
    expect(await held.release(BAD_LIST)).toBe(false);
    await eventually('every letter', () => (list.every(ended) ? true : undefined), 40_000);
    const good = list.at(-1);
    expect(routed.filter(({ event }) => list.some(({ letterId }) => letterId === event.letter.letterId))).toMatchObject(
      [{ event: { letter: { letterId: good?.letterId } } }],
    );
    expect((await refusalOf(list[0] as (typeof list)[0])).event.reason).toBe('no-postal-address');
    await eventually('an empty gauge', async () =>
      (await metric('letters_parked', `sender="${BAD_LIST}"`)) === 0 && (await waiting(BAD_LIST)) === 0
        ? true
        : undefined,
    );
    // through the first tier, without an attempt burnt
    expect(setAside.every(({ topic, attempt }) => topic.endsWith('retry.10s') && attempt === '0')).toBe(true);
    expect(await held.release(AGENCY)).toBe(false);
  }, 60_000);
});
