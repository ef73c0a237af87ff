import { describe, expect, it } from '@jest/globals';
import { conversationIdOf, letterIdOf, uuidv5 } from '@postgang/pipeline';
import { GIVEN_UP, type LegState, type ReceiptKind } from '@postgang/rules';
import fc from 'fast-check';
import type { EntryData } from '../history/announcement.js';
import { verifyHistory } from '../history/chain.js';
import type { Claim } from '../verification/claim.js';
import type { Fact, LegEffect } from './fact.js';
import { fold, type Folded } from './fold.js';
import { newLetter, type LegChannel } from './letter.js';

const SENDER = '991825827';
const PROVIDER = '984661185';
const LETTER = letterIdOf(SENDER, 'fold');
const NOTIFY = Buffer.from('the order of a service message');

let clock = 1_700_000_000_000;
const at = (): Date => new Date((clock += 1_000));
const of = { sender: SENDER, reference: 'fold' };
const route = (channel: LegChannel) => ({ channel, provider: 'digipost', organisation: PROVIDER });

const accepted = (notify: Buffer | null = null): Fact => ({
  eventId: 'accepted',
  letterId: LETTER,
  ...of,
  at: at(),
  kind: 'accepted',
  effect: { of: 'letter', notify },
});
const legFact = (kind: string, state: LegState, more: Partial<LegEffect> = {}, leg = 1): Fact => ({
  eventId: `${kind}-${leg}`,
  letterId: LETTER,
  at: at(),
  kind,
  leg,
  effect: { of: 'leg', state, ...more },
});
const routed = (channel: LegChannel = 'digital'): Fact => ({
  ...legFact('routed', 'Routed', { route: route(channel) }),
  ...of,
});
const sealed = (channel: LegChannel = 'digital'): Fact => ({
  ...legFact('sealed', 'Sealed', { route: route(channel) }),
  ...of,
});
const refusedLetter = (): Fact => ({
  ...{ eventId: 'refused', letterId: LETTER, ...of, at: at(), kind: 'refused' },
  effect: { of: 'refusal', reason: 'deceased', detail: '' },
});
const handedOver = (): Fact => legFact('handed-over', 'HandedOver');
const receipt = (kind: ReceiptKind, signer = PROVIDER): Claim => ({
  eventId: uuidv5(LETTER, `${kind}/${signer}`),
  conversationId: conversationIdOf(LETTER, 1),
  provider: 'digipost',
  raw: 'raw',
  receivedAt: at(),
  readAt: new Date(8_000_000_000_000),
  says: {
    by: 'signature',
    kind,
    at: at(),
    // whatever order the facts are made in here
    signedBy: new Date(8_000_000_000_000),
    signer,
    sender: `0192:${signer}`,
    chain: { id: '', pem: '' },
    errorType: undefined,
  },
});
const report = (outcome: 'TAKEN' | 'REFUSED', provider: string): Claim => ({
  ...receipt('feil'),
  provider,
  says: { by: 'topic', outcome, reason: null },
});

const nothing = { letter: newLetter(LETTER), legs: [], expectations: [], waiting: [], recorded: new Set<string>() };
const run = (inputs: readonly (Fact | Claim)[]): Folded => fold(nothing, inputs);
const dataOf = (folded: Folded): EntryData[] =>
  folded.entries.map(({ data }) => JSON.parse(data.toString()) as EntryData);
const statuses = (folded: Folded) => dataOf(folded).flatMap(({ announce }) => announce?.status ?? []);
const openIn = ({ expectations }: Folded) =>
  expectations.filter(({ metAt }) => metAt === null).map(({ awaits, owedBy }) => `${awaits}/${owedBy}`);
const kinds = (folded: Folded) => folded.entries.map(({ kind }) => kind);

describe('fold', () => {
  it('follows a digital letter to OPENED and tells every status once', () => {
    const folded = run([
      accepted(),
      routed(),
      sealed(),
      handedOver(),
      receipt('leveringskvittering'),
      receipt('aapningskvittering'),
    ]);
    expect(statuses(folded)).toEqual(['ACCEPTED', 'ROUTED', 'SEALED', 'HANDED_OVER', 'DELIVERED', 'OPENED']);
    expect(verifyHistory(LETTER, folded.entries, folded.letter.headHash ?? undefined)).toBeUndefined();
  });

  it('takes the same receipts as other states in print', () => {
    const folded = run([
      routed('print'),
      handedOver(),
      receipt('mottakskvittering'),
      receipt('leveringskvittering'),
      receipt('returpostkvittering'),
    ]);
    expect(statuses(folded)).toEqual(['ROUTED', 'HANDED_OVER', 'RECEIVED_FOR_PRINT', 'POSTED', 'RETURNED']);
    expect(dataOf(folded).at(-1)?.announce?.reason).toBe('returned');
  });

  it('keeps a receipt until its leg is known, and takes it in with the fact that makes it known', () => {
    const folded = run([receipt('leveringskvittering'), accepted(), routed()]);
    expect(kinds(folded)).toEqual(['accepted', 'routed', 'leveringskvittering']);
    expect(folded.entries[2]?.cause).toBe('routed-1');
    expect(statuses(folded).at(-1)).toBe('DELIVERED');
  });

  it('records a fact that was overtaken as stale, without effect', () => {
    const folded = run([routed(), receipt('leveringskvittering'), handedOver()]);
    expect(dataOf(folded).at(-1)).toMatchObject({ stale: true });
    expect(statuses(folded)).toEqual(['ROUTED', 'DELIVERED']);
  });

  it('sets a receipt of another signer aside, however good its certificate', () => {
    const folded = run([routed(), receipt('leveringskvittering', '910076787')]);
    expect(folded.settled).toMatchObject([{ problem: 'wrong-signer' }]);
    expect(kinds(folded)).toEqual(['routed']);
  });

  it("takes a receipt of the leg's provider whatever topic brought it, and a second time over another as stale", () => {
    const over = (provider: string): Claim => ({
      ...receipt('leveringskvittering'),
      ...{ provider, eventId: uuidv5(LETTER, `leveringskvittering/${provider}`) },
    });
    const folded = run([accepted(NOTIFY), routed(), handedOver(), over('print'), over('digipost')]);
    expect(folded.settled).toMatchObject([{ problem: null }, { problem: null }]);
    expect(statuses(folded)).toEqual(['ACCEPTED', 'ROUTED', 'HANDED_OVER', 'DELIVERED']);
    expect(dataOf(folded).at(-1)).toMatchObject({ stale: true });
    expect(dataOf(folded).filter(({ notify }) => notify)).toHaveLength(1);
  });

  it('sets a receipt aside that cannot come over its channel', () => {
    expect(run([routed(), receipt('mottakskvittering')]).settled).toMatchObject([{ problem: 'wrong-channel' }]);
    expect(run([routed('print'), receipt('aapningskvittering')]).settled).toMatchObject([{ problem: 'wrong-channel' }]);
  });

  it('believes an adapter only about its own legs', () => {
    expect(statuses(run([routed(), report('TAKEN', 'digipost')]))).toEqual(['ROUTED', 'HANDED_OVER']);
    expect(statuses(run([routed(), report('REFUSED', 'digipost')]))).toEqual(['ROUTED', 'REFUSED']);
    expect(run([routed(), report('REFUSED', 'eboks')]).settled).toMatchObject([{ problem: 'wrong-provider' }]);
  });

  it('goes on with a leg that was given up when it is handed over after all: told, and awaited from its provider', () => {
    const givenUp = legFact('leg-refused', 'Refused', { reason: GIVEN_UP, detail: 'no answer' });
    const after = run([accepted(), routed(), sealed(), givenUp, handedOver()]);
    expect(statuses(after)).toEqual(['ACCEPTED', 'ROUTED', 'SEALED', 'REFUSED', 'HANDED_OVER']);
    expect(dataOf(after).at(-1)?.announce).toMatchObject({ reason: null, detail: null });
    expect(openIn(after)).toEqual(['Delivered/digipost']);
    const overtaken = run([accepted(), routed(), sealed(), handedOver(), givenUp]);
    expect(statuses(overtaken)).toEqual(['ACCEPTED', 'ROUTED', 'SEALED', 'HANDED_OVER']);
    expect(dataOf(overtaken).at(-1)).toMatchObject({ stale: true });
    expect(openIn(overtaken)).toEqual(['Delivered/digipost']);
  });

  it('takes an adapter’s no for a no, also about what it had taken and in our own word for giving up', () => {
    const [taken, refused] = [report('TAKEN', 'digipost'), report('REFUSED', 'digipost')];
    const no: Claim = {
      ...refused,
      eventId: uuidv5(LETTER, 'no'),
      says: { by: 'topic', outcome: 'REFUSED', reason: GIVEN_UP },
    };
    expect(statuses(run([routed(), taken, no]))).toEqual(['ROUTED', 'HANDED_OVER', 'REFUSED']);
  });

  it('lets a failed notice leave the letter delivered', () => {
    const folded = run([routed(), receipt('leveringskvittering'), receipt('varslingfeiletkvittering')]);
    expect(folded.letter.status).toBe('DELIVERED');
    expect(kinds(folded).at(-1)).toBe('notice-failed');
  });

  it('orders the service message once, with the delivery or with an acceptance that comes after it', () => {
    const times = (folded: Folded) =>
      dataOf(folded).flatMap(({ notify }, index) => (notify ? [kinds(folded)[index]] : []));
    expect(times(run([accepted(NOTIFY), routed(), receipt('leveringskvittering'), handedOver()]))).toEqual([
      'leveringskvittering',
    ]);
    expect(times(run([routed(), receipt('leveringskvittering'), accepted(NOTIFY)]))).toEqual(['accepted']);
    expect(times(run([accepted(NOTIFY), routed('print'), receipt('leveringskvittering')]))).toEqual([]);
    expect(
      times(run([accepted(NOTIFY), routed(), receipt('aapningskvittering'), receipt('leveringskvittering')])),
    ).toEqual([]);
  });

  it('waits with the status until the agency is known', () => {
    const folded = run([handedOver(), accepted()]);
    expect(dataOf(folded).map(({ announce }) => announce?.status)).toEqual(['HANDED_OVER', 'HANDED_OVER']);
    expect(folded.letter.sender).toBe(SENDER);
  });

  it('has one open expectation per leg, and none at an end', () => {
    const open = (inputs: (Fact | Claim)[]) => openIn(run(inputs));
    expect(open([accepted()])).toEqual(['Routed/postgang']);
    expect(open([accepted(), refusedLetter()])).toEqual([]);
    expect(open([refusedLetter(), accepted()])).toEqual([]);
    expect(open([handedOver(), accepted()])).toEqual([]);
    expect(open([accepted(), routed()])).toEqual(['Sealed/postgang']);
    expect(open([routed()])).toEqual(['Sealed/postgang']);
    expect(open([routed(), sealed(), handedOver()])).toEqual(['Delivered/digipost']);
    expect(open([routed(), handedOver(), receipt('leveringskvittering')])).toEqual([]);
  });

  it('does nothing for an event that is recorded', () => {
    const recorded = new Set(['accepted accepted']);
    expect(fold({ ...nothing, recorded }, [accepted()]).entries).toEqual([]);
  });

  it.each<[LegChannel, readonly ReceiptKind[]]>([
    ['digital', ['leveringskvittering', 'aapningskvittering', 'varslingfeiletkvittering', 'feil']],
    ['print', ['mottakskvittering', 'leveringskvittering', 'returpostkvittering', 'feil']],
  ])('ends in the same leg state whatever the order and repetition of the facts: %s', (channel, receipts) => {
    const facts = [
      accepted(NOTIFY),
      routed(channel),
      sealed(channel),
      legFact('leg-refused', 'Refused', { reason: GIVEN_UP }),
      handedOver(),
      ...receipts.map((kind) => receipt(kind)),
    ];
    const subset = fc.subarray(facts, { minLength: 1 });
    const shuffled = subset.chain((some) =>
      fc.tuple(fc.constant(some), fc.shuffledSubarray([...some, ...some], { minLength: some.length * 2 })),
    );
    fc.assert(
      fc.property(shuffled, fc.nat(20), ([inOrder, mixed], cut) => {
        const one = run(inOrder);
        const other = run(mixed);
        expect(other.legs.map(({ n, state }) => [n, state])).toEqual(one.legs.map(({ n, state }) => [n, state]));
        expect(other.letter.status).toBe(one.letter.status);
        expect(other.entries).toHaveLength(one.entries.length);
        expect(verifyHistory(LETTER, other.entries, other.letter.headHash ?? undefined)).toBeUndefined();
        expect(inTwoBatches(mixed, cut).letter.status).toBe(one.letter.status);
      }),
    );
  });
});

/** As the stage does it: what the first batch left is what the second begins with. */
function inTwoBatches(inputs: readonly (Fact | Claim)[], cut: number): Folded {
  const first = run(inputs.slice(0, cut));
  const settled = new Set(first.settled.map(({ claim }) => claim));
  return fold(
    {
      letter: first.letter,
      legs: first.legs,
      expectations: first.expectations.filter(({ metAt }) => metAt === null),
      waiting: inputs.slice(0, cut).filter((input): input is Claim => 'says' in input && !settled.has(input)),
      recorded: new Set(first.entries.map(({ eventId, kind }) => `${eventId} ${kind}`)),
    },
    inputs.slice(cut),
  );
}
