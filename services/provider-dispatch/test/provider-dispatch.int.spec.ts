import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { header, messageIdOf, type LetterDispatch, type ReceiptReceived } from '@postgang/pipeline';
import { eventually } from '@postgang/testing';
import { AGENCY, OTHER_AGENCY, Rig, sql, TRACE, type Seen } from './rig.js';
import type { ProviderName } from './sealed-letters.js';

let rig: Rig;

beforeAll(async () => {
  rig = await Rig.start({ receiptDelayMs: 0 });
  await rig.run();
}, 60_000);
afterAll(() => rig?.stop(), 30_000);

beforeEach(() => rig.admin('POST', '/admin/reset', {}));

describe('a letter', () => {
  it.each<[ProviderName]>([['digipost'], ['eboks'], ['print']])(
    'is handed over to %s once, however often its event comes',
    async (provider) => {
      const event = await rig.letters.seal(AGENCY, provider);
      await rig.send(event, event, event);
      expect((await rig.handedOver(event)).event).toMatchObject({
        leg: 1,
        provider,
        messageId: messageIdOf(event.letterId, 1),
        attempts: 1,
        settled: false,
      });
      await rig.send(event);
      const next = await rig.letters.seal(AGENCY, provider);
      await rig.send(next);
      await rig.handedOver(next);
      expect(rig.of(event)).toHaveLength(1);
      expect(await rig.accepted()).toMatchObject({ accepted: 2, distinctMessageIds: 2, duplicatesRefused: 0 });
    },
  );

  it('whose answer was lost after the provider took it is settled by asking, and counted once', async () => {
    rig.sandbox.fault({ system: 'access-point', mode: 'drop-answer-after-effect' });
    const event = await rig.letters.seal(AGENCY);
    await rig.send(event);
    await eventually('the uncertainty', async () => ((await rig.row(event))?.state === 'UNCERTAIN' ? true : undefined));
    rig.sandbox.fault({ system: 'access-point', mode: 'none' });
    expect((await rig.handedOver(event)).event).toMatchObject({ settled: true, attempts: 1 });
    expect(await rig.accepted()).toMatchObject({ accepted: 1, distinctMessageIds: 1, duplicatesRefused: 0 });
  }, 60_000);

  it('waits while the provider is away; no attempt is burnt', async () => {
    rig.sandbox.fault({ system: 'maskinporten', mode: 'off' });
    const waiting = await Promise.all([1, 2, 3].map(() => rig.letters.seal('310000205')));
    await rig.admin('POST', '/admin/agencies', { agencies: ['310000205'] });
    await rig.send(...waiting);
    await eventually('a try that came to nothing', async () =>
      (await rig.row(waiting[0] as LetterDispatch))?.reason === 'maskinporten-down' ? true : undefined,
    );
    rig.sandbox.fault({ system: 'maskinporten', mode: 'none' });
    for (const event of waiting)
      expect((await rig.handedOver(event)).event).toMatchObject({ attempts: 1, settled: false });
  }, 60_000);

  it('waits as long as a busy provider asks; no attempt is burnt', async () => {
    rig.sandbox.fault({ system: 'access-point', mode: 'status', status: 429, retryAfterSeconds: 2 });
    const event = await rig.letters.seal(AGENCY);
    const began = performance.now();
    await rig.send(event);
    await eventually('the answer', async () => (await rig.row(event))?.reason === 'status-429' || undefined);
    rig.sandbox.fault({ system: 'access-point', mode: 'none' });
    expect((await rig.handedOver(event)).event).toMatchObject({ attempts: 1 });
    expect(performance.now() - began).toBeGreaterThan(2_000);
  }, 60_000);

  it('of an agency that took its delegation back waits alone', async () => {
    await rig.admin('DELETE', '/admin/delegations', { consumer: OTHER_AGENCY });
    const blocked = await rig.letters.seal(OTHER_AGENCY);
    await rig.send(blocked);
    await eventually('the hold', async () => ((await rig.row(blocked))?.reason === 'no-delegation' ? true : undefined));
    expect(await rig.metric('senders_held', OTHER_AGENCY)).toBe(1);
    const free = await rig.letters.seal(AGENCY);
    await rig.send(free);
    await rig.handedOver(free);
    expect(await rig.row(blocked)).toMatchObject({ state: 'QUEUED', attempts: 0 });
    expect(await rig.metric('senders_held', AGENCY)).toBeUndefined();

    await rig.admin('POST', '/admin/agencies', { agencies: [OTHER_AGENCY] });
    expect((await rig.handedOver(blocked)).event).toMatchObject({ attempts: 1 });
    expect(await rig.metric('senders_held', OTHER_AGENCY)).toBe(0);
    expect(rig.refused.some(({ event }) => event.letterId === blocked.letterId)).toBe(false);
  }, 90_000);

  it('that the provider refuses is news for the sender', async () => {
    const event = await rig.letters.seal(AGENCY);
    await rig.send({ ...event, providerOrganisation: '910076787' });
    expect(await rig.refusal(event)).toMatchObject({ about: 'LEG', leg: 1, reason: 'provider-refused' });
    expect(await rig.row(event)).toMatchObject({ state: 'REFUSED', reason: 'unknown-receiver', attempts: 1 });
  });

  it('whose package is gone fails, with a dead letter for the operator', async () => {
    const event = await rig.letters.seal(AGENCY);
    await rig.send({ ...event, packageDigest: Buffer.alloc(32).toString('base64') });
    expect(await rig.refusal(event)).toMatchObject({ about: 'LEG', reason: 'provider-unreachable' });
    const dead = await eventually('the dead letter', () => rig.deadLetters.find(({ key }) => key === event.letterId));
    expect(header(dead.headers, 'origin-topic')).toBe('letter.dispatch.digipost.v1');
    expect(header(dead.headers, 'failure')).toBe('cannot-be-handed-over');
  });

  it('that was given up goes out when an operator has it sent again, and what was not given up stays as it is', async () => {
    const [failed, done] = [await rig.letters.seal(AGENCY), await rig.letters.seal(AGENCY)];
    await rig.send({ ...failed, packageDigest: Buffer.alloc(32).toString('base64') }, done);
    await rig.refusal(failed);
    await rig.handedOver(done);
    await rig.redrive(failed, done);
    expect((await rig.handedOver(failed)).event).toMatchObject({ messageId: failed.messageId, attempts: 1 });
    expect(await rig.row(done)).toMatchObject({ state: 'HANDED_OVER', attempts: 1 });
    expect(await rig.accepted()).toMatchObject({ accepted: 2, distinctMessageIds: 2, duplicatesRefused: 0 });
  });

  it('whose process died between end and event is told by the sweep, under the same id', async () => {
    const event = await rig.letters.seal(AGENCY);
    await rig.send(event);
    const first = await rig.handedOver(event);
    await eventually('the mark', async () => {
      const found = await sql(rig.databaseUrl, 'SELECT 1 FROM effect WHERE id = $1 AND published_at IS NOT NULL', [
        event.messageId,
      ]);
      return found.length === 1;
    });
    await sql(
      rig.databaseUrl,
      "UPDATE effect SET published_at = NULL, done_at = done_at - interval '1 minute' WHERE id = $1",
      [event.messageId],
    );
    const both = await eventually('the event again', () => {
      const found = rig.of(event);
      return found.length === 2 ? found : undefined;
    });
    expect(both[1]?.id).toBe(first.id);
  });
});

describe('receipts', () => {
  it('tell for every provider until when it has been asked for all it had', async () => {
    const told = await eventually('a word about each', () => {
      const providers = rig.receipts
        .filter(({ event }) => event.pulledUntil !== null)
        .map(({ event }) => event.provider);
      return new Set(providers).size === 3 ? providers : undefined;
    });
    expect(new Set(told)).toEqual(new Set(['digipost', 'eboks', 'print']));
  });

  it('are published before they are marked read, and never get lost on the way', async () => {
    // marks fail now and then: what was fetched comes again, as the same event. Not every second call: pulls and hand-overs take turns
    rig.sandbox.fault({ system: 'access-point', mode: 'status', status: 503, percent: 34 });
    const event = await rig.letters.seal(AGENCY);
    await rig.send(event);
    await rig.handedOver(event);
    rig.sandbox.fault({ system: 'access-point', mode: 'none' });
    const mine = (): Seen<ReceiptReceived>[] =>
      rig.receipts.filter((seen) => seen.event.conversationId === event.conversationId);
    await eventually('the receipt', () => mine()[0]);
    await eventually('an empty inbox', async () => {
      const counts = (await (await fetch(`${rig.sandbox.url}/admin/counts`)).json()) as {
        receipts: { waiting: number };
      };
      return counts.receipts.waiting === 0 ? true : undefined;
    });
    expect(new Set(mine().map(({ id }) => id)).size).toBe(1);
    expect(mine()[0]?.traceparent).toBe(TRACE);
    expect((await rig.handedOver(event)).traceparent).toBe(TRACE);
    await eventually('the note that somebody answered', async () => {
      const found = await sql(rig.databaseUrl, 'SELECT 1 FROM effect WHERE id = $1 AND answered_at IS NOT NULL', [
        event.messageId,
      ]);
      return found.length === 1;
    });
  }, 60_000);
});
