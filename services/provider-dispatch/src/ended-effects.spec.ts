import { afterEach, describe, expect, it } from '@jest/globals';
import { conversationIdOf, encode, letterIdOf, messageIdOf } from '@postgang/pipeline';
import {
  DEFAULT_FLOOD_LIMITS,
  type Draft,
  type Effect,
  type EffectLedger,
  type EffectOutcome,
  type Runtime,
} from '@postgang/runtime';
import { eventually } from '@postgang/testing';
import { EndedEffects } from './ended-effects.js';
import { outcome } from './fates.js';
import { LaneFloods } from './lane-floods.js';

const SENDER = '310000027';

function effect(reference: string): Effect {
  const letterId = letterIdOf(SENDER, reference);
  const ids = { messageId: messageIdOf(letterId, 1), conversationId: conversationIdOf(letterId, 1) };
  const payload = encode('letter.dispatch.v1', {
    ...ids,
    ...{ letterId, leg: 1, sender: SENDER, reference, provider: 'digipost', providerOrganisation: '984661185' },
    ...{ channel: 'DIGITAL_MAILBOX', kind: 'INFORMATION', avsenderidentifikator: null, invoiceReference: null },
    ...{ packageRef: 'ref', packageSize: 1, packageDigest: 'digest', sealedAt: 0 },
    ...{ mailbox: null, postalAddress: null, print: null },
  });
  const row = {
    id: ids.messageId,
    letterId,
    leg: 1,
    provider: 'digipost',
    lane: SENDER,
    payload,
    attempts: 1,
    fence: 1,
  };
  return { ...row, state: 'INTENDED', settled: false, operatorNote: null, doneAt: null } as unknown as Effect;
}

/** A ledger that writes down what it is told, and a broker that answers nothing until it is back. */
function scene() {
  const rows = new Map<string, Effect>();
  const seen = { recorded: [] as string[], published: [] as string[], marked: [] as string[], sweeps: 0 };
  const back = Promise.withResolvers<void>();
  const runtime = {
    flood: DEFAULT_FLOOD_LIMITS,
    publisher: {
      publish: async (drafts: readonly Draft[]) => {
        await back.promise;
        seen.published.push(...drafts.map(({ key }) => key));
      },
    },
    log: { warn: () => undefined },
  } as unknown as Runtime;
  const ledger = {
    record: (outcomes: readonly EffectOutcome[]) => {
      seen.recorded.push(...outcomes.map(({ id }) => id));
      const ended = outcomes.map(({ id, state }) => ({ ...rows.get(id), state, doneAt: new Date() }) as Effect);
      for (const row of ended) rows.set(row.id, row);
      return Promise.resolve(ended);
    },
    unpublished: (most: number) => {
      seen.sweeps += 1;
      const left = [...rows.values()].filter(({ id, doneAt }) => doneAt !== null && !seen.marked.includes(id));
      return Promise.resolve(left.slice(0, most));
    },
    markPublished: (ids: readonly string[]) => Promise.resolve(void seen.marked.push(...ids)),
  } as unknown as EffectLedger;
  const ended = new EndedEffects(runtime, ledger, new LaneFloods(runtime, new Map(), () => 0));
  const handOver = (...references: string[]): string[] =>
    references.map((reference) => {
      const row = effect(reference);
      rows.set(row.id, row);
      ended.add(row, outcome(row, 'HANDED_OVER', null));
      return row.id;
    });
  return { ended, handOver, seen, back: () => back.resolve() };
}

let running: ReturnType<typeof scene> | undefined;
afterEach(async () => {
  running?.back();
  await running?.ended.stop();
});

describe('while the broker is away', () => {
  it('what came of a call is written down: its lease would be over before the client gives up', async () => {
    running = scene();
    const { handOver, seen } = running;
    const first = handOver('first');
    await eventually('the first', () => seen.recorded.length === 1 || undefined);
    const second = handOver('second');
    await eventually('the second', () => seen.recorded.length === 2 || undefined);
    expect(seen).toMatchObject({ recorded: [...first, ...second], published: [] });
  });

  it('each end is kept to be told once, by whoever told it first; what is too much is swept up', async () => {
    running = scene();
    const { ended, handOver, seen, back } = running;
    const ids = handOver(...Array.from({ length: 2_500 }, (_, index) => `${index}`));
    await eventually('all of them', () => seen.recorded.length === ids.length || undefined);
    await eventually('a sweep', () => seen.sweeps >= 2 || undefined, 20_000);
    back();
    await eventually('all are told', () => seen.marked.length === ids.length || undefined, 20_000);
    await ended.stop();
    expect(seen.published).toHaveLength(ids.length);
    expect(new Set(seen.published).size).toBe(ids.length);
  }, 60_000);
});
