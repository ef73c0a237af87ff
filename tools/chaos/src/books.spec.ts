import 'reflect-metadata';
import { describe, expect, it } from '@jest/globals';
import { CAST, type Part } from '@postgang/demo';
import { createHash, randomUUID } from 'node:crypto';
import { balance, balanceCounters, balanceMails, type Booked, type HistoryLine, type Outside } from './books.js';
import type { HandedIn } from './hand-in.js';

const partOf = (end: string): Part => CAST.find((part) => part.end === end) as Part;
const letterTo = (end: string): HandedIn => ({ letterId: randomUUID(), reference: 'chaos-1', part: partOf(end) });

/** As the README of receipts says that it is chained. */
function chained(letterId: string, kinds: readonly string[]): { history: HistoryLine[]; headHash: Buffer } {
  let headHash = createHash('sha256').update(letterId).digest();
  const history = kinds.map((kind, index) => {
    const line = { seq: index + 1, at: new Date(1_800_000_000_000 + index), kind, leg: 1, eventId: randomUUID() };
    const data = Buffer.from('{}');
    headHash = createHash('sha256')
      .update(headHash)
      .update(JSON.stringify([line.seq, line.at.toISOString(), kind, line.leg, line.eventId, data.toString('base64')]))
      .digest();
    return { ...line, data, hash: headHash };
  });
  return { history, headHash };
}

const STEPS = ['accepted', 'routed', 'sealed', 'handed-over', 'leveringskvittering'];
const bookedAs = (
  { letterId }: HandedIn,
  status: Booked['status'],
  { steps = STEPS, ...more }: Partial<Booked> & { steps?: readonly string[] } = {},
): Booked => ({ status, seq: 5, reason: null, waitsFor: undefined, ...chained(letterId, steps), ...more });
const ONCE: Outside = { messages: 1, lostReceipts: [] };
const NEVER: Outside = { messages: 0, lostReceipts: [] };
const told = (status: string, seq = 5) => [
  { seq, status },
  { seq, status },
];
const kindsOf = (...args: Parameters<typeof balance>): readonly string[] =>
  balance(...args).differences.map(({ what }) => what);

describe('the books of one letter', () => {
  it('balance when all sides say what its recipient must make of it', () => {
    const letter = letterTo('DELIVERED');
    expect(balance(letter, bookedAs(letter, 'DELIVERED'), ONCE, told('DELIVERED'))).toEqual({
      differences: [],
      waiting: undefined,
    });
    const refused = letterTo('REFUSED');
    const { reason = null } = refused.part;
    const booked = bookedAs(refused, 'REFUSED', { steps: ['accepted', 'refused'], reason });
    expect(kindsOf(refused, booked, NEVER, told('REFUSED'))).toEqual([]);
  });

  it('name a letter as lost that nobody knows, or that the provider never got', () => {
    const letter = letterTo('DELIVERED');
    expect(kindsOf(letter, undefined, NEVER, [])).toEqual(['lost']);
    expect(kindsOf(letter, bookedAs(letter, 'DELIVERED'), NEVER, told('DELIVERED'))).toEqual(['lost']);
  });

  it('name one as doubled that the provider got twice, or that had to be refused', () => {
    const letter = letterTo('DELIVERED');
    const twice = { messages: 2, lostReceipts: [] };
    expect(kindsOf(letter, bookedAs(letter, 'DELIVERED'), twice, told('DELIVERED'))).toEqual(['doubled']);
    const refused = letterTo('REFUSED');
    expect(kindsOf(refused, undefined, ONCE, [])).toEqual(['doubled', 'lost']);
  });

  it('let one wait for a provider whose receipt was lost, and for nobody else', () => {
    const letter = letterTo('DELIVERED');
    const lost = { messages: 1, lostReceipts: ['leveringskvittering'] };
    const expectation = { awaits: 'Delivered', owedBy: 'digipost', dueAt: new Date(1_800_000_000_000) };
    const open = (waitsFor: Booked['waitsFor']): Booked =>
      bookedAs(letter, 'HANDED_OVER', { steps: STEPS.slice(0, 4), waitsFor });
    expect(balance(letter, open(expectation), lost, told('HANDED_OVER'))).toEqual({
      differences: [],
      waiting: {
        letterId: letter.letterId,
        status: 'HANDED_OVER',
        awaits: 'Delivered',
        owedBy: 'digipost',
        dueAt: '2027-01-15T08:00:00.000Z',
      },
    });
    expect(kindsOf(letter, open(expectation), ONCE, told('HANDED_OVER'))).toEqual(['stuck']);
    expect(kindsOf(letter, open(undefined), lost, told('HANDED_OVER'))).toEqual(['stuck']);
    expect(kindsOf(letter, open({ ...expectation, owedBy: 'postgang' }), lost, told('HANDED_OVER'))).toEqual(['stuck']);
  });

  it('name a wrong end, also one for a wrong reason', () => {
    const letter = letterTo('DELIVERED');
    expect(kindsOf(letter, bookedAs(letter, 'FAILED'), ONCE, told('FAILED'))).toEqual(['wrong-end']);
    const refused = letterTo('REFUSED');
    const booked = bookedAs(refused, 'REFUSED', { steps: ['accepted', 'refused'], reason: 'other' });
    expect(kindsOf(refused, booked, NEVER, told('REFUSED'))).toEqual(['wrong-end']);
  });

  it('name a history with a gap, and one that was altered or cut off', () => {
    const letter = letterTo('DELIVERED');
    const gap = bookedAs(letter, 'DELIVERED', { steps: STEPS.filter((step) => step !== 'handed-over') });
    expect(kindsOf(letter, gap, ONCE, told('DELIVERED'))).toEqual(['history-incomplete']);
    const booked = bookedAs(letter, 'DELIVERED');
    const altered = booked.history.map((line) => (line.seq === 3 ? { ...line, data: Buffer.from('[]') } : line));
    expect(kindsOf(letter, { ...booked, history: altered }, ONCE, told('DELIVERED'))).toEqual(['history-broken']);
    const longer = bookedAs(letter, 'DELIVERED', { steps: [...STEPS, 'aapningskvittering'] });
    const cutOff = { ...longer, history: longer.history.slice(0, 5) };
    expect(kindsOf(letter, cutOff, ONCE, told('DELIVERED'))).toEqual(['history-broken']);
  });

  it('name one whose agency was told nothing, or something else', () => {
    const letter = letterTo('DELIVERED');
    const booked = bookedAs(letter, 'DELIVERED');
    expect(kindsOf(letter, booked, ONCE, [{ seq: 5, status: 'DELIVERED' }, undefined])).toEqual(['not-told']);
    expect(kindsOf(letter, booked, ONCE, told('HANDED_OVER', 4))).toEqual(['not-told', 'not-told']);
    expect(kindsOf(letter, booked, ONCE, told('DELIVERED', 6))).toEqual(['not-told', 'not-told']);
  });
});

describe('the counters of those outside', () => {
  const letters = [letterTo('DELIVERED'), letterTo('POSTED'), letterTo('REFUSED')];
  const two = { accepted: 2, distinctMessageIds: 2, distinctConversations: 2 };

  it('are as many as letters had to be carried, and know no stranger', () => {
    expect(balanceCounters(letters, two, 0)).toEqual([]);
    expect(balanceCounters(letters, { ...two, accepted: 3 }, 0)).toHaveLength(1);
    expect(balanceCounters(letters, { ...two, distinctConversations: 1 }, 0)).toHaveLength(1);
    expect(balanceCounters(letters, two, 1)).toHaveLength(1);
  });

  it('have each mail once, and as many as were sent or may have been', () => {
    const balanced = (accepted: number, distinctMessageIds: number, sent: number, uncertain: number): boolean =>
      balanceMails({ accepted, distinctMessageIds }, { sent, uncertain }).length === 0;
    expect(balanced(3, 3, 2, 1)).toBe(true);
    expect(balanced(2, 2, 2, 1)).toBe(true);
    expect(balanced(4, 3, 2, 1)).toBe(false);
    expect(balanced(4, 4, 2, 1)).toBe(false);
    expect(balanced(1, 1, 2, 1)).toBe(false);
  });
});
