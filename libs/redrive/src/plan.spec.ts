import { describe, expect, it } from '@jest/globals';
import { letterIdOf, uuidv5, type ServiceName } from '@postgang/pipeline';
import fc from 'fast-check';
import { matches, type Described, type Filter } from './filter.js';
import { fateOf, judge, type Asked, type Known, type Why } from './judge.js';
import { drawUp, hashOf, summaryOf, type Plan, type PlannedRecord } from './plan.js';

const T0 = Date.UTC(2026, 10, 1);
const NOW = new Date(T0 + 100_000);
const EFFECTS = ['QUEUED', 'INTENDED', 'HANDED_OVER', 'REFUSED', 'UNCERTAIN', 'PARKED', 'FAILED'] as const;
const ORIGIN: Partial<Record<ServiceName, string>> = {
  'register-lookup': 'letter.accepted.v1',
  encryption: 'letter.routed.v1',
  'provider-dispatch': 'letter.dispatch.digipost.v1',
  notification: 'letter.notify.v1',
  receipts: 'letter.dispatched.v1',
};

const service = fc.constantFrom(...(Object.keys(ORIGIN) as ServiceName[]));
const dead = (of: ServiceName): fc.Arbitrary<Described> =>
  fc
    .record({
      place: fc.nat(60),
      record: fc.nat(30),
      redrives: fc.nat(2),
      at: fc.nat(90_000),
      sealed: fc.boolean(),
      failure: fc.constantFrom('TransientError: away', 'TypeError: a bug', 'provider-unreachable'),
      because: fc.constantFrom('exhausted', 'permanent'),
      letter: fc.boolean(),
    })
    .map(({ place, record, at, letter, ...more }) => {
      const letterId = letterIdOf('310000019', String(record));
      return {
        ...more,
        ...{ service: of, partition: place % 3, offset: String(place), at: new Date(T0 + at) },
        ...{ recordId: uuidv5(letterId, 'record'), key: letterId, letterId: letter ? letterId : null, leg: 1 },
        ...{ originTopic: ORIGIN[of] ?? '', originPlace: null, attempts: 5, bytes: 10, digest: `digest ${place}` },
      };
    });
const deadLetters = (of: ServiceName): fc.Arbitrary<Described[]> =>
  fc.uniqueArray(dead(of), { selector: ({ offset }) => offset, maxLength: 40 });

const filter: fc.Arbitrary<Filter> = fc.record(
  {
    since: fc.nat(90_000).map((ms) => new Date(T0 + ms)),
    until: fc.nat(90_000).map((ms) => new Date(T0 + ms)),
    reason: fc.constantFrom('exhausted', 'typeerror', 'unreachable', 'nothing like it'),
    letter: fc.nat(30).map((n) => letterIdOf('310000019', String(n))),
  },
  { requiredKeys: [] },
);
const asked: fc.Arbitrary<Asked> = fc.record({
  leavePastDeadline: fc.boolean(),
  alsoFailed: fc.boolean(),
  canOpen: fc.boolean(),
});
const known: fc.Arbitrary<Known> = fc.record({
  effect: fc.option(fc.constantFrom(...EFFECTS), { nil: undefined }),
  message: fc.option(fc.constantFrom(...EFFECTS), { nil: undefined }),
  legState: fc.option(fc.constantFrom('Routed', 'Sealed', 'HandedOver', 'Delivered', 'Refused', 'Failed'), {
    nil: undefined,
  }),
  dueAt: fc.option(
    fc.nat(200_000).map((ms) => new Date(T0 + ms)),
    { nil: undefined },
  ),
  redrivenBy: fc.option(fc.constant('a plan'), { nil: undefined, freq: 5 }),
});
const NOTHING_KNOWN: Known = {
  ...{ effect: undefined, message: undefined, legState: undefined, dueAt: undefined },
  redrivenBy: undefined,
};

/** What is known of each letter, the same whenever it is asked. */
type World = (one: { readonly offset: string }) => Known;
const world: fc.Arbitrary<World> = fc
  .array(known, { minLength: 61, maxLength: 61 })
  .map((list) => (one) => list[Number(one.offset)] as Known);

/** What lies in the topic: some was removed since, some place has another record. */
type Topic = ReadonlyMap<string, string>;

const draw = (list: readonly Described[], how: { filter: Filter; asked: Asked }, of: World): PlannedRecord[] =>
  drawUp(list, { ...how, plannedAt: NOW }, of);

/** As a run does it: each planned record is judged again, and what is sent is known as redriven from then on. */
function carryOut(
  plan: readonly PlannedRecord[],
  of: ServiceName,
  topic: Topic,
  now: World,
  how: Asked,
  redriven: Set<string>,
): { sent: string[]; suppressed: Map<string, Why> } {
  const sent: string[] = [];
  const suppressed = new Map<string, Why>();
  for (const one of plan.filter(({ decision }) => decision === 'send')) {
    const before = redriven.has(one.offset) ? 'this one' : now(one).redrivenBy;
    const why = fateOf({ ...one, service: of }, topic.get(one.offset), { ...now(one), redrivenBy: before }, how, NOW);
    if (why === undefined) {
      sent.push(one.offset);
      redriven.add(one.offset);
    } else suppressed.set(one.offset, why);
  }
  return { sent, suppressed };
}

const scene = service.chain((of) =>
  fc.record({ of: fc.constant(of), list: deadLetters(of), filter, asked, world, later: world }),
);
const planned = (plan: readonly PlannedRecord[]): string[] =>
  plan.filter(({ decision }) => decision === 'send').map(({ offset }) => offset);
const topicOf = (list: readonly Described[]): Topic => new Map(list.map(({ offset, digest }) => [offset, digest]));

describe('a plan', () => {
  it('is carried out exactly as it says while the world stays as it is', () => {
    fc.assert(
      fc.property(scene, ({ of, list, world: now, ...how }) => {
        const plan = draw(list, how, now);
        const { sent, suppressed } = carryOut(plan, of, topicOf(list), now, how.asked, new Set());
        expect(sent).toEqual(planned(plan));
        expect(suppressed.size).toBe(0);
      }),
      { numRuns: 500 },
    );
  });

  it('carried out twice, or planned twice, sends each record once', () => {
    fc.assert(
      fc.property(scene, filter, ({ of, list, world: now, ...how }, otherFilter) => {
        const redriven = new Set<string>();
        const plans = [draw(list, how, now), draw(list, { ...how, filter: otherFilter }, now)];
        const runs = [...plans, ...plans].map((plan) => carryOut(plan, of, topicOf(list), now, how.asked, redriven));
        const sent = runs.flatMap((run) => run.sent);
        expect(new Set(sent).size).toBe(sent.length);
        expect(new Set(sent)).toEqual(new Set(plans.flatMap(planned)));
        for (const { suppressed } of runs.slice(2))
          for (const why of suppressed.values()) expect(why).toBe('already-redriven');
      }),
      { numRuns: 500 },
    );
  });

  it('leaves out, with the reason, what the world has overtaken since, and sends nothing that it did not say', () => {
    fc.assert(
      fc.property(scene, fc.infiniteStream(fc.nat(5)), ({ of, list, world: before, later, ...how }, dice) => {
        const plan = draw(list, how, before);
        const topic = new Map(
          list.flatMap(({ offset, digest }): [string, string][] => {
            const die = dice.next().value;
            return die === 0 ? [] : [[offset, die === 1 ? 'another record' : digest]];
          }),
        );
        const { sent, suppressed } = carryOut(plan, of, topic, later, how.asked, new Set());
        expect([...sent, ...suppressed.keys()].sort()).toEqual(planned(plan).sort());
        for (const offset of sent) {
          const one = list.find((candidate) => candidate.offset === offset) as Described;
          expect(topic.get(offset)).toBe(one.digest);
          expect(judge(one, later(one), how.asked, NOW)).toBeUndefined();
        }
        for (const [offset, why] of suppressed) {
          if (!topic.has(offset)) expect(why).toBe('gone');
          else if (topic.get(offset) === 'another record') expect(why).toBe('changed');
        }
      }),
      { numRuns: 500 },
    );
  });

  it('holds every dead letter that its filter means, and no other, and one record once', () => {
    fc.assert(
      fc.property(scene, ({ list, world: now, ...how }) => {
        const plan = draw(list, how, now);
        const meant = list.filter((one) => matches(how.filter, one)).map(({ offset }) => offset);
        expect(plan.map(({ offset }) => offset).sort()).toEqual(meant.sort());
        const sends = plan.filter(({ decision }) => decision === 'send').map(({ recordId }) => recordId);
        expect(new Set(sends).size).toBe(sends.length);
        const { toSend, suppressed, records } = summaryOf(plan);
        const left = Object.values(suppressed).reduce((sum, count) => sum + count, 0);
        expect(toSend + left).toBe(records);
      }),
    );
  });

  it('never sends again what is handed over, in hand, uncertain or refused, on the way to the hand-over', () => {
    for (const stage of ['register-lookup', 'encryption', 'provider-dispatch'] as const)
      for (const effect of EFFECTS)
        for (const alsoFailed of [false, true]) {
          const how = { leavePastDeadline: false, alsoFailed, canOpen: false };
          const one = { service: stage, originTopic: ORIGIN[stage] ?? '', sealed: false };
          const why = judge(one, { ...NOTHING_KNOWN, effect }, how, NOW);
          expect([stage, effect, why === undefined]).toEqual([
            stage,
            effect,
            effect === 'FAILED' && alsoFailed && stage === 'provider-dispatch',
          ]);
        }
  });

  it('does not take the hand-over for a reason to keep the word of it from receipts', () => {
    const how = { leavePastDeadline: false, alsoFailed: false, canOpen: false };
    const one = { service: 'receipts', originTopic: 'letter.dispatched.v1', sealed: false } as const;
    expect(judge(one, { ...NOTHING_KNOWN, effect: 'HANDED_OVER' }, how, NOW)).toBeUndefined();
  });

  it('believes the history about legs that an outside adapter carries, which no ledger knows', () => {
    const how = { leavePastDeadline: false, alsoFailed: false, canOpen: false };
    const one = { service: 'encryption', originTopic: 'letter.routed.v1', sealed: false } as const;
    expect(judge(one, { ...NOTHING_KNOWN, legState: 'Delivered' }, how, NOW)).toBe('handed-over');
  });

  it('has another hash as soon as one thing in it is another', () => {
    fc.assert(
      fc.property(scene, fc.nat(), ({ of, list, world: now, ...how }, which) => {
        const records = draw(list, { ...how, filter: {} }, now);
        fc.pre(records.length > 0);
        const head = { id: 'plan', service: of, ends: [], plannedBy: 'kari', plannedAt: NOW, releaseAbove: 100 };
        const plan: Plan = { ...head, ...how, records };
        const at = which % records.length;
        const altered = (change: Partial<PlannedRecord>): Plan => ({
          ...plan,
          records: records.map((one, index) => (index === at ? { ...one, ...change } : one)),
        });
        const decision = records[at]?.decision === 'send' ? 'suppress' : 'send';
        const others: Plan[] = [
          ...[altered({ decision }), altered({ digest: 'x' }), altered({ offset: '999' }), altered({ letterId: 'x' })],
          ...[
            { ...plan, releaseAbove: 101 },
            { ...plan, plannedBy: 'ola' },
            { ...plan, records: records.slice(1) },
          ],
          { ...plan, asked: { ...plan.asked, alsoFailed: !plan.asked.alsoFailed } },
        ];
        expect(new Set([plan, ...others].map(hashOf)).size).toBe(others.length + 1);
        expect(hashOf({ ...plan })).toBe(hashOf(plan));
      }),
    );
  });
});
