import { describe, expect, it } from '@jest/globals';
import { REFUSALS } from '../words.js';
import { causeOf, CAUSES, FEWEST_SAMPLES, isLate } from './causes.js';
import { explain } from './explain.js';
import { turnOf, type ServiceState, type Situation, type Turn } from './situation.js';

const NOW = new Date('2026-11-20T12:00:00Z');
const ago = (ms: number): Date => new Date(NOW.getTime() - ms);
const MINUTE = 60_000;

/** A letter that was accepted a moment ago, all well. */
const accepted: Situation = {
  now: NOW,
  silent: [],
  acceptedAt: ago(500),
  published: true,
  status: 'ACCEPTED',
  refusal: undefined,
  routed: false,
  leg: undefined,
  awaited: undefined,
  effect: undefined,
  lane: undefined,
  parked: undefined,
  notice: 'none',
  setAside: undefined,
  strays: 0,
  pulledUntil: ago(5_000),
  othersAnswered: false,
  usual: { samples: 200, p50Ms: 1_000, p95Ms: 4_000 },
  retry: undefined,
  dead: undefined,
  services: {},
};
type Leg = NonNullable<Situation['leg']>;
const leg = (state: Leg['state'], reason: string | null = null, channel: Leg['channel'] = 'digital'): Leg => ({
  n: 1,
  channel,
  provider: channel === 'print' ? 'print' : 'digipost',
  state,
  reason,
});
const effect = (
  state: NonNullable<Situation['effect']>['state'],
  reason: string | null = null,
): Situation['effect'] => ({ provider: 'digipost', state, reason, since: ago(MINUTE), notBefore: NOW });
const owed = (awaits: Leg['state'], from: string, since: Date): Situation['awaited'] => ({
  awaits,
  from,
  since,
  dueAt: new Date(since.getTime() + 86_400_000),
});
const service = (turn: Turn, state: ServiceState): Situation['services'] => ({ [turn]: state });

const old: Situation = { ...accepted, acceptedAt: ago(MINUTE) };
const routed: Situation = {
  ...old,
  status: 'ROUTED',
  leg: leg('Routed'),
  awaited: owed('Sealed', 'postgang', ago(MINUTE)),
};
const queued: Situation = {
  ...old,
  status: 'SEALED',
  leg: leg('Sealed'),
  awaited: owed('HandedOver', 'postgang', ago(MINUTE)),
  effect: effect('QUEUED'),
};
const handedOver: Situation = {
  ...old,
  status: 'HANDED_OVER',
  leg: leg('HandedOver'),
  effect: effect('HANDED_OVER'),
  awaited: owed('Delivered', 'digipost', ago(1_000)),
};
const overdue: Situation = { ...handedOver, awaited: owed('Delivered', 'digipost', ago(MINUTE)) };
const delivered: Situation = { ...handedOver, status: 'DELIVERED', leg: leg('Delivered'), awaited: undefined };
const ordered: Situation = { ...delivered, notice: 'awaited' };
const aside = (which: Turn, failure: string, dueAt: Date | null): Situation['retry'] => ({
  service: which,
  failure,
  attempts: 2,
  dueAt,
});

const TABLE: readonly (readonly [cause: string, what: string, situation: Situation])[] = [
  [
    'notice-waits-for-mail-server',
    'smtp is away',
    { ...ordered, services: service('notification', { down: ['smtp'] }) },
  ],
  ['notice-waits-for-register', 'krr is away', { ...ordered, services: service('notification', { down: ['krr'] }) }],
  ['notice-not-sent', 'no address', { ...delivered, notice: 'not-sent' }],
  ['notice-on-its-way', 'not reported yet', ordered],
  ['service-down', 'notification is down', { ...ordered, services: service('notification', { alive: false }) }],
  ['refused', 'no address', { ...accepted, status: 'REFUSED', refusal: 'no-postal-address' }],
  [
    'package-cannot-be-handed-over',
    'not the package that was sealed',
    {
      ...queued,
      status: 'REFUSED',
      leg: leg('Refused', 'provider-unreachable'),
      effect: effect('FAILED', 'cannot-be-handed-over'),
    },
  ],
  [
    'given-up-at-provider',
    'twenty attempts',
    {
      ...queued,
      status: 'REFUSED',
      leg: leg('Refused', 'provider-unreachable'),
      effect: effect('FAILED', 'status-500'),
    },
  ],
  [
    'sent-again-after-given-up',
    'redriven',
    { ...queued, status: 'REFUSED', leg: leg('Refused', 'provider-unreachable'), effect: effect('QUEUED') },
  ],
  ['refused-by-provider', 'a no', { ...queued, status: 'REFUSED', leg: leg('Refused', 'provider-refused') }],
  ['failed-at-provider', 'feil', { ...delivered, status: 'FAILED', leg: leg('Failed', 'provider-client-error') }],
  ['returned', 'came back', { ...delivered, status: 'RETURNED', leg: leg('Returned', 'returned', 'print') }],
  ['done', 'delivered', delivered],
  ['done', 'posted', { ...delivered, status: 'POSTED', leg: leg('Posted', null, 'print') }],
  [
    'database-away',
    'nothing can be read',
    { ...accepted, acceptedAt: undefined, status: undefined, silent: ['database'] },
  ],
  ['database-away', 'for the service only', { ...old, services: service('register-lookup', { down: ['postgres'] }) }],
  ['held-for-too-many-refusals', 'parked', { ...old, parked: { why: 'too-many-refusals', since: ago(MINUTE) } }],
  ['population-register-away', 'parked', { ...old, parked: { why: 'folkeregisteret-away', since: ago(MINUTE) } }],
  ['no-access-to-register', 'parked', { ...old, parked: { why: 'no-access-to-krr', since: ago(MINUTE) } }],
  [
    'text-cannot-be-written',
    'a character that XML has not',
    {
      ...routed,
      dead: aside('encryption', 'PermanentError: the letter cannot be sealed: manifest-invalid (senderUnit)', null),
    },
  ],
  [
    'document-unusable',
    'gone from the store',
    {
      ...routed,
      dead: aside(
        'encryption',
        'PermanentError: the letter cannot be sealed: document is no longer in the store',
        null,
      ),
    },
  ],
  [
    'text-cannot-be-written',
    'a title that XML has not',
    {
      ...routed,
      dead: aside(
        'encryption',
        'PermanentError: the letter cannot be sealed: manifest-invalid (a character that XML has not)',
        null,
      ),
    },
  ],
  [
    'dead-letter',
    'a mailbox address that cannot be written is not the agency’s to mend',
    {
      ...routed,
      dead: aside('encryption', 'PermanentError: the letter cannot be sealed: manifest-invalid (mailboxAddress)', null),
    },
  ],
  [
    'dead-letter',
    'a certificate that is none of the provider',
    {
      ...routed,
      dead: aside(
        'encryption',
        'PermanentError: the recipient certificate cannot be sealed for: certificate-untrusted',
        null,
      ),
    },
  ],
  ['dead-letter', 'any', { ...old, dead: aside('register-lookup', 'PermanentError: nonsense', null) }],
  [
    'register-has-no-answer-for-recipient',
    'left out',
    { ...old, retry: aside('register-lookup', 'TransientError: krr: the answer for this person is missing', NOW) },
  ],
  ['tried-again-later', 'any failure', { ...routed, retry: aside('encryption', 'Error: ?', NOW) }],
  ['database-restored', 'behind itself', { ...overdue, services: service('receipts', { restored: true }) }],
  ['service-stopped-itself', 'flood', { ...old, services: service('register-lookup', { alive: true, stopped: true }) }],
  ['service-down', 'register-lookup', { ...old, services: service('register-lookup', { alive: false }) }],
  ['service-down', 'encryption', { ...routed, services: service('encryption', { alive: false, behind: 1 }) }],
  ['service-down', 'dispatch', { ...queued, services: service('provider-dispatch', { alive: false }) }],
  [
    'maskinporten-away',
    'at the registers',
    { ...old, services: service('register-lookup', { down: ['maskinporten'] }) },
  ],
  ['maskinporten-away', 'at hand-over', { ...queued, effect: effect('QUEUED', 'maskinporten-down') }],
  ['contact-register-away', 'krr', { ...old, services: service('register-lookup', { down: ['krr'] }) }],
  ['population-register-away', 'fr', { ...old, services: service('register-lookup', { down: ['folkeregisteret'] }) }],
  ['document-store-away', 'full', { ...routed, services: service('encryption', { down: ['document-store'] }) }],
  ['hand-over-uncertain', 'no answer', { ...queued, effect: effect('UNCERTAIN', 'no-answer') }],
  ['hand-over-parked', 'asked in vain', { ...queued, effect: effect('PARKED', 'no-answer') }],
  ['no-right-to-send', '403', { ...queued, effect: effect('QUEUED', 'status-403') }],
  ['access-point-asks-for-patience', '429', { ...queued, effect: effect('QUEUED', 'status-429') }],
  ['access-point-away', 'refused', { ...queued, effect: effect('QUEUED', 'unreachable') }],
  [
    'access-point-away',
    'cut off in the middle, and away still',
    {
      ...queued,
      effect: effect('UNCERTAIN', 'no-answer'),
      services: service('provider-dispatch', { down: ['access-point'] }),
    },
  ],
  ['access-point-away', 'behind one that was', { ...queued, lane: 'status-503' }],
  ['no-right-to-send', 'behind another of the same agency', { ...queued, effect: effect('QUEUED', 'sender-held') }],
  ['hand-over-put-back', 'held up', { ...queued, effect: effect('QUEUED', 'held-up') }],
  ['hand-over-put-back', 'no database for a moment', { ...queued, effect: effect('QUEUED', 'postgres') }],
  ['hand-over-fails-here', 'anything else', { ...queued, effect: effect('QUEUED', 'internal') }],
  ['receipt-set-aside', 'forged', { ...handedOver, setAside: 'wrong-signer' }],
  ['receipts-not-fetched', 'poller away', { ...handedOver, pulledUntil: ago(5 * MINUTE) }],
  [
    'receipts-not-fetched',
    'dispatch away',
    { ...handedOver, services: service('provider-dispatch', { alive: false }) },
  ],
  ['receipt-names-unknown-conversation', 'a stray', { ...overdue, strays: 1 }],
  ['receipt-missing', 'others answered', { ...overdue, othersAnswered: true }],
  [
    'not-posted-in-time',
    'print shop',
    {
      ...overdue,
      status: 'RECEIVED_FOR_PRINT',
      leg: leg('ReceivedForPrint', null, 'print'),
      awaited: owed('Posted', 'print', ago(MINUTE)),
    },
  ],
  ['provider-silent', 'nobody answered', overdue],
  ['with-provider', 'not late', handedOver],
  ['with-provider', 'no usual time known', { ...overdue, usual: { samples: FEWEST_SAMPLES - 1, p50Ms: 1, p95Ms: 1 } }],
  ['not-published', 'no event', { ...old, published: false, status: undefined }],
  ['broker-away', 'asked in vain', { ...old, silent: ['broker'] }],
  ['another-outage', 'unknown name', { ...old, services: service('register-lookup', { down: ['something'] }) }],
  ['queue-before-it', 'lag', { ...old, services: service('register-lookup', { alive: true, behind: 5_000 }) }],
  ['waits-here-for-unknown-reason', 'no sign', old],
  ['on-its-way', 'a moment ago', accepted],
];

describe('the known causes', () => {
  it.each(TABLE)('are named by what is seen: %s (%s)', (cause, _what, situation) => {
    expect(causeOf(situation).id).toBe(cause);
  });

  it('can each be reached, and have each a name of their own', () => {
    const ids = CAUSES.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect([...new Set(TABLE.map(([cause]) => cause))].sort()).toEqual([...ids].sort());
  });

  it('tell an agency whole sentences, and no word of our insides or of what a register told', () => {
    const inside =
      /kafka|postgres|broker|dead letter|partition|retry|ledger|service\b|krr|folkeregister|protected|dead\b|deceased|adresse/i;
    for (const { id, agency } of CAUSES) expect([id, agency]).toEqual([id, expect.stringMatching(/^[A-Z].*\.$/)]);
    for (const { id, agency } of CAUSES) if (!id.startsWith('notice')) expect(agency).not.toMatch(inside);
  });

  it('are the same for every reason that a rule refuses for: nothing tells a protected address from an unknown one', () => {
    const causes = Object.keys(REFUSALS).map((refusal) => causeOf({ ...accepted, status: 'REFUSED', refusal }));
    expect(new Set(causes).size).toBe(1);
  });

  it('are found whatever sources are silent', () => {
    for (const [, , situation] of TABLE)
      expect(causeOf({ ...situation, silent: ['database', 'broker', 'health'] }).id).toBeDefined();
  });
});

describe('what is late', () => {
  it('is what takes twice as long as nearly all others, days before its deadline', () => {
    expect(isLate(overdue)).toBe(true);
    expect(isLate({ ...overdue, usual: { samples: 200, p50Ms: 1_000, p95Ms: 30_001 } })).toBe(false);
  });

  it('is past its deadline, also where nobody knows what is usual', () => {
    const awaited = { ...owed('Delivered', 'digipost', ago(MINUTE)), dueAt: ago(1) } as Situation['awaited'];
    expect(isLate({ ...overdue, usual: undefined, awaited })).toBe(true);
    expect(isLate({ ...overdue, usual: undefined })).toBe(false);
  });
});

describe('an explanation', () => {
  it('says what must come, from whom, since when and by when', () => {
    const { next, turn } = explain(handedOver);
    expect({ next, turn }).toEqual({
      turn: undefined,
      next: {
        event: 'Delivered',
        owedBy: 'digipost',
        since: ago(1_000),
        by: new Date(ago(1_000).getTime() + 86_400_000),
      },
    });
  });

  it('knows a step of ours also before anybody has written down what must come', () => {
    expect(explain({ ...old, status: undefined })).toMatchObject({
      turn: 'register-lookup',
      next: { event: 'Routed', owedBy: 'postgang', by: new Date(ago(MINUTE).getTime() + 5 * MINUTE) },
      late: false,
    });
    expect(explain({ ...old, acceptedAt: ago(6 * MINUTE) }).late).toBe(true);
  });

  it('awaits nothing of a letter at its end', () => {
    expect(explain(delivered)).toMatchObject({ next: undefined, turn: undefined, late: false });
  });

  it('goes by the furthest fact, not by what the history has taken in so far', () => {
    expect(turnOf({ ...old, routed: true })).toBe('encryption');
    expect(turnOf({ ...routed, effect: effect('QUEUED') })).toBe('provider-dispatch');
    expect(turnOf({ ...queued, effect: effect('PARKED') })).toBe('provider-dispatch');
    expect(turnOf({ ...queued, effect: effect('HANDED_OVER') })).toBe('receipts');
  });
});
