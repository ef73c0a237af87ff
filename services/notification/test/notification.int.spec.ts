import 'reflect-metadata';
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { KeyRing } from '@postgang/outside';
import { decode, header, letterIdOf, type LetterNotify, type RecipientNotified } from '@postgang/pipeline';
import {
  BatchingSender,
  createLogger,
  createTopics,
  draft,
  kafkaClient,
  kafkaProducer,
  Publisher,
  startService,
  type RunningService,
} from '@postgang/runtime';
import { scripted, startSandbox, type ReceivedMail, type Sandbox } from '@postgang/sandbox';
import { eventually, freshDatabase, testServers, uniquePrefix } from '@postgang/testing';
import pg from 'pg';
import { service } from '../src/index.js';

const AGENCY = '310000027';
const NAME = 'Prøveetaten';

const prefix = uniquePrefix();
const keyRing = JSON.stringify({ internal: { active: 'k', keys: { k: randomBytes(32).toString('base64') } } });
const keys = KeyRing.parse(keyRing);
const told: { id: string | undefined; value: Buffer; event: RecipientNotified }[] = [];
const setAside: { topic: string; letterId: string; attempt: string | undefined }[] = [];
let closing: (() => Promise<unknown>)[] = [];
let sandbox: Sandbox;
let publisher: Publisher;
let running: RunningService;
let database: pg.Client;
let environment: Record<string, string>;

beforeAll(async () => {
  const { brokers } = testServers();
  const kafka = kafkaClient({ brokers, topicPrefix: prefix }, 'spec', createLogger('spec', 'silent'));
  await createTopics(kafka, [], { prefix, replication: 1, partitions: 1 });
  const fresh = await freshDatabase();
  closing.push(() => fresh.drop());
  const folder = await mkdtemp(join(tmpdir(), 'notification-'));
  closing.push(() => rm(folder, { recursive: true, force: true }));
  sandbox = await startSandbox({ dir: folder });
  closing.push(() => sandbox.stop());
  await admin('POST', '/admin/agencies', { agencies: [AGENCY] });
  const producer = kafkaProducer(kafka);
  await producer.connect();
  closing.push(() => producer.disconnect());
  publisher = new Publisher('receipts', new BatchingSender(producer, prefix));
  const consumer = kafka.consumer({ groupId: `${prefix}spec` });
  await consumer.connect();
  closing.push(() => consumer.disconnect());
  const aside = ['retry.10s', 'retry.1m', 'retry.10m', 'retry.1h', 'dlq'].map((name) => `notification.${name}`);
  await consumer.subscribe({
    topics: ['recipient.notified.v1', ...aside].map((topic) => prefix + topic),
    fromBeginning: true,
  });
  await consumer.run({
    eachMessage: ({ topic, message: { key, value, headers = {} } }) => {
      if (topic.endsWith('recipient.notified.v1'))
        told.push({
          id: header(headers, 'ce_id'),
          value: value as Buffer,
          event: decode('recipient.notified.v1', value),
        });
      else setAside.push({ topic, letterId: String(key), attempt: header(headers, 'attempt') });
      return Promise.resolve();
    },
  });
  environment = {
    POSTGANG_ENVIRONMENT: 'test',
    KAFKA_BROKERS: brokers.join(','),
    TOPIC_PREFIX: prefix,
    POSTGRES_URL: fresh.url,
    LOG_LEVEL: 'fatal',
    KEY_RING: keyRing,
    OPERATOR_KEY_FILE: join(folder, 'operator.key.pem'),
    OPERATOR_CHAIN_FILE: join(folder, 'operator.chain.pem'),
    MASKINPORTEN_ISSUER: sandbox.issuer,
    MASKINPORTEN_CLIENT_ID: sandbox.operator.clientId,
    KRR_URL: sandbox.url,
    SMTP_HOST: sandbox.smtp.host,
    SMTP_PORT: String(sandbox.smtp.port),
    SMTP_TLS: 'none',
    MAIL_FROM: 'ikke-svar@postgang.example',
  };
  running = await startService(service, environment);
  closing.push(() => running.stop());
  database = new pg.Client({ connectionString: fresh.url, options: '-c search_path=notification' });
  await database.connect();
  closing.push(() => database.end());
}, 60_000);

afterAll(async () => {
  for (const close of closing.reverse()) await close();
  closing = [];
}, 30_000);

beforeEach(() => admin('POST', '/admin/reset', {}));

async function admin(method: string, path: string, body?: unknown): Promise<unknown> {
  const answer = await fetch(sandbox.url + path, {
    method,
    ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  });
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  const text = await answer.text();
  return text === '' ? undefined : JSON.parse(text);
}
const mails = (): Promise<ReceivedMail[]> => admin('GET', '/admin/mail') as Promise<ReceivedMail[]>;

function due(name: string, more: Partial<LetterNotify> = {}): LetterNotify {
  const reference = `Sak ${randomUUID()}`;
  const letterId = letterIdOf(AGENCY, reference);
  const recipient = keys.seal('internal', letterId, 'recipient', scripted(name).nationalId);
  const orderedAt = Date.now();
  return {
    letterId,
    leg: 1,
    sender: AGENCY,
    senderName: NAME,
    reference,
    recipient,
    language: 'en',
    orderedAt,
    ...more,
  };
}
const send = (...events: LetterNotify[]): Promise<void> =>
  publisher.publish(events.map((event) => draft('letter.notify.v1', event.letterId, event, { id: event.letterId })));
const toldOf = (event: LetterNotify, times = 1): Promise<(typeof told)[number]> =>
  eventually(`recipient.notified.v1 (${times})`, () =>
    told.filter(({ event: one }) => one.letterId === event.letterId).at(times - 1),
  );
async function state(event: LetterNotify): Promise<string | undefined> {
  const { rows } = await database.query<{ state: string }>('SELECT state FROM message WHERE letter_id = $1', [
    event.letterId,
  ]);
  return rows[0]?.state;
}
const isDown = (name: string) => async (): Promise<true | undefined> => {
  const text = await (await fetch(`${running.managementUrl}/metrics`)).text();
  const line = text.split('\n').find((one) => one.startsWith('dependency_down{') && one.includes(`"${name}"`));
  return line !== undefined && line.includes('} 1') ? true : undefined;
};

describe('a service message', () => {
  it('is one mail that names the sender, and nothing of the recipient or the matter', async () => {
    const event = due('digipost');
    await send(event);
    expect((await toldOf(event)).event).toMatchObject({ leg: 1, medium: 'EMAIL', outcome: 'SENT', reason: null });
    const [mail, ...others] = await mails();
    expect(others).toEqual([]);
    expect(mail).toMatchObject({
      from: 'ikke-svar@postgang.example',
      to: ['digipost@epost.example'],
      subject: 'Du har fått digital post',
    });
    expect(mail?.text).toContain(`et brev fra ${NAME} i din digitale postkasse`);
    expect(mail?.headers['auto-submitted']).toBe('auto-generated');
    const { nationalId, firstName, lastName } = scripted('digipost');
    const whole = JSON.stringify({ ...mail, to: [], headers: { ...mail?.headers, to: '' } });
    for (const secret of [nationalId, firstName, lastName, event.reference, event.letterId, AGENCY, 'http'])
      expect(whole).not.toContain(secret);
  });

  it.each([
    ['nynorsk', 'only-email', 'eit brev frå'],
    ['Northern Sami', 'sami', 'reivve'],
  ])('is written in the recipient’s language: %s', async (_language, name, text) => {
    const event = due(name);
    await send(event);
    await toldOf(event);
    expect((await mails())[0]?.text).toContain(text);
  });

  it('goes to somebody who is reserved, too: information is outside the reservation', async () => {
    const event = due('reserved');
    await send(event);
    expect((await toldOf(event)).event.outcome).toBe('SENT');
  });

  it.each([
    ['not-registered', 'not-registered'],
    ['deleted', 'not-registered'],
    ['contact-outdated', 'no-email'],
  ])('for %s is none, and the reason is told', async (name, reason) => {
    const event = due(name);
    await send(event);
    expect((await toldOf(event)).event).toMatchObject({ outcome: 'NO_ADDRESS', reason });
    expect(await mails()).toEqual([]);
  });

  it('is sent once, however often it falls due, and its end is told again in the same bytes', async () => {
    const event = due('digipost');
    await send(event, event);
    const first = await toldOf(event);
    await send(event);
    const third = await toldOf(event, 3);
    expect(third.id).toBe(first.id);
    expect(third.value.equals(first.value)).toBe(true);
    expect(sandbox.counts.mail.accepted).toBe(1);
  });

  it('asks the register anew for every message', async () => {
    const before = sandbox.counts.krr.persons;
    for (const event of [due('digipost'), due('digipost')]) {
      await send(event);
      await toldOf(event);
    }
    expect(sandbox.counts.krr.persons - before).toBe(2);
  });

  it('cannot be given a header or a second recipient by the sender’s name', async () => {
    const event = due('digipost', {
      senderName: 'Etaten\r\nBcc: ola@epost.example\r\n\r\n.\r\nRCPT TO:<ola@epost.example>',
    });
    await send(event);
    await toldOf(event);
    const all = await mails();
    expect(all).toHaveLength(1);
    expect(all[0]?.to).toEqual(['digipost@epost.example']);
    expect(Object.keys(all[0]?.headers ?? {})).not.toContain('bcc');
  });
});

describe('a mail server', () => {
  it('whose answer is lost after the data leaves an uncertain end: said so, and never sent again', async () => {
    sandbox.fault({ system: 'smtp', mode: 'drop-answer-after-effect' });
    const event = due('digipost');
    await send(event);
    expect((await toldOf(event)).event).toMatchObject({ outcome: 'UNCERTAIN', reason: 'no-answer-after-data' });
    sandbox.fault({ system: 'smtp', mode: 'none' });
    await send(event);
    expect((await toldOf(event, 2)).event).toMatchObject({ outcome: 'UNCERTAIN', reason: 'no-answer-after-data' });
    expect(sandbox.counts.mail.accepted).toBe(1);
    expect(await state(event)).toBe('UNCERTAIN');
  });

  it('that is away burns no attempt; everything is sent once it is back', async () => {
    sandbox.fault({ system: 'smtp', mode: 'off' });
    const events = Array.from({ length: 12 }, () => due('digipost'));
    await send(...events);
    await eventually('the outage', isDown('smtp'));
    expect(told.some(({ event }) => events.some(({ letterId }) => letterId === event.letterId))).toBe(false);
    sandbox.fault({ system: 'smtp', mode: 'none' });
    for (const event of events) expect((await toldOf(event)).event.outcome).toBe('SENT');
    expect(sandbox.counts.mail.accepted).toBe(12);
    expect(setAside).toEqual([]);
  }, 45_000);

  it('that says a final no has refused the mail', async () => {
    sandbox.fault({ system: 'smtp', mode: 'status', status: 550 });
    const event = due('digipost');
    await send(event);
    expect((await toldOf(event)).event).toMatchObject({ outcome: 'REFUSED', reason: 'smtp-550' });
  });

  it('that says a passing no is asked again later', async () => {
    sandbox.fault({ system: 'smtp', mode: 'status', status: 451 });
    const event = due('digipost');
    await send(event);
    const aside = await eventually('the retry', () => setAside.find(({ letterId }) => letterId === event.letterId));
    expect(aside.topic).toBe(`${prefix}notification.retry.10s`);
    expect(await state(event)).toBeUndefined();
    sandbox.fault({ system: 'smtp', mode: 'none' });
    expect((await toldOf(event)).event.outcome).toBe('SENT');
  }, 45_000);
});

describe('a process that died', () => {
  it('with a mail in hand leaves an uncertain end', async () => {
    const event = due('digipost');
    await database.query(
      "INSERT INTO message (letter_id, leg, state, intended_at) VALUES ($1, 1, 'intended', now() - interval '1 hour')",
      [event.letterId],
    );
    await send(event);
    expect((await toldOf(event)).event).toMatchObject({ outcome: 'UNCERTAIN', reason: 'interrupted' });
    expect(sandbox.counts.mail.accepted).toBe(0);
  });

  it('a moment ago, or is not dead at all, is waited for', async () => {
    const event = due('digipost');
    await database.query("INSERT INTO message (letter_id, leg, state) VALUES ($1, 1, 'intended')", [event.letterId]);
    await send(event);
    const aside = await eventually('the retry', () => setAside.find(({ letterId }) => letterId === event.letterId));
    expect(aside.topic).toBe(`${prefix}notification.retry.10m`);
    expect(sandbox.counts.mail.accepted).toBe(0);
  });

  it('is not the only one that waits: an agency without access to the register does, and burns no attempt', async () => {
    const event = due('digipost', { sender: '310000035' });
    await send(event);
    const aside = await eventually('the wait', () => setAside.find(({ letterId }) => letterId === event.letterId));
    expect(aside).toMatchObject({ topic: `${prefix}notification.retry.10m`, attempt: '0' });
    expect(await state(event)).toBeUndefined();
  });

  it('is not the only one that waits: with the register away nothing is intended and nothing sent', async () => {
    sandbox.fault({ system: 'krr', mode: 'off' });
    const event = due('digipost');
    await send(event);
    await eventually('the outage', isDown('krr'));
    expect(await state(event)).toBeUndefined();
    sandbox.fault({ system: 'krr', mode: 'none' });
    expect((await toldOf(event)).event.outcome).toBe('SENT');
  });
});

describe('a database restored from a backup', () => {
  const admin_ = async (statement: string): Promise<void> => {
    const client = new pg.Client({ connectionString: testServers().postgres });
    await client.connect();
    await client.query(statement).finally(() => client.end());
  };

  it('has nothing sent again that may have been sent since: SMTP cannot be asked', async () => {
    const [before, after] = [due('digipost'), due('digipost')];
    await send(before);
    await toldOf(before);
    await running.stop();
    await database.end();
    const url = new URL(environment['POSTGRES_URL'] ?? '');
    const name = url.pathname.slice(1);
    url.pathname = `/${name}_backup`;
    await admin_(`CREATE DATABASE ${name}_backup TEMPLATE ${name}`);
    // after all that is connected to it
    closing.unshift(() => admin_(`DROP DATABASE IF EXISTS ${name}_backup WITH (FORCE)`));

    running = await startService(service, environment);
    await send(after);
    expect((await toldOf(after)).event.outcome).toBe('SENT');
    await running.stop();

    running = await startService(service, { ...environment, POSTGRES_URL: url.href });
    database = new pg.Client({ connectionString: url.href, options: '-c search_path=notification' });
    await database.connect();
    const again = await toldOf(after, 2);
    expect(again.event).toMatchObject({ outcome: 'UNCERTAIN', reason: 'restored' });
    // the reader has this event already, and drops it
    expect(again.id).toBe((await toldOf(after)).id);
    expect(await state(before)).toBe('SENT');
    const fresh = due('digipost');
    await send(fresh);
    expect((await toldOf(fresh)).event.outcome).toBe('SENT');
    expect(sandbox.counts.mail.accepted).toBe(3);
  }, 90_000);
});
