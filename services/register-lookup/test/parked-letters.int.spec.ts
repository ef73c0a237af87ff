import 'reflect-metadata';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Letter } from '@postgang/pipeline';
import { eventually } from '@postgang/testing';
import { PAPER_WAITS } from '../src/db/parked-letters.js';
import { HeldSenders } from '../src/index.js';
import type { Call } from './register-gate.js';
import {
  admin,
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

const isRouted = ({ letterId }: Letter): boolean => routed.some(({ event }) => event.letter.letterId === letterId);
const all = (what: string, list: readonly Letter[]): Promise<unknown> =>
  eventually(what, () => (list.every(isRouted) ? true : undefined));
const parkedFor = (sender: string, why: string, count: number): Promise<unknown> =>
  eventually(`${count} parked`, async () =>
    (await held.list()).some((one) => one.sender === sender && one.why === why && one.letters === count)
      ? true
      : undefined,
  );
/** None was tried later as a failure, none died, and the way back burnt no attempt. */
const expectNoAttemptBurnt = (list: readonly Letter[]): void => {
  const ids = new Set(list.map(({ letterId }) => letterId));
  const seen = setAside.filter(({ letterId }) => ids.has(letterId));
  expect(seen.length).toBeGreaterThanOrEqual(list.length);
  for (const { topic, attempt, failure } of seen)
    expect([topic.endsWith('.retry.10s'), attempt, failure]).toEqual([true, '0', undefined]);
};

describe('an agency without access', () => {
  /** Never delegated anything to the operator. */
  const STRANGER = '310000302';
  const alternating = (blocked: string, recipient: string): { theirs: Letter[]; ours: Letter[] } => {
    const twenty = (sender: string): Letter[] =>
      Array.from({ length: 20 }, () => letters.letter(sender, person(recipient), 'ENKELTVEDTAK'));
    return { theirs: twenty(blocked), ours: twenty(AGENCY) };
  };

  it.each([401, 403])(
    '(%i from the contact register) waits, others in the same batch go at once, and it goes on by itself',
    async (status) => {
      const together = new Set<string>();
      gate.instead = ({ sender }) => {
        together.add(sender);
        return sender === AGENCIES[2] ? { status, body: '{}' } : undefined;
      };
      const { theirs, ours } = alternating(AGENCIES[2], 'digipost');
      await send(theirs.flatMap((letter, index) => [letter, ours[index] as Letter]));
      await all('the letters of the other agency', ours);
      await parkedFor(AGENCIES[2], 'no-access-to-krr', theirs.length);
      expect(together).toEqual(new Set([AGENCY, AGENCIES[2]]));
      expect(theirs.filter(ended)).toEqual([]);
      expect(setAside).toEqual([]);
      await eventually('the gauge', async () =>
        (await metric('letters_parked', 'no-access-to-krr')) === theirs.length ? true : undefined,
      );
      const asked = gate.lookups.length;
      await eventually('a vain probe', () => (gate.lookups.length > asked ? true : undefined));
      expect(gate.lookups.at(-1)?.ids).toHaveLength(1);
      gate.reset();
      await all('the parked letters', theirs);
      expectNoAttemptBurnt(theirs);
      await eventually('an empty gauge', async () =>
        (await metric('letters_parked', 'no-access-to-krr')) === 0 ? true : undefined,
      );
    },
    40_000,
  );

  it('(which never delegated) waits until it does', async () => {
    const { theirs, ours } = alternating(STRANGER, 'eboks');
    await send([...theirs, ...ours]);
    await all('the letters of the other agency', ours);
    await parkedFor(STRANGER, 'no-access-to-krr', theirs.length);
    await admin('POST', '/admin/agencies', { agencies: [...AGENCIES, STRANGER] });
    await all('the parked letters', theirs);
    expectNoAttemptBurnt(theirs);
  }, 40_000);

  it('to the population register still sends to mailboxes; what must go on paper waits, and is not refused', async () => {
    gate.instead = ({ sender, path }) =>
      sender === AGENCIES[2] && path.includes('folkeregisteret') ? { status: 403, body: '{}' } : undefined;
    const paper = letters.letter(AGENCIES[2], person('no-mailbox'), 'ENKELTVEDTAK');
    const digital = letters.letter(AGENCIES[2], person('digipost'), 'ENKELTVEDTAK');
    await send([paper, digital]);
    await all('the digital letter', [digital]);
    await parkedFor(AGENCIES[2], 'no-access-to-folkeregisteret', 1);
    expect(ended(paper)).toBe(false);
    gate.reset();
    expect((await routeOf(paper)).event.channel).toBe('PRINT');
    expectNoAttemptBurnt([paper]);
  }, 40_000);

  it('to the print certificate does not park the letters of one that has it', async () => {
    await restart();
    gate.instead = ({ sender, path }) =>
      sender === AGENCIES[2] && path === '/rest/v2/printSertifikat' ? { status: 403, body: '{}' } : undefined;
    const blocked = letters.letter(AGENCIES[2], person('no-mailbox'), 'ENKELTVEDTAK');
    const free = letters.letter(AGENCY, person('no-mailbox'), 'ENKELTVEDTAK');
    await send([blocked, free]);
    await all('both: one certificate serves all', [blocked, free]);
    expect((await held.list()).filter(({ sender }) => sender === AGENCY)).toEqual([]);
  }, 40_000);
});

describe('refusals of many agencies at once', () => {
  const MANY = ['310000418', '310000426', '310000434', '310000442', '310000450', '310000469'];

  it('stop the consumer with nothing stored that was not published, and go on when the operator restarts it so', async () => {
    await restart();
    await admin('POST', '/admin/agencies', { agencies: [...AGENCIES, ...MANY] });
    const list = Array.from({ length: 360 }, (_, index) =>
      letters.letter(MANY[index % MANY.length] as string, person('unknown-address'), 'ENKELTVEDTAK'),
    );
    await send(list);
    await eventually('the stop', () => (serviceIsReady() ? undefined : true));
    const stored = async (): Promise<number> => {
      const ids = list.map(({ letterId }) => letterId);
      return (await database.query('SELECT FROM route WHERE letter_id = ANY($1)', [ids])).rowCount ?? 0;
    };
    expect(await stored()).toBeLessThan(200);
    expect(await held.list()).toEqual([]);
    await restart({ FLOOD_SHARE: '1' });
    await eventually('every refusal', () => (list.every(ended) ? true : undefined));
    expect(await stored()).toBe(list.length);
    expect(serviceIsReady()).toBe(true);
  }, 60_000);
});

describe('while the register of addresses is away', () => {
  const isPaper = ({ path }: Call): boolean => path.includes('folkeregisteret');
  const some = (recipient: string, count: number, sender = AGENCY): Letter[] =>
    Array.from({ length: count }, () => letters.letter(sender, person(recipient), 'ENKELTVEDTAK'));
  const away = (state: number): Promise<unknown> =>
    eventually(`dependency_down ${state}`, async () =>
      (await metric('dependency_down', 'folkeregisteret')) === state ? true : undefined,
    );

  it('letters to mailboxes go, those on paper wait, none is refused for want of an address, and all go when it is back', async () => {
    gate.instead = (call) => (isPaper(call) ? 'cut' : undefined);
    const paper = [...some('no-mailbox', 5), ...some('no-mailbox', 5, AGENCIES[2])];
    await send([...paper, ...some('digipost', 5)]);
    for (const sender of [AGENCY, AGENCIES[2]]) await parkedFor(sender, PAPER_WAITS, 5);
    const later = some('digipost', 5);
    await send(later);
    await all('those to mailboxes', later);
    await away(1);
    const asked = gate.calls.filter(isPaper).length;
    await eventually('vain probes', () => (gate.calls.filter(isPaper).length >= asked + 2 ? true : undefined));
    expect(paper.filter(ended)).toEqual([]);
    gate.reset();
    await all('those on paper', paper);
    expectNoAttemptBurnt(paper);
    await away(0);
  }, 60_000);

  it('and answers about nobody when it is back, those that were asked about go on alone, as letters that fail', async () => {
    gate.instead = (call) => (isPaper(call) ? 'cut' : undefined);
    const [missing] = some('no-mailbox', 1) as [Letter];
    await send([missing]);
    await parkedFor(AGENCY, PAPER_WAITS, 1);
    gate.instead = (call) => (isPaper(call) ? { status: 200, body: '{"oppslag":[]}' } : undefined);
    const failed = await eventually('the failure', () =>
      setAside.find(({ letterId, attempt }) => letterId === missing.letterId && attempt === '1'),
    );
    expect(failed.failure).toContain('missing');
    gate.reset();
    expect((await routeOf(missing)).event.channel).toBe('PRINT');
  }, 60_000);

  it('for one person only (500) it is back for the others, and that letter is tried like any that fails', async () => {
    const [broken] = some('no-mailbox', 1) as [Letter];
    const person_ = person('no-mailbox');
    gate.instead = (call) => (isPaper(call) && call.ids.includes(person_) ? { status: 500, body: '{}' } : undefined);
    await send([broken]);
    await parkedFor(AGENCY, PAPER_WAITS, 1);
    const others = some('reserved', 3);
    await send(others);
    await all('those of others', others);
    expect(ended(broken)).toBe(false);
    gate.reset();
    await all('that one', [broken]);
  }, 60_000);
});
