import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { LetterDispatch } from '@postgang/pipeline';
import { eventually } from '@postgang/testing';
import { AGENCY, OTHER_AGENCY, Rig, sql } from './rig.js';

let rig: Rig;
beforeAll(async () => {
  rig = await Rig.start();
}, 60_000);
afterAll(() => rig?.stop(), 60_000);

const seal = (sender = AGENCY): Promise<LetterDispatch> => rig.letters.seal(sender);

/** What waits would be tried again in half a minute. */
const due = (url: string): Promise<unknown> =>
  sql(url, `UPDATE provider_dispatch.effect SET not_before = now() WHERE state = 'QUEUED'`);

describe('a database restored from a backup', () => {
  it('has every leg since then asked for before anything is sent: none twice, none lost', async () => {
    const [before, waiting, after, never] = [await seal(), await seal(OTHER_AGENCY), await seal(), await seal()];

    // the backup: one letter is handed over, one still waits for its agency's delegation
    await rig.run();
    await rig.admin('DELETE', '/admin/delegations', { consumer: OTHER_AGENCY });
    await rig.send(before, waiting);
    await rig.in('HANDED_OVER', before);
    await eventually('the hold', async () => (await rig.row(waiting))?.reason === 'no-delegation');
    await eventually('the mark', async () => {
      const rows = await sql(rig.databaseUrl, 'SELECT 1 FROM provider_dispatch.effect WHERE published_at IS NOT NULL');
      return rows.length === 1;
    });
    await rig.halt();
    const backup = await rig.backup();

    // since then: that one was handed over, another one too, and a third was taken in and not handed over
    await rig.admin('POST', '/admin/agencies', { agencies: [OTHER_AGENCY] });
    await due(rig.databaseUrl);
    await rig.run();
    await rig.send(after);
    for (const event of [waiting, after]) await rig.in('HANDED_OVER', event);
    // asked for patience, and none of it is left after a restart
    await rig.admin('POST', '/admin/faults', {
      system: 'access-point',
      mode: 'status',
      status: 429,
      retryAfterSeconds: 60,
    });
    await rig.send(never);
    await eventually('the third in the ledger', () => rig.row(never));
    await eventually('all told', () => [before, waiting, after].every((event) => rig.of(event).length === 1));
    await rig.halt();
    rig.sandbox.fault({ system: 'access-point', mode: 'none' });
    expect(await rig.accepted()).toMatchObject({ accepted: 3, duplicatesRefused: 0 });

    // the disaster: all since the backup is gone
    await rig.run(backup);
    for (const event of [waiting, after])
      expect(await rig.in('HANDED_OVER', event, backup)).toMatchObject({ settledHow: 'provider-has-it', attempts: 0 });
    expect(await rig.in('HANDED_OVER', never, backup)).toMatchObject({ settledHow: 'never-arrived', attempts: 1 });
    // what comes later is no matter of the restore
    const fresh = await seal();
    await rig.send(fresh);
    expect(await rig.in('HANDED_OVER', fresh, backup)).toMatchObject({ settled: false, attempts: 1 });
    expect(await rig.row(before, backup)).toMatchObject({ settled: false, attempts: 1 });
    // not even tried: the access point never had to refuse a used id
    expect(await rig.accepted()).toMatchObject({ accepted: 5, distinctMessageIds: 5, duplicatesRefused: 0 });

    await eventually('all told again', () => [waiting, after].every((event) => rig.of(event).length === 2), 30_000);
    for (const event of [waiting, after]) expect(new Set(rig.of(event).map(({ id }) => id)).size).toBe(1);
    expect(await rig.metric('effects_total', 'provider-has-it')).toBe(2);
  }, 180_000);

  it('is not taken for one at the next start', async () => {
    const backup = `${rig.databaseUrl}_backup`;
    await rig.halt();
    const event = await seal();
    await rig.send(event);
    await rig.run(backup);
    expect(await rig.in('HANDED_OVER', event, backup)).toMatchObject({ settled: false, attempts: 1 });
  }, 60_000);

  it('asks for a leg, too, that was given up in the backup and sent again and handed over since', async () => {
    const backup = `${rig.databaseUrl}_backup`;
    const event = await seal();
    await rig.halt();
    await rig.run(backup);
    await rig.send(event);
    await rig.in('HANDED_OVER', event, backup);
    await eventually('the mark', async () => {
      const rows = await sql(backup, 'SELECT 1 FROM provider_dispatch.effect WHERE published_at IS NULL');
      return rows.length === 0;
    });
    await rig.redrive(event);
    await eventually('the record in the tier', async () => {
      const rows = await sql<{ suppressed: number }>(
        backup,
        `SELECT suppressed FROM provider_dispatch.effect WHERE id = '${event.messageId}'`,
      );
      return rows[0]?.suppressed === 1;
    });
    await rig.halt();
    // what the backup knows: given up, and nothing of what came by way of the retry tier
    await sql(
      backup,
      `UPDATE provider_dispatch.effect SET state = 'FAILED', settled_how = NULL WHERE id = '${event.messageId}'`,
    );
    await sql(
      backup,
      `UPDATE provider_dispatch.consumed_offset SET next_offset = 0 WHERE topic = 'provider-dispatch.retry.10s'`,
    );
    const before = await rig.accepted();
    await rig.run(backup);
    expect(await rig.in('HANDED_OVER', event, backup)).toMatchObject({ settledHow: 'provider-has-it', attempts: 0 });
    expect(await rig.accepted()).toEqual(before);
  }, 120_000);
});

describe('a database restored from a backup after which no record was consumed', () => {
  let alone: Rig;
  beforeAll(async () => {
    alone = await Rig.start();
  }, 60_000);
  afterAll(() => alone?.stop(), 60_000);

  it('has what waited in it asked for first: the offsets say nothing, but it is another database', async () => {
    const waiting = await alone.letters.seal(OTHER_AGENCY);
    await alone.run();
    await alone.admin('DELETE', '/admin/delegations', { consumer: OTHER_AGENCY });
    await alone.send(waiting);
    await eventually('the hold', async () => (await alone.row(waiting))?.reason === 'no-delegation');
    await alone.halt();
    const backup = await alone.backup();
    await alone.admin('POST', '/admin/agencies', { agencies: [OTHER_AGENCY] });
    await due(alone.databaseUrl);
    await alone.run();
    expect(await alone.in('HANDED_OVER', waiting)).toMatchObject({ settled: false, attempts: 1 });
    await alone.halt();

    await alone.run(backup);
    expect(await alone.in('HANDED_OVER', waiting, backup)).toMatchObject({
      settledHow: 'provider-has-it',
      attempts: 0,
    });
    expect(await alone.accepted()).toMatchObject({ accepted: 1, duplicatesRefused: 0 });
  }, 180_000);
});
