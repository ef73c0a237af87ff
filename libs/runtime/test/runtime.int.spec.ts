import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { DependencyDown, PermanentError, TransientError } from '@postgang/outside';
import { deadLetterTopic, encode, header, retryTopic } from '@postgang/pipeline';
import { eventually } from '@postgang/testing';
import type { KafkaMessage } from 'kafkajs';
import { failed, publish, refuse, type FloodLimits, type Outcome, type Received, type Service } from '../src/index.js';
import { startRig, type Rig } from './rig.js';
import {
  dispatched,
  dispatchedRecord,
  distinct,
  letterIds,
  notifiedDraft,
  serviceOf,
  type Handler,
} from './spec-stage.js';

let rig: Rig;
beforeEach(async () => {
  rig = await startRig();
});
afterEach(() => rig.close());

/** A service with one stage, whose behaviour the test gives. */
const serviceWith = (
  handler: (batch: readonly Received<'letter.dispatched.v1'>[]) => Promise<readonly Outcome[]>,
  flood?: FloodLimits,
): Service => serviceOf('receipts', 'letter.dispatched.v1', handler as Handler, flood === undefined ? {} : { flood });
const hand = (ids: readonly string[]): Promise<void> => rig.produce('letter.dispatched.v1', ids.map(dispatchedRecord));
const headerOf = (message: KafkaMessage | undefined, name: string): string | undefined =>
  header(message?.headers, name);

describe('a stage', () => {
  it('handles 10,000 records through two restarts: every one published, with the same ids when repeated', async () => {
    const ids = letterIds(10_000);
    await hand(ids);
    const out = await rig.collect('recipient.notified.v1');
    const service = serviceWith(async (batch) => batch.map(({ event }) => publish(notifiedDraft(event.letterId))));
    const first = await rig.start(service);
    await eventually('a first part', () => out.length > 500 || undefined);
    await first.stop();
    const second = await rig.start(service);
    await eventually('a second part', () => out.length > 4_000 || undefined);
    await second.stop();
    await rig.start(service);
    await eventually(
      'everything',
      () => new Set(out.map((message) => message.key?.toString())).size === ids.length || undefined,
    );
    const idsByKey = new Map<string, Set<string>>();
    for (const message of out) {
      const key = message.key?.toString() ?? '';
      idsByKey.set(key, (idsByKey.get(key) ?? new Set()).add(headerOf(message, 'ce_id') ?? ''));
    }
    for (const known of idsByKey.values()) expect(known.size).toBe(1);
  }, 60_000);

  it('gets the records of several partitions in one call, no letter twice in it, and passes traceparent on', async () => {
    const ids = letterIds(400);
    await hand([...ids, ...ids]);
    const calls: number[] = [];
    const out = await rig.collect('recipient.notified.v1');
    await rig.start(
      serviceWith(async (batch) => {
        calls.push(batch.length);
        expect(new Set(batch.map(({ key }) => key)).size).toBe(batch.length);
        return batch.map(({ event }) => publish(notifiedDraft(event.letterId)));
      }),
    );
    await eventually('all', () => out.length >= 800 || undefined);
    expect(calls.length).toBeLessThan(40);
    const message = out[0];
    expect(headerOf(message, 'traceparent')).toContain((message?.key?.toString() ?? '').replaceAll('-', ''));
    expect(headerOf(message, 'ce_type')).toBe('no.postgang.recipient.notified.v1');
  });

  it('sends what cannot be decoded to the dead letters without holding up the rest, with the record as it was', async () => {
    const [good = '', bad = ''] = letterIds(2);
    await rig.produce('letter.dispatched.v1', [
      { key: bad, value: 'rubbish' },
      { key: good, value: encode('letter.dispatched.v1', dispatched(good)) },
    ]);
    const [dead, out] = await Promise.all([
      rig.collect(deadLetterTopic('receipts')),
      rig.collect('recipient.notified.v1'),
    ]);
    await rig.start(serviceWith(async (batch) => batch.map(({ event }) => publish(notifiedDraft(event.letterId)))));
    await eventually('both', () => (distinct(dead) === 1 && distinct(out) === 1) || undefined);
    expect(dead[0]?.value?.toString()).toBe('rubbish');
    expect(headerOf(dead[0], 'origin-topic')).toBe('letter.dispatched.v1');
    expect(headerOf(dead[0], 'dead-because')).toBe('permanent');
  });

  it('sends a transient failure to the first tier and a permanent one to the dead letters, and takes a refusal as an event', async () => {
    const [transient = '', permanent = '', refused = ''] = letterIds(3);
    await hand([transient, permanent, refused]);
    const [retry, dead, out] = await Promise.all([
      rig.collect(retryTopic('receipts', '10s')),
      rig.collect(deadLetterTopic('receipts')),
      rig.collect('letter.refused.v1'),
    ]);
    await rig.start(
      serviceWith(async (batch) =>
        batch.map(({ key }) => {
          if (key === transient) return failed(new TransientError('conflict with 21883649874'));
          if (key === permanent) return failed(new PermanentError('never'));
          return refuse({
            about: 'LEG',
            letterId: key,
            sender: '310000019',
            reference: 'r',
            leg: 1,
            reason: 'provider-refused',
            detail: 'x',
          });
        }),
      ),
    );
    await eventually(
      'all three',
      () => (distinct(retry) === 1 && distinct(dead) === 1 && distinct(out) === 1) || undefined,
    );
    expect(headerOf(retry[0], 'attempt')).toBe('1');
    expect(headerOf(retry[0], 'failure')).toBe('TransientError: conflict with [national-id]');
    expect(dead[0]?.key?.toString()).toBe(permanent);
    expect(out[0]?.key?.toString()).toBe(refused);
  });

  it('handles a record from a retry tier when it is due, as if it came from its first topic', async () => {
    const [id = ''] = letterIds(1);
    const due = Date.now() + 1_500;
    await rig.produce(retryTopic('receipts', '10s'), [
      {
        key: id,
        value: encode('letter.dispatched.v1', dispatched(id)),
        headers: { ce_id: id, attempt: '1', 'origin-topic': 'letter.dispatched.v1', 'retry-due-at': String(due) },
      },
    ]);
    const seen: { at: number; attempt: number; topic: string }[] = [];
    await rig.start(
      serviceWith(async (batch) => {
        for (const { attempt, source } of batch) seen.push({ at: Date.now(), attempt, topic: source.topic });
        return batch.map(() => publish());
      }),
    );
    await eventually('the record', () => seen.length >= 1 || undefined);
    expect(seen[0]).toMatchObject({ attempt: 1, topic: 'letter.dispatched.v1' });
    expect(seen[0]?.at).toBeGreaterThanOrEqual(due);
  });

  it('handles a record from a retry tier after the tier’s delay, though the clock of whoever wrote it was a day ahead', async () => {
    const [first = '', second = ''] = letterIds(2);
    const tomorrow = Date.now() + 86_400_000;
    await rig.produce(
      retryTopic('receipts', '10s'),
      [first, second].map((id) => ({
        key: id,
        value: encode('letter.dispatched.v1', dispatched(id)),
        headers: { ce_id: id, attempt: '1', 'origin-topic': 'letter.dispatched.v1', 'retry-due-at': String(tomorrow) },
      })),
    );
    const began = performance.now();
    const seen: number[] = [];
    await rig.start(
      serviceWith(async (batch) => {
        for (const _ of batch) seen.push(performance.now() - began);
        return batch.map(() => publish());
      }),
    );
    await eventually('both records', () => seen.length >= 2 || undefined, 40_000);
    expect(Math.min(...seen)).toBeGreaterThanOrEqual(10_000);
  }, 60_000);

  it('reruns a batch singly when the handler throws, so that one bad record takes no other with it', async () => {
    const ids = letterIds(20);
    await hand(ids);
    const [retry, out] = await Promise.all([
      rig.collect(retryTopic('receipts', '10s')),
      rig.collect('recipient.notified.v1'),
    ]);
    await rig.start(
      serviceWith(async (batch) => {
        if (batch.some(({ key }) => key === ids[7])) throw new TypeError('a bug');
        return batch.map(({ event }) => publish(notifiedDraft(event.letterId)));
      }),
    );
    await eventually('nineteen and one', () => (distinct(out) === 19 && distinct(retry) === 1) || undefined);
    expect(retry[0]?.key?.toString()).toBe(ids[7]);
  });

  it('commits nothing and burns no attempt while a dependency is down, and goes on by itself', async () => {
    const ids = letterIds(50);
    await hand(ids);
    let down = 3;
    const attempts = new Set<number>();
    const out = await rig.collect('recipient.notified.v1');
    await rig.start(
      serviceWith(async (batch) => {
        for (const { attempt } of batch) attempts.add(attempt);
        if (down-- > 0) throw new DependencyDown('krr');
        return batch.map(({ event }) => publish(notifiedDraft(event.letterId)));
      }),
    );
    await eventually('all', () => distinct(out) === 50 || undefined);
    expect([...attempts]).toEqual([0]);
  });

  it('stops when most records end badly, publishing nothing of that batch', async () => {
    await hand(letterIds(60));
    const dead = await rig.collect(deadLetterTopic('receipts'));
    const running = await rig.start(
      serviceWith(async (batch) => batch.map(() => failed(new PermanentError('a bad deploy'))), {
        share: 0.5,
        atLeast: 10,
        windowMs: 60_000,
      }),
    );
    await eventually('the stop', () => !running.ready() || undefined);
    expect(dead.length).toBeLessThan(10);
    expect((await fetch(`${running.managementUrl}/readyz`)).status).toBe(503);
    expect((await fetch(`${running.managementUrl}/livez`)).status).toBe(200);
    // what it does not read is seen at the broker
    const lag = await eventually('the lag', async () => {
      const metrics = await (await fetch(`${running.managementUrl}/metrics`)).text();
      return /kafka_consumergroup_lag_sum\{[^}]*topic="[^"]*letter\.dispatched\.v1"[^}]*\} (\d+)/.exec(metrics)?.[1];
    });
    expect(Number(lag)).toBeGreaterThanOrEqual(60);
  });

  it('that was stopped has lost nothing: with FLOOD_SHARE=1 it works off what lay there, bad ends and all', async () => {
    const ids = letterIds(60);
    await hand(ids);
    const [dead, out] = await Promise.all([
      rig.collect(deadLetterTopic('receipts')),
      rig.collect('recipient.notified.v1'),
    ]);
    const bad = new Set(ids.slice(0, 45));
    const mostlyBad = (flood?: Partial<FloodLimits>): Service =>
      serviceWith(
        async (batch) =>
          batch.map(({ key, event }) =>
            bad.has(key) ? failed(new PermanentError('as it should be')) : publish(notifiedDraft(event.letterId)),
          ),
        { share: 0.5, atLeast: 10, windowMs: 60_000, ...flood },
      );
    const stopped = await rig.start(mostlyBad());
    await eventually('the stop', () => !stopped.ready() || undefined);
    await stopped.stop();
    expect(distinct(dead) + distinct(out)).toBeLessThan(ids.length);
    await rig.start(mostlyBad({ share: 1 }));
    await eventually('all', () => (distinct(dead) === 45 && distinct(out) === 15) || undefined);
  });

  it('is not held up by poison: each partition goes on behind a record that no attempt can save', async () => {
    const ids = letterIds(200);
    const poison = new Set(ids.filter((_, index) => index % 10 === 0));
    await hand(ids);
    const [retry, dead, out] = await Promise.all([
      rig.collect(retryTopic('receipts', '10s')),
      rig.collect(deadLetterTopic('receipts')),
      rig.collect('recipient.notified.v1'),
    ]);
    await rig.produce(
      retryTopic('receipts', '10s'),
      // had all its attempts but one: what fails in a tier does not hold up the tier either
      [...poison].map((key) => ({
        ...dispatchedRecord(key),
        headers: { ce_id: key, attempt: '4', 'origin-topic': 'letter.dispatched.v1', 'retry-due-at': '0' },
      })),
    );
    await rig.start(
      serviceWith(async (batch) => {
        if (batch.some(({ key }) => poison.has(key))) throw new TypeError('a bug that one letter brings out');
        return batch.map(({ event }) => publish(notifiedDraft(event.letterId)));
      }),
    );
    await eventually('all', () => (distinct(out) === 180 && distinct(dead) === 20) || undefined);
    const sentBack = retry.filter((message) => headerOf(message, 'attempt') === '1');
    expect(distinct(sentBack)).toBe(20);
    expect(new Set(dead.map((message) => headerOf(message, 'dead-because')))).toEqual(new Set(['exhausted']));
  });

  it('stays stopped when another instance joins', async () => {
    await hand(letterIds(60));
    const flood = { share: 0.5, atLeast: 1, windowMs: 60_000 };
    const calls: string[] = [];
    const instance = (name: string): Service =>
      serviceWith(async (batch) => {
        calls.push(name);
        return batch.map(() => failed(new PermanentError('a bad deploy')));
      }, flood);
    const stopping = async (name: string): Promise<void> => {
      const running = await rig.start(instance(name));
      await eventually(`the stop of ${name}`, () => (calls.includes(name) && !running.ready()) || undefined);
    };
    await stopping('first');
    const before = calls.length;
    // its joining gives the first instance other partitions, and kafkajs resumes them
    await stopping('second');
    expect(calls.slice(before)).not.toContain('first');
  });

  it('shows its metrics on the management port', async () => {
    const running = await rig.start(serviceWith(async (batch) => batch.map(() => publish())));
    await hand(letterIds(5));
    const text = await eventually('the counter', async () => {
      const metrics = await (await fetch(`${running.managementUrl}/metrics`)).text();
      return metrics.includes('letters_stage_records_total') ? metrics : undefined;
    });
    expect(text).toMatch(/letters_stage_records_total\{[^}]*outcome="publish"[^}]*\} [0-9]+/);
  });

  it('is refused twice for one topic', async () => {
    const twice = serviceWith(async (batch) => batch.map(() => publish()));
    const both: Service = {
      ...twice,
      module: (config) => {
        const one = twice.module(config);
        const two = serviceWith(async (batch) => batch.map(() => publish())).module(config);
        return { ...one, controllers: [...(one.controllers ?? []), ...(two.controllers ?? [])] };
      },
    };
    await expect(rig.start(both)).rejects.toThrow('two stages for letter.dispatched.v1');
  });
});
