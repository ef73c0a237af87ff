import 'reflect-metadata';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Letter } from '@postgang/pipeline';
import { personFor } from '@postgang/sandbox';
import { eventually } from '@postgang/testing';
import type { RegisterGate } from './register-gate.js';
import {
  AGENCIES,
  AGENCY,
  ended,
  gate,
  letters,
  metric,
  person,
  prefix,
  resetRig,
  restart,
  routeOf,
  sandbox,
  SEED,
  send,
  setAside,
  startRig,
  stopRig,
} from './rig.js';

const MOST_ANSWER_BYTES = 33 * 1024 * 1024;

// a register that says nothing is waited for this long
beforeAll(() => startRig(1_500), 60_000);
afterAll(stopRig, 30_000);
beforeEach(resetRig);

describe('an answer that is none', () => {
  const waits = async (wrong: RegisterGate['instead'], vain = 2): Promise<void> => {
    let count = 0;
    gate.instead = (call) => {
      count++;
      return wrong(call);
    };
    const letter = letters.letter(AGENCY, person('digipost'), 'ENKELTVEDTAK');
    await send([letter]);
    await eventually('vain calls', () => (count >= vain ? true : undefined));
    expect(ended(letter)).toBe(false);
    gate.reset();
    expect((await routeOf(letter)).event.provider).toBe('digipost');
    expect(setAside).toEqual([]);
  };
  const answering = (status: number, body: unknown) => (): { status: number; body: string } => ({
    status,
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });

  it.each<[string, RegisterGate['instead']]>([
    ['rubbish', answering(200, '<html>Vedlikehold</html>')],
    ['JSON of another shape', answering(200, { persons: [] })],
    ['a server error', answering(500, 'java.lang.NullPointerException')],
    ['a redirect to a log-in page', answering(302, '')],
    ['more bytes than anybody needs', answering(200, ' '.repeat(MOST_ANSWER_BYTES))],
    ['nothing at all', () => 'silent'],
    ['a cut connection', () => 'cut'],
  ])('%s: the letter waits, no attempt is burnt', (_name, wrong) => waits(wrong), 30_000);

  /** One letter each, in one and the same call of the register: calls without all of them are cut. */
  async function together(ids: readonly string[]): Promise<Letter[]> {
    const list = ids.map((id) => letters.letter(AGENCY, id, 'ENKELTVEDTAK'));
    const { instead } = gate;
    let met = false;
    gate.instead = (call) => {
      met ||= ids.every((id) => call.ids.includes(id));
      return met ? instead(call) : 'cut';
    };
    await send(list);
    await eventually('a common call', () => (met ? true : undefined));
    return list;
  }
  const asideOf = (letter: Letter): Promise<{ topic: string; failure: string | undefined }> =>
    eventually('the retry', () => setAside.find(({ letterId }) => letterId === letter.letterId));

  const MUTED = person('eboks');
  it.each<[string, (answer: Record<string, unknown>) => Record<string, unknown>[], string]>([
    ['left out', () => [], 'missing'],
    ['told twice, in two ways', (one) => [one, { ...one, reservasjon: 'JA' }], 'not understood'],
    ['told with a status nobody knows', (one) => [{ ...one, status: 'UTGÅTT' }], 'not understood at status'],
    ['told with a certificate that is none', (one) => [{ ...one, sertifikat: 'MIIB' }], 'not understood at sertifikat'],
    ['told without reservation', ({ reservasjon: _left, ...one }) => [one], 'not understood at reservasjon'],
  ])('about one person (%s): that letter is tried later, the others go', async (_name, alter, failure) => {
    gate.alter = ({ personer }) => ({
      personer: personer.flatMap((one) => (one['personidentifikator'] === MUTED ? alter(one) : [one])),
    });
    const [well, muted] = (await together([person('digipost'), MUTED])) as [Letter, Letter];
    await routeOf(well);
    const aside = await asideOf(muted);
    expect(aside.topic).toBe(`${prefix}register-lookup.retry.10s`);
    expect(aside.failure).toContain(failure);
    expect(aside.failure).not.toContain(MUTED);
    expect(ended(muted)).toBe(false);
  });

  it.each([
    ['whom the register refuses to be asked about', 400, 'will not be asked about this person', 1],
    ['on whom the register breaks', 500, 'breaks when it is asked about this person', 2],
  ] as const)(
    'about one person %s: that letter is tried later, the others go',
    async (_name, status, failure, alone) => {
      // it has not been searched lately
      await restart();
      gate.instead = ({ ids }) => (ids.includes(MUTED) ? { status, body: '{}' } : undefined);
      const others = Array.from({ length: 30 }, (_, index) => personFor(SEED, 9_000 + index).nationalId);
      const list = await together([...others.slice(0, 11), MUTED, ...others.slice(11)]);
      const muted = list[11] as Letter;
      await Promise.all(
        list
          .filter((letter) => letter !== muted)
          .map((letter) => eventually('an end', () => (ended(letter) ? true : undefined))),
      );
      expect((await asideOf(muted)).failure).toContain(failure);
      expect(ended(muted)).toBe(false);
      expect(gate.lookups.filter(({ ids }) => ids.length === 1 && ids[0] === MUTED)).toHaveLength(alone);
    },
  );

  it.each<[string, RegisterGate['instead'], number]>([
    ['an empty list', answering(200, { personer: [] }), 3],
    ['a refusal of every question', answering(400, '{}'), 7],
  ])('%s, whoever is asked about: the letters wait, no attempt is burnt', async (_name, wrong, vain) => {
    // whom it answered about after the outage before must not speak for it
    await restart();
    let count = 0;
    let halves = 0;
    let over = false;
    gate.instead = (call) => {
      count++;
      // a question that is asked in halves is answered one way: who is answered about in the middle of it would speak for the register
      const whole = halves === 0 || call.ids.length > 1;
      if (whole && over) return undefined;
      halves = call.ids.length > 1 ? 2 : Math.max(0, halves - 1);
      return wrong(call);
    };
    const list = await together([person('digipost'), MUTED]);
    await eventually('vain calls', () => (count >= vain ? true : undefined));
    expect(list.filter(ended)).toEqual([]);
    over = true;
    await Promise.all(list.map(routeOf));
    expect(setAside).toEqual([]);
  });

  it.each<[string, () => void, string]>([
    [
      'left out',
      () => {
        gate.alter = ({ personer }) => ({ personer: personer.filter((one) => one['personidentifikator'] !== MUTED) });
      },
      'missing',
    ],
    [
      'refused (400)',
      () => {
        gate.instead = ({ ids }) => (ids.includes(MUTED) ? { status: 400, body: '{}' } : undefined);
      },
      'will not be asked about this person',
    ],
  ])(
    'about the only person of an agency (%s): that letter goes through the tiers, alone too, and those of another agency go',
    async (_name, arm, failure) => {
      const [agency, other] = AGENCIES;
      arm();
      const muted = letters.letter(agency, MUTED, 'ENKELTVEDTAK');
      const rest = Array.from({ length: 20 }, (_, index) =>
        letters.letter(other, personFor(SEED, 9_100 + index).nationalId, 'ENKELTVEDTAK'),
      );
      await send([muted, ...rest]);
      await Promise.all(rest.map((letter) => eventually('an end', () => ended(letter) || undefined)));
      const tiers = (): string[] =>
        setAside.filter(({ letterId }) => letterId === muted.letterId).map(({ topic }) => topic.slice(prefix.length));
      await eventually('the second retry', () => tiers().length === 2 || undefined, 40_000);
      expect(tiers()).toEqual(['register-lookup.retry.10s', 'register-lookup.retry.1m']);
      expect((await asideOf(muted)).failure).toContain(failure);
      expect(ended(muted)).toBe(false);
    },
    60_000,
  );

  it('a refused token is fetched anew before the agency is blamed', async () => {
    let refusals = 0;
    gate.instead = () => (refusals++ === 0 ? { status: 401, body: '{}' } : undefined);
    const letter = letters.letter(AGENCY, person('digipost'), 'ENKELTVEDTAK');
    const before = sandbox.counts.tokens.issued;
    await send([letter]);
    await routeOf(letter);
    expect(sandbox.counts.tokens.issued).toBe(before + 1);
    expect(setAside).toEqual([]);
  });

  it('Maskinporten that rejects our own certificate: no agency is blamed, no attempt is burnt', async () => {
    sandbox.fault({ system: 'maskinporten', mode: 'status', status: 401 });
    const letter = letters.letter(AGENCIES[2], person('digipost'), 'ENKELTVEDTAK');
    await send([letter]);
    await eventually('the outage', async () =>
      (await metric('dependency_down', 'maskinporten')) === 1 ? true : undefined,
    );
    sandbox.fault({ system: 'maskinporten', mode: 'none' });
    await routeOf(letter);
    expect(setAside).toEqual([]);
  });
});
