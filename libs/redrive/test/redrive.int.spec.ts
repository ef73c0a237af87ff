import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { KeyRing } from '@postgang/outside';
import { deadLetterTopic, encode, letterIdOf } from '@postgang/pipeline';
import { eventually } from '@postgang/testing';
import { deadLettersOf, type Wanted } from '../src/index.js';
import { AGENCY, KEYS, letterOf, recordIdOf, Rig } from './rig.js';

// readers form and leave consumer groups all the time, which a busy machine makes slow
jest.setTimeout(90_000);

let rig: Rig;
beforeEach(async () => {
  rig = await Rig.start();
}, 60_000);
afterEach(() => rig.stop());

const references = (count: number, name = 'letter'): string[] =>
  Array.from({ length: count }, (_, index) => `${name}-${index}`);
const dying = (names: readonly string[]) => names.map((reference) => ({ reference }));
const wanted = (more: Partial<Wanted> = {}): Wanted => ({
  service: 'register-lookup',
  filter: {},
  leavePastDeadline: false,
  alsoFailed: false,
  releaseAbove: 100,
  ...more,
});
const FAST = { rate: 1_000 };
const SEALED = Buffer.alloc(40, 1);
const idsIn = (list: readonly { headers: Readonly<Record<string, string>> }[]): string[] =>
  list.map(({ headers }) => headers['ce_id'] ?? '').sort();

describe('a plan', () => {
  it('above the limit is released by somebody else than the planner, and then sends what it said, each record as it was', async () => {
    const names = references(120);
    await rig.know(names);
    await rig.die(dying(names));
    const plan = await rig.redrive.plan(wanted(), 'kari');
    expect(plan).toMatchObject({ state: 'PLANNED', toSend: 120, altered: false });
    await expect(rig.redrive.run(plan.id, 'kari', FAST)).rejects.toThrow('a second person must release it');
    await expect(rig.redrive.release(plan.id, 'kari')).rejects.toThrow('whoever planned it may not release it');
    await expect(rig.redrive.release(plan.id, 'ola', 'f'.repeat(64))).rejects.toThrow('not the plan of that hash');
    expect(await rig.tier()).toEqual([]);
    await rig.redrive.release(plan.id, 'ola', plan.hash);
    expect(await rig.redrive.run(plan.id, 'kari', FAST)).toBe(true);
    const sent = await rig.tier();
    expect(idsIn(sent)).toEqual(names.map(recordIdOf).sort());
    const one = sent.find(({ key }) => key === letterOf('letter-7'));
    expect(one?.value?.toString()).toBe('content of letter-7');
    expect(one?.headers).toMatchObject({
      'origin-topic': 'letter.accepted.v1',
      'origin-partition': '1',
      'origin-offset': '42',
      redrives: '1',
    });
    expect(Object.keys(one?.headers ?? {})).not.toEqual(expect.arrayContaining(['attempt']));
    expect(Object.keys(one?.headers ?? {})).not.toEqual(expect.arrayContaining(['failure']));
    const { state, steps } = await rig.redrive.show(plan.id);
    expect(state).toBe('DONE');
    expect(steps.map(({ by, action }) => `${by} ${action}`)).toEqual([
      'kari plan',
      'ola release',
      'kari run',
      'kari done',
    ]);
  });

  it('cut into small ones is above the limit all the same', async () => {
    await rig.die([
      ...references(60, 'first').map((reference) => ({ reference, failure: 'first' })),
      ...references(60, 'second').map((reference) => ({ reference, failure: 'second' })),
    ]);
    const [first, second, others] = [
      await rig.redrive.plan(wanted({ filter: { reason: 'first' } }), 'kari'),
      await rig.redrive.plan(wanted({ filter: { reason: 'second' } }), 'kari'),
      await rig.redrive.plan(wanted({ filter: { reason: 'second' } }), 'ola'),
    ];
    expect(await rig.redrive.run(first.id, 'kari', FAST)).toBe(true);
    await expect(rig.redrive.run(second.id, 'kari', FAST)).rejects.toThrow('after 60 of 24 hours: above 100');
    expect(await rig.redrive.run(others.id, 'ola', FAST)).toBe(true);
  });

  it.each<[string, string]>([
    ['was drawn up days before it was run', `planned_at = now() - interval '3 days'`],
    ['was cancelled when most of it was sent', `state = 'CANCELLED'`],
  ])('counts towards the limit also when it %s', async (_what, change) => {
    await rig.die([
      ...references(60, 'first').map((reference) => ({ reference, failure: 'first' })),
      ...references(60, 'second').map((reference) => ({ reference, failure: 'second' })),
    ]);
    const [first, second] = [
      await rig.redrive.plan(wanted({ filter: { reason: 'first' } }), 'kari'),
      await rig.redrive.plan(wanted({ filter: { reason: 'second' } }), 'kari'),
    ];
    expect(await rig.redrive.run(first.id, 'kari', FAST)).toBe(true);
    await rig.database.query(`UPDATE redrive_plan SET ${change} WHERE id = $1`, [first.id]);
    await expect(rig.redrive.run(second.id, 'kari', FAST)).rejects.toThrow('after 60 of 24 hours: above 100');
  });

  it('tells every step in the histories of the letters concerned, and makes no letter of a hand-in by talking about it', async () => {
    await rig.know(['known']);
    await rig.die(dying(['known', 'unknown']));
    const plan = await rig.redrive.plan(wanted(), 'kari');
    await rig.redrive.release(plan.id, 'ola');
    await rig.redrive.run(plan.id, 'per', FAST);
    const told = await rig.told();
    expect(new Set(told.map(({ letterId }) => letterId))).toEqual(new Set([letterOf('known')]));
    // who did it stands in the plan: histories are for agencies
    expect(told.map(({ step, operator, plan: id }) => [step, operator, id]).sort()).toEqual([
      ['PLANNED', '', plan.id],
      ['RELEASED', '', plan.id],
      ['SENT', '', plan.id],
    ]);
  });

  it('run again does nothing, and a second plan over the same dead letters leaves them out', async () => {
    await rig.die(dying(references(10)));
    const [first, second] = [await rig.redrive.plan(wanted(), 'kari'), await rig.redrive.plan(wanted(), 'ola')];
    expect(second.toSend).toBe(10);
    await rig.redrive.run(first.id, 'kari', FAST);
    expect(await rig.redrive.run(first.id, 'kari', FAST)).toBe(true);
    expect(await rig.redrive.run(second.id, 'ola', FAST)).toBe(true);
    expect(await rig.tier()).toHaveLength(10);
    const outcomes = (await rig.redrive.show(second.id)).records.map(({ state, outcome }) => [state, outcome]);
    expect(new Set(outcomes.flat())).toEqual(new Set(['SUPPRESSED', 'already-redriven']));
    const third = await rig.redrive.plan(wanted(), 'kari');
    expect(third.toSend).toBe(0);
    expect(third.records.every(({ why }) => why === 'already-redriven')).toBe(true);
  });

  it('takes a record that came back to the dead letters for a new one, and one that lies there twice for one', async () => {
    await rig.die([...dying(['back', 'twice']), ...dying(['twice'])]);
    const first = await rig.redrive.plan(wanted(), 'kari');
    expect(first.records.map(({ letterId, why }) => [letterId, why]).sort()).toEqual(
      [
        [letterOf('back'), null],
        [letterOf('twice'), 'same-record'],
        [letterOf('twice'), null],
      ].sort(),
    );
    await rig.redrive.run(first.id, 'kari', FAST);
    await rig.die([{ reference: 'back', headers: { redrives: '1' } }]);
    const second = await rig.redrive.plan(wanted(), 'kari');
    expect(second.records.filter(({ decision }) => decision === 'send')).toMatchObject([{ redrives: 1 }]);
    await rig.redrive.run(second.id, 'kari', FAST);
    expect(idsIn(await rig.tier())).toEqual(['back', 'back', 'twice'].map(recordIdOf).sort());
  });

  it('leaves out what the ledger and the history have an end for, says what is past its deadline, and filters', async () => {
    const names = ['fresh', 'late', 'queued', 'uncertain', 'refused', 'done', 'adapter', 'other'];
    await rig.know(names);
    await rig.die(
      names.map((reference) => ({ reference, ...(reference === 'other' ? { failure: 'TypeError: a bug' } : {}) })),
    );
    for (const [reference, state] of [
      ['queued', 'QUEUED'],
      ['uncertain', 'UNCERTAIN'],
      ['refused', 'REFUSED'],
      ['done', 'HANDED_OVER'],
    ] as const)
      await rig.ledger(reference, state);
    await rig.leg('adapter', 'Delivered');
    await rig.database.query("INSERT INTO history_api_v1.expectation VALUES ($1, 1, now() - interval '1 hour', NULL)", [
      letterOf('late'),
    ]);
    const filter = { reason: 'nonsense' };
    const plan = await rig.redrive.plan(wanted({ filter }), 'kari');
    expect(new Map(plan.records.map(({ letterId, why, late }) => [letterId, [why, late]]))).toEqual(
      new Map<string, unknown>([
        [letterOf('fresh'), [null, false]],
        [letterOf('late'), [null, true]],
        [letterOf('queued'), ['under-way', false]],
        [letterOf('uncertain'), ['uncertain', false]],
        [letterOf('refused'), ['refused', false]],
        [letterOf('done'), ['handed-over', false]],
        [letterOf('adapter'), ['handed-over', false]],
      ]),
    );
    const strict = await rig.redrive.plan(wanted({ filter, leavePastDeadline: true }), 'kari');
    expect(strict.records.find(({ letterId }) => letterId === letterOf('late'))?.why).toBe('past-deadline');
    const one = await rig.redrive.plan(wanted({ filter: { letter: letterOf('other') } }), 'kari');
    expect(one.records).toMatchObject([{ letterId: letterOf('other'), decision: 'send' }]);
    await expect(
      rig.redrive.plan(wanted({ filter: { since: new Date(Date.now() + 60_000) } }), 'kari'),
    ).rejects.toThrow('there are no such dead letters');
  });

  it('leaves out, with the reason, what the world has overtaken since it was drawn up', async () => {
    const names = references(40);
    await rig.know(names);
    await rig.die(dying(names));
    const plan = await rig.redrive.plan(wanted(), 'kari');
    const [gone, handedOver] = [plan.records[0], plan.records.at(-1)];
    const admin = rig.kafka.admin();
    await admin.connect();
    const topic = rig.prefix + deadLetterTopic('register-lookup');
    // kafkajs knows the partitions only of topics it has been asked about
    await admin.fetchTopicOffsets(topic);
    await admin.deleteTopicRecords({
      topic,
      partitions: [{ partition: gone?.partition ?? 0, offset: '1' }],
    });
    await admin.disconnect();
    const reference = names.find((name) => letterOf(name) === handedOver?.letterId) ?? '';
    await rig.ledger(reference, 'HANDED_OVER');
    expect(await rig.redrive.run(plan.id, 'kari', FAST)).toBe(true);
    const { records } = await rig.redrive.show(plan.id);
    expect(
      records.filter(({ state }) => state === 'SUPPRESSED').map(({ letterId, outcome }) => [letterId, outcome]),
    ).toEqual([
      [gone?.letterId, 'gone'],
      [handedOver?.letterId, 'handed-over'],
    ]);
    expect(await rig.tier()).toHaveLength(38);
    const left = (await rig.told()).filter(({ step }) => step === 'SUPPRESSED');
    expect(left.map(({ reason }) => reason).sort()).toEqual(['gone', 'handed-over']);
  });

  it('that somebody has changed in the database is neither released nor run', async () => {
    await rig.ledger('letter-1', 'HANDED_OVER');
    await rig.die(dying(references(3)));
    const plan = await rig.redrive.plan(wanted(), 'kari');
    await rig.database.query(
      "UPDATE redrive_record SET decision = 'send', why = NULL, state = 'PLANNED' WHERE why IS NOT NULL",
    );
    await expect(rig.redrive.release(plan.id, 'ola')).rejects.toThrow('the plan was changed');
    await expect(rig.redrive.run(plan.id, 'kari', FAST)).rejects.toThrow('the plan was changed');
    expect((await rig.redrive.show(plan.id)).altered).toBe(true);
    await expect(rig.database.query('DELETE FROM redrive_step')).rejects.toThrow('append-only');
    expect(await rig.tier()).toEqual([]);
  });

  it('is paused, goes on where it was, and what is cancelled stays unsent', async () => {
    const names = references(60);
    await rig.know(names);
    await rig.die(dying(names));
    const plan = await rig.redrive.plan(wanted(), 'kari');
    const sentNow = async (): Promise<number> =>
      (await rig.redrive.show(plan.id)).records.filter(({ state }) => state === 'SENT').length;
    const slow = rig.redrive.run(plan.id, 'kari', { rate: 10 });
    await eventually('the first', async () => ((await sentNow()) > 0 ? true : undefined));
    const other = await rig.open();
    await expect(other.run(plan.id, 'ola', FAST)).rejects.toThrow('another run for register-lookup is going on');
    await other.pause(plan.id, 'ola');
    expect(await slow).toBe(false);
    const before = await sentNow();
    expect(before).toBeLessThan(60);
    expect(await rig.tier()).toHaveLength(before);
    await expect(rig.redrive.run(plan.id, 'kari', FAST)).rejects.toThrow('the plan is PAUSED');
    const going = rig.redrive.resume(plan.id, 'kari', { rate: 10 });
    await eventually('more of them', async () => ((await sentNow()) > before ? true : undefined));
    await other.cancel(plan.id, 'ola');
    expect(await going).toBe(false);
    const { state, records } = await rig.redrive.show(plan.id);
    expect(state).toBe('CANCELLED');
    expect(new Set(records.map((one) => one.state))).toEqual(new Set(['SENT', 'CANCELLED']));
    expect(await rig.tier()).toHaveLength(await sentNow());
    await expect(rig.redrive.run(plan.id, 'kari', FAST)).rejects.toThrow('the plan is CANCELLED');
    // what it gave up another plan may send
    const again = await rig.redrive.plan(wanted(), 'kari');
    expect(again.toSend).toBe(60 - (await sentNow()));
  });

  it('is not drawn up on the guess that nothing was done, where a service has never published what it did', async () => {
    await rig.die(dying(['one']));
    await rig.database.query('DROP SCHEMA effect_api_v1 CASCADE');
    await expect(rig.redrive.plan(wanted(), 'kari')).rejects.toThrow('the views effect_api_v1 are missing');
  });

  it('sends what lay sealed as it was first read, and leaves it where there is no key for it', async () => {
    const key = letterOf('sealed');
    const content = {
      key,
      value: Buffer.from('of 21883649874, in clear').toString('base64'),
      headers: { ce_id: recordIdOf('sealed') },
    };
    const value = KEYS.seal('internal', key, 'sealed-record', JSON.stringify(content));
    await rig.die([{ reference: 'sealed', value, headers: { 'sealed-record': '1' } }]);
    const keyless = await rig.open(new KeyRing(new Map()));
    expect((await keyless.plan(wanted(), 'kari')).records).toMatchObject([{ decision: 'suppress', why: 'sealed' }]);
    const plan = await rig.redrive.plan(wanted(), 'kari');
    expect(await rig.redrive.run(plan.id, 'kari', FAST)).toBe(true);
    expect((await rig.tier()).map((one) => [one.key, one.value?.toString(), one.headers['sealed-record']])).toEqual([
      [key, 'of 21883649874, in clear', undefined],
    ]);
  });
});

describe('what is said of dead letters', () => {
  it('is not whatever letter an agency named as the key of its record: only that which its own reference gives', async () => {
    const submitted = (reference: string): Buffer =>
      encode('letter.submitted.v1', {
        ...{ reference, kind: 'ENKELTVEDTAK', language: 'nb', securityLevel: 4, documents: [], openingReceipt: false },
        ...{
          recipient: SEALED,
          title: SEALED,
          nonSensitiveTitle: SEALED,
          print: null,
          notice: null,
          effectiveAt: null,
        },
        ...{ avsenderidentifikator: null, invoiceReference: null, caseReference: null },
      });
    const service = 'integration-point' as const;
    const topic = `letter.submitted.v1.${AGENCY}`;
    const somebodys = letterIdOf('310000027', 'guessed');
    await rig.die([
      { service, topic, reference: 'own', value: submitted('own') },
      { service, topic, reference: 'named', key: somebodys, value: submitted('named') },
      { service, topic, reference: 'garbage', key: somebodys },
    ]);
    const found = await deadLettersOf(rig.kafka, rig.prefix, service, {});
    expect(found.map(({ letterId }) => letterId).sort()).toEqual([letterOf('own'), null, null].sort());
  });

  it('controls no terminal, and fits into the database', async () => {
    await rig.die([{ reference: 'hostile', failure: 'Error: \0 and \x1b[2J\x07' }]);
    const [dead] = await deadLettersOf(rig.kafka, rig.prefix, 'register-lookup', {});
    expect(dead?.failure).not.toMatch(/\p{Cc}/u);
    expect((await rig.redrive.plan(wanted(), 'kari')).toSend).toBe(1);
  });

  it('is nothing of their content, and nothing that looks personal in what somebody else wrote about them', async () => {
    await rig.die([
      { reference: 'plain', value: Buffer.from('to kari@example.org, 21883649874'), key: '21883649874' },
      { reference: 'talkative', failure: 'Error: no such person 21883649874 <kari@example.org>' },
      { reference: 'receipt', topic: 'receipt.received.digipost.v1', service: 'receipts' },
    ]);
    const { kafka, prefix } = rig;
    const found = await deadLettersOf(kafka, prefix, 'register-lookup', {});
    expect(found).toHaveLength(2);
    expect(JSON.stringify(found)).not.toMatch(/21883649874|kari@/);
    expect(found.map((one) => one.letterId)).toEqual(expect.arrayContaining([null, letterOf('talkative')]));
    // a receipt is keyed by its conversation, which is no letter
    expect(await deadLettersOf(kafka, prefix, 'receipts', {})).toMatchObject([{ letterId: null, attempts: 5 }]);
    expect(await deadLettersOf(kafka, prefix, 'receipts', { reason: 'permanent' })).toEqual([]);
  });
});
