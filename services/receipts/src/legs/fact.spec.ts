import { describe, expect, it } from '@jest/globals';
import { letterIdOf, type LetterRedriven } from '@postgang/pipeline';
import type { Received } from '@postgang/runtime';
import { factOf, type Fact } from './fact.js';
import { fold } from './fold.js';
import { newLetter } from './letter.js';

const LETTER = letterIdOf('991825827', 'fact');
const NOW = new Date(1_795_478_500_000);
const PLAN = '5a3c2b1d-7e6f-4a5b-9c8d-000000000001';
const redriven = (more: Partial<LetterRedriven> = {}): Received =>
  ({
    id: '1c8d2e3f-4a5b-5c6d-9e7f-000000000001',
    key: LETTER,
    subject: 'letter.redriven.v1',
    event: {
      letterId: LETTER,
      plan: PLAN,
      step: 'SENT',
      service: 'register-lookup',
      originTopic: 'letter.accepted.v1',
      recordId: '1c8d2e3f-4a5b-5c6d-9e7f-000000000002',
      reason: null,
      operator: 'ops-7',
      at: 1_795_478_400_000,
      ...more,
    },
  }) as unknown as Received;

describe('a step of a redrive', () => {
  it('is written into the history with its plan, not with who did it, and moves nothing', () => {
    const letter = { ...newLetter(LETTER), sender: '991825827', reference: 'fact', status: 'DELIVERED' as const };
    const leg = {
      ...{ letterId: LETTER, n: 1, conversationId: LETTER, channel: 'digital' as const, provider: 'digipost' },
      ...{ providerOrganisation: '984661185', sealedAt: null, state: 'Delivered' as const, reason: null, detail: null },
    };
    const known = { letter, legs: [leg], expectations: [], waiting: [], recorded: new Set<string>() };
    const folded = fold(known, [factOf(redriven(), NOW) as Fact]);
    expect(folded.letter.status).toBe('DELIVERED');
    expect(folded.legs).toEqual([]);
    expect(folded.entries.map(({ kind, data }) => [kind, JSON.parse(data.toString()) as unknown])).toEqual([
      [
        'redriven',
        {
          particulars: {
            plan: PLAN,
            step: 'SENT',
            service: 'register-lookup',
            originTopic: 'letter.accepted.v1',
            recordId: '1c8d2e3f-4a5b-5c6d-9e7f-000000000002',
          },
        },
      ],
    ]);
  });

  it('tells why a record was left out', () => {
    expect(factOf(redriven({ step: 'SUPPRESSED', reason: 'handed-over' }), NOW)?.particulars).toMatchObject({
      step: 'SUPPRESSED',
      reason: 'handed-over',
    });
  });

  it('leaves out what may be somebody’s own words', () => {
    expect(factOf(redriven({ step: 'SUPPRESSED', reason: 'Kari says so' }), NOW)?.particulars).not.toHaveProperty(
      'reason',
    );
  });

  it('is refused when it names no letter', () => {
    expect(() => factOf(redriven({ letterId: 'all of them' }), NOW)).toThrow('the letter id is not a UUID');
  });
});

describe('a fact that another host’s clock puts into the future', () => {
  it('keeps its time, and deadlines count from now', () => {
    const ahead = NOW.getTime() + 3_600_000;
    expect(factOf(redriven({ at: ahead }), NOW)).toMatchObject({ at: new Date(ahead), since: NOW });
    expect(factOf(redriven(), NOW)).not.toHaveProperty('since');
  });
});

describe('a hand-over that an operator has settled', () => {
  it('is written into the history as an operator’s word, without the words', () => {
    const dispatched = { letterId: LETTER, leg: 1, messageId: LETTER, attempts: 1, settled: true, handedOverAt: 1 };
    const told = (operatorNote: string | null) =>
      factOf(
        { ...redriven(), subject: 'letter.dispatched.v1', event: { ...dispatched, operatorNote } } as Received,
        NOW,
      );
    // as the version before published it
    expect(told('Kari Nordmann saw it in the log')?.particulars).toEqual({
      ...{ messageId: LETTER, attempts: 1, settled: true, settledBy: 'operator' },
    });
    expect(told(null)?.particulars).not.toHaveProperty('settledBy');
  });
});
