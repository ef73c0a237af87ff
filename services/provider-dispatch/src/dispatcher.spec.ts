import { afterEach, describe, expect, it } from '@jest/globals';
import { packageDigest } from '@postgang/document-package';
import { DocumentMissing, type DocumentStore } from '@postgang/document-store';
import { KeyRing } from '@postgang/outside';
import { conversationIdOf, encode, letterIdOf, messageIdOf } from '@postgang/pipeline';
import type { Handover, Provider, SendResult } from '@postgang/providers';
import {
  DEFAULT_FLOOD_LIMITS,
  type Effect,
  type EffectLedger,
  type EffectOutcome,
  type NewEffect,
  type Runtime,
} from '@postgang/runtime';
import { randomBytes } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { Dispatcher } from './dispatcher.js';

const scope = () => ({ active: 'k1', keys: { k1: randomBytes(32).toString('base64') } });
const keys = KeyRing.parse(JSON.stringify({ internal: scope(), search: scope(), 'provider:digipost': scope() }));
const SENDER = '310000027';
const PACKAGE = Buffer.from('sealed');

function newEffect(reference: string, sender = SENDER, packageSize = PACKAGE.length): NewEffect {
  const letterId = letterIdOf(sender, reference);
  const ids = { messageId: messageIdOf(letterId, 1), conversationId: conversationIdOf(letterId, 1) };
  const seal = (field: string, value: string): Buffer => keys.seal('provider:digipost', letterId, field, value);
  const payload = encode('letter.dispatch.v1', {
    ...ids,
    ...{ letterId, leg: 1, sender, reference, provider: 'digipost', providerOrganisation: '984661185' },
    ...{ channel: 'DIGITAL_MAILBOX', kind: 'INFORMATION', avsenderidentifikator: null, invoiceReference: null },
    ...{ packageRef: 'ref', packageSize, packageDigest: packageDigest(PACKAGE), sealedAt: 0 },
    mailbox: {
      ...{ address: seal('mailbox.address', 'kari#1234'), nonSensitiveTitle: seal('nonSensitiveTitle', 'Brev') },
      ...{ language: 'nb', securityLevel: 3, openingReceipt: false, effectiveAt: null },
      ...{ email: null, emailText: null, mobile: null, smsText: null },
    },
    ...{ postalAddress: null, print: null },
  });
  const id = ids.messageId;
  return { id, letterId, leg: 1, provider: 'digipost', lane: sender, payload, traceparent: undefined };
}

const ENDS: ReadonlySet<EffectOutcome['state']> = new Set(['HANDED_OVER', 'REFUSED', 'FAILED']);

/** A ledger that writes down everything it is told, a provider that takes everything, a clock that stands still. `silent` was handed over long ago, and nothing was heard since. */
function scene(silent: NewEffect[] = []) {
  const told = new EventEmitter();
  const sent: string[] = [];
  const outcomes: EffectOutcome[] = [];
  const queued: (readonly NewEffect[])[] = [];
  const claimable: NewEffect[] = [];
  const takenBack: string[] = [];
  /** Room of the lane at each claim. */
  const rooms: number[] = [];
  /** What may be claimed of whom, at each claim. */
  const limits: Record<string, number>[] = [];
  const clock = { now: 0 };
  const rows = new Map<string, Effect>();
  const intended = (effect: NewEffect): Effect => {
    const row = { ...effect, state: 'INTENDED', attempts: 1, fence: 1 } as Effect;
    rows.set(row.id, row);
    return row;
  };
  let onGet = (): unknown => undefined;
  const ledger = {
    queue: (effects: readonly NewEffect[]) => {
      queued.push(effects);
      const inHand = effects.filter((effect) => effect.inHand === true);
      return Promise.resolve(inHand.map(intended));
    },
    claim: (wanted: ReadonlyMap<string, number>, _leaseMs: number, most: ReadonlyMap<string, number>) => {
      rooms.push(wanted.get('digipost') ?? 0);
      limits.push(Object.fromEntries(most));
      return Promise.resolve((told.emit('claimed'), claimable.splice(0).map(intended)));
    },
    claimUncertain: () => Promise.resolve([]),
    claimUnanswered: (most: number) => {
      if (silent.length === 0) told.emit('all asked about');
      return Promise.resolve(silent.splice(0, most).map((row) => ({ ...intended(row), state: 'HANDED_OVER' })));
    },
    takeBack: (refused: readonly { readonly id: string }[]) => {
      takenBack.push(...refused.map(({ id }) => id));
      told.emit('taken back');
      return Promise.resolve(
        refused.map(({ id }) => ({ ...rows.get(id), state: 'REFUSED', doneAt: new Date() }) as Effect),
      );
    },
    unpublished: () => Promise.resolve([]),
    record: (ended: readonly EffectOutcome[]) => {
      outcomes.push(...ended);
      told.emit('recorded');
      const atEnd = ended.filter(({ state }) => ENDS.has(state));
      return Promise.resolve(atEnd.map(({ id, state }) => ({ ...rows.get(id), state, doneAt: new Date() }) as Effect));
    },
    markPublished: () => Promise.resolve(),
    renew: (held: readonly { readonly id: string }[]) => {
      told.emit(
        'renewed',
        held.map(({ id }) => id),
      );
      return Promise.resolve(new Set(held.map(({ id }) => id)));
    },
  } as unknown as EffectLedger;
  let answer: SendResult = { kind: 'handed-over' };
  const provider = {
    settle: () => Promise.resolve({ kind: 'refused', reason: 'access-point-failed' }),
    send: ({ messageId }: Handover) => {
      sent.push(messageId);
      return Promise.resolve(answer);
    },
  } as unknown as Provider;
  const gauge = { addCallback: () => undefined, removeCallback: () => undefined };
  const runtime = {
    keys,
    flood: DEFAULT_FLOOD_LIMITS,
    publisher: { publish: () => Promise.resolve() },
    log: { warn: () => undefined, info: () => undefined, error: () => undefined, fatal: () => undefined },
    metrics: {
      dependency: () => undefined,
      senderFlood: () => undefined,
      meter: { createObservableGauge: () => gauge },
    },
  } as unknown as Runtime;
  const store = { get: async () => (await onGet(), PACKAGE) } as unknown as DocumentStore;
  const parts = { runtime, ledger, provider, store, providers: ['digipost'], now: () => clock.now };
  const dispatcher = new Dispatcher(parts);
  const answers = (given: SendResult): void => void (answer = given);
  const whileReading = (held: () => unknown): void => void (onGet = held);
  return {
    dispatcher,
    told,
    sent,
    outcomes,
    queued,
    clock,
    claimable,
    silent,
    takenBack,
    rooms,
    limits,
    answers,
    whileReading,
  };
}

let running: Dispatcher | undefined;
afterEach(async () => {
  await running?.stop();
});

describe('a letter that comes to its lane', () => {
  it('goes out at once with its row when nobody waits there', async () => {
    const { dispatcher, told, sent, outcomes } = scene();
    running = dispatcher;
    await once(told, 'claimed');
    const effect = newEffect('at once');
    await dispatcher.queue([effect], []);
    await once(told, 'recorded');
    expect(sent).toEqual([effect.id]);
    expect(outcomes).toMatchObject([{ id: effect.id, fence: 1, state: 'HANDED_OVER' }]);
  });

  it('waits behind those that may lie in the ledger from before', async () => {
    const { dispatcher, queued, sent } = scene();
    running = dispatcher;
    await dispatcher.queue([newEffect('behind')], []);
    expect(queued[0]).toMatchObject([{ inHand: false }]);
    expect(sent).toEqual([]);
  });

  it('is only queued by a service that is about to end', async () => {
    const { dispatcher, told, queued } = scene();
    await once(told, 'claimed');
    await dispatcher.stop();
    await dispatcher.queue([newEffect('too late')], []);
    expect(queued[0]).toMatchObject([{ inHand: false }]);
  });

  it('is not sent by a worker that was held up and whose lease may be over when the call ends', async () => {
    const { dispatcher, told, sent, outcomes, clock, whileReading } = scene();
    running = dispatcher;
    await once(told, 'claimed');
    whileReading(() => (clock.now += 20_001));
    const effect = newEffect('held up');
    await dispatcher.queue([effect], []);
    await once(told, 'recorded');
    expect(sent).toEqual([]);
    expect(outcomes).toMatchObject([{ id: effect.id, fence: 1, state: 'QUEUED', free: true }]);
  });
});

describe('an agency for which we may not send', () => {
  it('waits as a whole after one answer, burns no attempt, and is tried by one letter at a time', async () => {
    const { dispatcher, told, sent, outcomes, clock, claimable, limits, answers } = scene();
    running = dispatcher;
    const queue = async (...references: string[]): Promise<void> => {
      await dispatcher.queue(
        references.map((reference) => newEffect(reference)),
        [],
      );
      await once(told, 'recorded');
    };
    await once(told, 'claimed');
    answers({ kind: 'sender-blocked', reason: 'no-delegation', asked: false });
    await queue('a', 'b', 'c');
    expect(sent).toHaveLength(3);

    claimable.push(newEffect('d'), newEffect('e'));
    dispatcher.wake();
    await once(told, 'recorded');
    expect(sent).toHaveLength(3);
    expect(limits.at(-1)).toEqual({ [SENDER]: 0 });

    clock.now += 30_000;
    claimable.push(newEffect('d'), newEffect('e'));
    dispatcher.wake();
    await once(told, 'recorded');
    expect(sent.slice(3)).toEqual([newEffect('d').id]);
    expect(limits.at(-1)).toEqual({ [SENDER]: 1 });
    expect(outcomes.every(({ state, free, waitMs }) => state === 'QUEUED' && free && waitMs === 30_000)).toBe(true);

    clock.now += 30_000;
    answers({ kind: 'handed-over' });
    claimable.push(newEffect('d'), newEffect('e'));
    dispatcher.wake();
    await once(told, 'recorded');
    claimable.push(newEffect('e'));
    dispatcher.wake();
    await once(told, 'recorded');
    expect(sent.slice(4)).toEqual([newEffect('d').id, newEffect('e').id]);
  });
});

it('an agency for which we may not send, and whose large letter waits for room, is tried by no other', async () => {
  const { dispatcher, told, outcomes, clock, claimable, limits, answers, whileReading } = scene();
  running = dispatcher;
  await once(told, 'claimed');
  answers({ kind: 'sender-blocked', reason: 'no-delegation', asked: false });
  await dispatcher.queue([newEffect('a')], []);
  while (outcomes.length < 1) await once(told, 'recorded');
  const read: (() => void)[] = [];
  whileReading(() => new Promise<void>((resolve) => read.push(resolve)));
  await dispatcher.queue([newEffect('large', '310000108', 50 * 1024 * 1024)], []);
  clock.now += 30_000;
  claimable.push(newEffect('waits', SENDER, 50 * 1024 * 1024));
  dispatcher.wake();
  await once(told, 'claimed');
  // whoever tried was given up
  clock.now += 80_001;
  dispatcher.wake();
  await once(told, 'claimed');
  expect(limits.at(-1)).toEqual({ [SENDER]: 0 });
  for (let next = read.shift(); next !== undefined; next = read.shift()) {
    next();
    await once(told, 'recorded');
  }
});

describe('a lane', () => {
  it('that is away is not opened by what Maskinporten says of one agency: nobody has asked the provider', async () => {
    const { dispatcher, told, outcomes, clock, claimable, rooms, answers } = scene();
    running = dispatcher;
    await once(told, 'claimed');
    const recorded = async (count: number): Promise<void> => {
      while (outcomes.length < count) await once(told, 'recorded');
    };
    answers({ kind: 'uncertain', reason: 'status-500' });
    await dispatcher.queue(
      ['a', 'b', 'c'].map((reference) => newEffect(reference)),
      [],
    );
    await recorded(3);
    clock.now += 1_000;
    rooms.length = 0;
    answers({ kind: 'sender-blocked', reason: 'no-delegation', asked: false });
    claimable.push(newEffect('probe', '310000108'));
    dispatcher.wake();
    await recorded(4);
    await once(told, 'claimed');
    // both times one letter probes
    expect([rooms[0], rooms.at(-1)]).toEqual([1, 1]);
  });

  it('goes on beside a letter that alone is refused for what is ours; that one burns its attempts', async () => {
    const { dispatcher, told, outcomes, clock, claimable, rooms, answers } = scene();
    running = dispatcher;
    await once(told, 'claimed');
    const next = async (reference: string, answer: SendResult): Promise<EffectOutcome | undefined> => {
      answers(answer);
      claimable.push(newEffect(reference));
      dispatcher.wake();
      await once(told, 'recorded');
      clock.now += 15_000;
      return outcomes.at(-1);
    };
    const no: SendResult = { kind: 'refused-ours', reason: 'signature-invalid' };
    expect(await next('lone', no)).toMatchObject({ state: 'QUEUED', free: true, waitMs: 15_000 });
    expect(await next('other', { kind: 'handed-over' })).toMatchObject({ state: 'HANDED_OVER' });
    expect(await next('lone', no)).toMatchObject({ state: 'QUEUED', reason: 'signature-invalid', free: false });
    rooms.length = 0;
    dispatcher.wake();
    await once(told, 'claimed');
    expect(rooms).toEqual([128]);
  });

  it('has no more large packages in memory than it bears, and lets the letters of others past them', async () => {
    const { dispatcher, told, sent, outcomes, claimable, limits, whileReading } = scene();
    running = dispatcher;
    const read: (() => void)[] = [];
    whileReading(() => new Promise<void>((resolve) => read.push(resolve)));
    await once(told, 'claimed');
    const large = Array.from({ length: 128 }, (_, index) => newEffect(`large-${index}`, SENDER, 50 * 1024 * 1024));
    claimable.push(...large);
    dispatcher.wake();
    while (outcomes.length < 126) await once(told, 'recorded');
    expect(outcomes.every(({ state, reason, free }) => state === 'QUEUED' && reason === 'no-memory' && free)).toBe(
      true,
    );
    expect(read).toHaveLength(1);
    expect(limits.at(-1)).toEqual({ [SENDER]: 0 });
    await dispatcher.queue([newEffect('small', '310000108')], []);
    expect(read).toHaveLength(2);
    for (let next = read.shift(); next !== undefined; next = read.shift()) {
      next();
      await once(told, 'recorded');
    }
    expect(sent).toHaveLength(3);
  });

  it('renews the lease of a letter that waits for room', async () => {
    const { dispatcher, told, sent, claimable, whileReading } = scene();
    running = dispatcher;
    const read: (() => void)[] = [];
    whileReading(() => new Promise<void>((resolve) => read.push(resolve)));
    await once(told, 'claimed');
    const [goes, waits] = [SENDER, '310000108'].map((sender) => newEffect('large', sender, 50 * 1024 * 1024));
    claimable.push(goes as NewEffect, waits as NewEffect);
    dispatcher.wake();
    expect(await once(told, 'renewed')).toEqual([[waits?.id]]);
    for (let count = 0; count < 2; count++) {
      read.shift()?.();
      await once(told, 'recorded');
    }
    expect(sent).toEqual([goes?.id, waits?.id]);
  });

  it.each<[string, Error | undefined, SendResult]>([
    ['the documents cannot be found', new DocumentMissing(), { kind: 'handed-over' }],
    ['every message is refused', undefined, { kind: 'refused', reason: 'message-invalid' }],
    ['our signature does not hold', undefined, { kind: 'refused-ours', reason: 'signature-invalid' }],
  ])("does not end a day's post of fifty agencies because %s", async (_why, unreadable, answer) => {
    const { dispatcher, told, outcomes, claimable, answers, whileReading } = scene();
    running = dispatcher;
    answers(answer);
    if (unreadable !== undefined) whileReading(() => Promise.reject(unreadable));
    await once(told, 'claimed');
    claimable.push(...Array.from({ length: 500 }, (_, index) => newEffect(`${index}`, `3100000${10 + (index % 50)}`)));
    dispatcher.wake();
    while (outcomes.length < 500) await once(told, 'recorded');
    expect(outcomes.every(({ state, free }) => state === 'QUEUED' && free)).toBe(true);
  });

  it('has the letters refused that the access point took and has given up since', async () => {
    const few = Array.from({ length: 10 }, (_, index) => newEffect(`${index}`, `3100000${10 + index}`));
    const { dispatcher, told, takenBack } = scene(few.slice());
    running = dispatcher;
    await once(told, 'taken back');
    expect(takenBack.toSorted()).toEqual(few.map(({ id }) => id).toSorted());
  });

  it("does not end a day's post of fifty agencies because the access point shows all that it took as failed", async () => {
    const day = Array.from({ length: 1_000 }, (_, index) => newEffect(`${index}`, `3100000${10 + (index % 50)}`));
    const { dispatcher, told, takenBack } = scene(day);
    running = dispatcher;
    await once(told, 'all asked about');
    expect(takenBack.length).toBeLessThan(DEFAULT_FLOOD_LIMITS.atLeast);
  });
});
