import { describe, expect, it } from '@jest/globals';
import { messageIdOf, uuidv5 } from '@postgang/pipeline';
import type { EffectState } from '@postgang/runtime';
import fc from 'fast-check';
import type { Entry } from '../src/audit/chain.js';
import { reconcile as reconcileRead, SETTLES_MS, type Verdict, type When } from '../src/audit/reconcile.js';
import { asRead, booked, chained, neverRead, STORIES, type Booked } from './booked-letters.js';
import { FAULTS, HOUR, letterOf, NOW, PLANTED, WHEN } from './planted-faults.js';

const causes = (letter: Booked): string[] => reconcile(letter, WHEN).imbalances.map(({ cause }) => cause);

/** Given up after all attempts; then an operator had its record sent again, and the ledger came as far as that. */
function sentAgain(state: EffectState): Booked {
  const letter = letterOf('handed-over');
  const [accepted, routed, sealed, handedOver] = letter.history as [Entry, Entry, Entry, Entry];
  const data = Buffer.from('{"particulars":{"reason":"provider-unreachable","stage":"provider-dispatch"}}');
  const givenUp = { ...handedOver, kind: 'leg-refused', eventId: uuidv5(letter.id, 'leg-refused'), data };
  const entries = [accepted, routed, sealed, givenUp, ...(state === 'HANDED_OVER' ? [handedOver] : [])];
  letter.history = chained(
    letter.id,
    entries.map((entry, index) => ({ ...entry, seq: index + 1 })),
  );
  const { seq, hash } = letter.history.at(-1) as Entry;
  letter.letter = { ...(letter.letter as NonNullable<Booked['letter']>), seq, headHash: hash };
  letter.effects = letter.effects.map((effect) => ({ ...effect, state }));
  return state === 'HANDED_OVER' ? letter : Object.assign(letter, { ...refused(letter), awaited: [], reported: [] });
}

const refused = ({ legs, letter }: Booked) => ({
  legs: legs.map((leg) => ({ ...leg, state: 'Refused' })),
  letter: letter === null ? null : { ...letter, status: 'REFUSED' },
});

const reconcile = (letter: Booked, when: When): Verdict => reconcileRead(asRead(letter), when);

describe('the books of a letter', () => {
  it.each(STORIES)('close for one that is %s', (story) => {
    const { ending, imbalances } = reconcile(letterOf(story), WHEN);
    expect(imbalances).toEqual([]);
    expect(ending).not.toBe('unaccounted');
  });

  it('name every end in the sum', () => {
    const endings = Object.fromEntries(STORIES.map((story) => [story, reconcile(letterOf(story), WHEN).ending]));
    expect(endings).toEqual({
      ...{
        accepted: 'in-flight',
        parked: 'in-flight',
        routed: 'in-flight',
        sealed: 'in-flight',
        'handed-over': 'in-flight',
        'adapter-taken': 'in-flight',
      },
      ...{
        'received-for-print': 'in-flight',
        delivered: 'delivered',
        opened: 'delivered',
        notified: 'delivered',
        'adapter-delivered': 'delivered',
        posted: 'posted',
      },
      ...{
        refused: 'ended-otherwise',
        'leg-refused': 'ended-otherwise',
        'adapter-refused': 'ended-otherwise',
        failed: 'ended-otherwise',
        returned: 'ended-otherwise',
      },
    });
  });

  it.each(PLANTED)('tell "%s" of a letter that is %s, and nothing else', (fault, story) => {
    const { plant, cause, says } = FAULTS[fault] as (typeof FAULTS)[string];
    const letter = letterOf(story);
    plant(letter);
    const { imbalances, ending } = reconcile(letter, WHEN);
    expect(imbalances).toEqual([{ letterId: letter.id, cause, says: expect.stringMatching(says) }]);
    // what never came in is in no sum
    if (letter.intake === null && story === 'accepted') expect(ending).toBe('unaccounted');
  });

  it('of any mailing tell the one letter that a fault was planted in, and none when there was none', () => {
    const mailing = fc.array(fc.constantFrom(...STORIES), { minLength: 1, maxLength: 12 });
    const fault = fc.constantFrom(undefined, ...PLANTED);
    fc.assert(
      fc.property(mailing, fault, fc.nat(), (stories, one, place) => {
        const letters = stories.map((story, index) => letterOf(story, `mailing-${index}`));
        const at = one === undefined ? -1 : place % (letters.length + 1);
        if (one !== undefined) {
          const letter = letterOf(one[1]);
          (FAULTS[one[0]] as (typeof FAULTS)[string]).plant(letter);
          letters.splice(at, 0, letter);
        }
        const found = letters.flatMap((letter) => reconcile(letter, WHEN).imbalances);
        const expected = one === undefined ? [] : [{ letterId: letters[at]?.id, cause: FAULTS[one[0]]?.cause }];
        expect(found.map(({ letterId, cause }) => ({ letterId, cause }))).toEqual(expected);
      }),
      { numRuns: 300 },
    );
  });

  it('count a letter as unaccounted for whose row says what its history does not', () => {
    const told = PLANTED.filter(([fault]) =>
      ['missing-in-receipts', 'rows-disagree'].includes(FAULTS[fault]?.cause ?? ''),
    );
    for (const [fault, story] of told.filter(([fault]) => fault !== 'letter row deleted in receipts')) {
      const letter = letterOf(story);
      FAULTS[fault]?.plant(letter);
      expect({ fault, story, ending: reconcile(letter, WHEN).ending }).toEqual({ fault, story, ending: 'unaccounted' });
    }
  });

  it('wait for what was written a moment ago to be told on', () => {
    const letter = booked('handed-over', 'young', NOW - 4 * 60_000, NOW + HOUR);
    neverRead(letter, (kind) => kind !== 'accepted');
    Object.assign(letter, { legs: [], awaited: [], reported: [], letter: { ...letter.letter, status: 'ACCEPTED' } });
    expect(reconcile(letter, WHEN)).toEqual({ ending: 'in-flight', imbalances: [] });
    const later = { ...WHEN, now: NOW + SETTLES_MS, databaseNow: NOW + SETTLES_MS };
    expect(reconcile(letter, later).imbalances.map(({ cause }) => cause)).toContain('skipped-by-receipts');
  });

  describe('of one that was given up and sent again', () => {
    it('close while the ledger has it under way, and ask of it what they ask of any other once it is handed over', () => {
      for (const state of ['QUEUED', 'INTENDED', 'UNCERTAIN', 'PARKED'] as const)
        expect(reconcile(sentAgain(state), WHEN)).toEqual({ ending: 'in-flight', imbalances: [] });
      expect(reconcile(sentAgain('FAILED'), WHEN)).toEqual({ ending: 'ended-otherwise', imbalances: [] });
      const again = sentAgain('HANDED_OVER');
      expect(reconcile(again, WHEN)).toEqual({ ending: 'in-flight', imbalances: [] });
      const late = again.awaited.map((one) => ({ ...one, dueAt: NOW - 1 }));
      expect(causes({ ...again, awaited: late })).toEqual(['overdue']);
      expect(causes({ ...again, awaited: [] })).toEqual(['nothing-awaited']);
    });

    it('tell of a hand-over that its history does not know, or that left its row as it was', () => {
      const untold = sentAgain('HANDED_OVER');
      neverRead(untold, (kind) => kind === 'handed-over');
      Object.assign(untold, { ...refused(untold), awaited: [] });
      expect(reconcile(untold, WHEN)).toMatchObject({
        ending: 'unaccounted',
        imbalances: [{ cause: 'skipped-by-receipts' }],
      });
      const unmoved = sentAgain('HANDED_OVER');
      Object.assign(unmoved, { ...refused(unmoved), awaited: [] });
      expect(causes(unmoved)).toEqual(['rows-disagree']);
    });
  });

  it('do not ask the ledger about a provider that has an adapter of its own', () => {
    const letter = letterOf('sealed');
    letter.effects = [];
    expect(reconcile(letter, { ...WHEN, owned: new Set(['print']) }).imbalances).toEqual([]);
  });

  it('take the report of a provider that has an adapter of its own for the hand-over, and see a second one in it', () => {
    const letter = letterOf('adapter-delivered');
    const line = {
      messageId: messageIdOf(letter.id, 1),
      leg: 1,
      at: NOW - HOUR,
      status: 'delivered',
      times: 1,
    } as const;
    expect(reconcile({ ...letter, reported: [line] }, WHEN).imbalances).toEqual([]);
    const again = { ...line, messageId: uuidv5(letter.id, 'again') };
    expect(reconcile({ ...letter, reported: [line, again] }, WHEN).imbalances).toEqual([
      { letterId: letter.id, cause: 'doubled', says: expect.stringMatching(/provider has leg 1 a second time/) },
    ]);
    const returned = { ...line, status: 'returned' } as const;
    expect(reconcile({ ...letter, reported: [returned] }, WHEN).imbalances).toMatchObject([{ cause: 'receipt-lost' }]);
  });
});
