import 'reflect-metadata';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { decode, header, type Letter, type LetterRefused, type LetterRouted } from '@postgang/pipeline';
import {
  BatchingSender,
  createLogger,
  createTopics,
  draft,
  kafkaClient,
  kafkaProducer,
  Publisher,
  startService,
} from '@postgang/runtime';
import { DIGIPOST, EBOKS, personFor, PRINT_SHOP, scripted, startSandbox, type Sandbox } from '@postgang/sandbox';
import { eventually, freshDatabase, testServers, uniquePrefix } from '@postgang/testing';
import pg from 'pg';
import { service } from '../src/index.js';
import { AcceptedLetters } from './accepted-letters.js';
import { RegisterGate } from './register-gate.js';

const AGENCY = '310000027';
const AGENCIES = [AGENCY, '310000108', '310000205'] as const;
const SEED = 5;
const MOST_ANSWER_BYTES = 33 * 1024 * 1024;

interface Seen<T> {
  readonly id: string | undefined;
  readonly attempt: string | undefined;
  readonly value: Buffer;
  readonly event: T;
}

const prefix = uniquePrefix();
const letters = new AcceptedLetters();
const routed: Seen<LetterRouted>[] = [];
const refused: Seen<LetterRefused>[] = [];
const setAside: { topic: string; letterId: string; failure: string | undefined }[] = [];
let closing: (() => Promise<unknown>)[] = [];
let sandbox: Sandbox;
let gate: RegisterGate;
let publisher: Publisher;
let database: pg.Client;

beforeAll(async () => {
  const { brokers, redis } = testServers();
  const kafka = kafkaClient({ brokers, topicPrefix: prefix }, 'spec', createLogger('spec', 'silent'));
  await createTopics(kafka, [], { prefix, replication: 1, partitions: 2 });
  const fresh = await freshDatabase();
  closing.push(() => fresh.drop());
  const folder = await mkdtemp(join(tmpdir(), 'register-lookup-'));
  closing.push(() => rm(folder, { recursive: true, force: true }));
  sandbox = await startSandbox({ dir: folder, seed: SEED });
  closing.push(() => sandbox.stop());
  await admin('POST', '/admin/agencies', { agencies: AGENCIES });
  gate = new RegisterGate(sandbox.url);
  const registers = await gate.listen();
  closing.push(() => gate.stop());
  const producer = kafkaProducer(kafka);
  await producer.connect();
  closing.push(() => producer.disconnect());
  publisher = new Publisher('integration-point', new BatchingSender(producer, prefix));
  const consumer = kafka.consumer({ groupId: `${prefix}spec` });
  await consumer.connect();
  closing.push(() => consumer.disconnect());
  const aside = ['retry.10s', 'retry.1m', 'retry.10m', 'retry.1h', 'dlq'].map((name) => `register-lookup.${name}`);
  await consumer.subscribe({
    topics: ['letter.routed.v1', 'letter.refused.v1', ...aside].map((topic) => prefix + topic),
    fromBeginning: true,
  });
  await consumer.run({
    eachMessage: ({ topic, message: { key, value, headers = {} } }) => {
      const seen = { id: header(headers, 'ce_id'), attempt: header(headers, 'attempt'), value: value as Buffer };
      if (topic.endsWith('letter.routed.v1')) routed.push({ ...seen, event: decode('letter.routed.v1', value) });
      else if (topic.endsWith('letter.refused.v1'))
        refused.push({ ...seen, event: decode('letter.refused.v1', value) });
      else setAside.push({ topic, letterId: String(key), failure: header(headers, 'failure') });
      return Promise.resolve();
    },
  });
  const running = await startService(service, {
    POSTGANG_ENVIRONMENT: 'test',
    KAFKA_BROKERS: brokers.join(','),
    TOPIC_PREFIX: prefix,
    POSTGRES_URL: fresh.url,
    REDIS_URL: redis,
    LOG_LEVEL: 'silent',
    KEY_RING: letters.keyRing,
    OPERATOR_KEY_FILE: join(folder, 'operator.key.pem'),
    OPERATOR_CHAIN_FILE: join(folder, 'operator.chain.pem'),
    MASKINPORTEN_ISSUER: sandbox.issuer,
    MASKINPORTEN_CLIENT_ID: sandbox.operator.clientId,
    KRR_URL: registers,
    POPULATION_REGISTER_URL: registers,
    REGISTER_TIMEOUT_MS: '1500',
  });
  closing.push(() => running.stop());
  database = new pg.Client({ connectionString: fresh.url, options: '-c search_path=register_lookup' });
  await database.connect();
  closing.push(() => database.end());
}, 60_000);

afterAll(async () => {
  for (const close of closing.reverse()) await close();
  closing = [];
}, 30_000);

beforeEach(() => {
  gate.reset();
  setAside.length = 0;
});

async function admin(method: string, path: string, body: unknown): Promise<void> {
  const answer = await fetch(sandbox.url + path, {
    method,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
}

const person = (name: string): string => scripted(name).nationalId;
const send = (list: readonly Letter[], id?: string): Promise<void> =>
  publisher.publish(
    list.map((letter) => draft('letter.accepted.v1', letter.letterId, { letter }, { id: id ?? randomUUID() })),
  );
const routeOf = (letter: Letter): Promise<Seen<LetterRouted>> =>
  eventually('letter.routed.v1', () => routed.find(({ event }) => event.letter.letterId === letter.letterId));
const refusalOf = (letter: Letter): Promise<Seen<LetterRefused>> =>
  eventually('letter.refused.v1', () => refused.find(({ event }) => event.letterId === letter.letterId));
const ended = (letter: Letter): boolean =>
  routed.some(({ event }) => event.letter.letterId === letter.letterId) ||
  refused.some(({ event }) => event.letterId === letter.letterId);

async function route(name: string, kind: Letter['kind'], more: Partial<Letter> = {}): Promise<LetterRouted> {
  const letter = letters.letter(AGENCY, person(name), kind, more);
  await send([letter]);
  return (await routeOf(letter)).event;
}
async function refusal(name: string, kind: Letter['kind'], more: Partial<Letter> = {}): Promise<LetterRefused> {
  const letter = letters.letter(AGENCY, person(name), kind, more);
  await send([letter]);
  return (await refusalOf(letter)).event;
}

describe('a letter', () => {
  it.each<[string, string, string]>([
    ['digipost', 'digipost', DIGIPOST],
    ['eboks', 'eboks', EBOKS],
  ])('for a mailbox at %s goes there, sealed for no other eyes', async (name, provider, organisation) => {
    const event = await route(name, 'ENKELTVEDTAK');
    expect(event).toMatchObject({
      leg: 1,
      channel: 'DIGITAL_MAILBOX',
      provider,
      providerOrganisation: organisation,
      rule: 'mailbox',
      postalAddress: null,
    });
    const leaf = sandbox.certificates.providers.get(organisation)?.certificates[0];
    expect(event.certificate.equals(leaf?.raw as Buffer)).toBe(true);
    const { letterId } = event.letter;
    const address = letters.keys.open('internal', letterId, 'mailbox.address', event.mailbox?.address as Buffer);
    expect(address).toBe(scripted(name).contact.mailbox?.address);
    // the postal address of somebody with a mailbox is nobody's business
    expect(gate.calls.filter(({ ids, path }) => path !== '/rest/v2/personer' && ids.length > 0)).toEqual([]);
  });

  it('for somebody without a mailbox goes on paper, to the address the population register has', async () => {
    const event = await route('no-mailbox', 'ENKELTVEDTAK');
    expect(event).toMatchObject({
      channel: 'PRINT',
      provider: 'print',
      providerOrganisation: PRINT_SHOP,
      rule: 'no-mailbox',
      mailbox: null,
    });
    const { letterId } = event.letter;
    const sealed = event.postalAddress as Buffer;
    expect(JSON.parse(letters.keys.open('internal', letterId, 'postalAddress', sealed))).toEqual({
      name: 'Unni Utanpost',
      lines: ['Prøveveien 5'],
      postalCode: '0173',
      city: 'Oslo',
    });
  });

  it.each<[Letter['kind'], string, string]>([
    ['ENKELTVEDTAK', 'PRINT', 'reserved'],
    ['FORHANDSVARSEL', 'PRINT', 'reserved'],
    ['RETTSSTILLING', 'PRINT', 'reserved'],
    ['SARLIG_BETYDNING', 'PRINT', 'reserved'],
    ['INFORMATION', 'DIGITAL_MAILBOX', 'mailbox-reservation-does-not-apply'],
  ])('of kind %s for somebody who is reserved goes by %s', async (kind, channel, rule) => {
    expect(await route('reserved', kind)).toMatchObject({ channel, rule });
  });

  it('for somebody who is dead is refused, and the reason said', async () => {
    expect(await refusal('dead', 'ENKELTVEDTAK')).toMatchObject({ about: 'LETTER', leg: null, reason: 'deceased' });
  });

  it('that must go on paper but may not is refused, and the reason said', async () => {
    expect(await refusal('no-mailbox', 'INFORMATION', { print: null })).toMatchObject({ reason: 'print-not-ordered' });
  });

  it('for a protected address is refused in exactly the bytes of an unknown one', async () => {
    const [hidden, unknown] = ['protected', 'unknown-address'].map((name) =>
      letters.letter(AGENCY, person(name), 'ENKELTVEDTAK'),
    ) as [Letter, Letter];
    await send([hidden, unknown]);
    const [one, other] = [await refusalOf(hidden), await refusalOf(unknown)];
    expect(one.event.reason).toBe('no-postal-address');
    const without = ({ value }: Seen<LetterRefused>, { letterId, reference }: Letter): string =>
      value.toString('latin1').replace(letterId, 'letter').replace(reference, 'reference');
    // decided in one call, so that even the time is the same
    expect(without(one, hidden)).toBe(without(other, unknown));
    expect(new Set(gate.lookups.map(({ ids }) => ids.length))).toEqual(new Set([2]));
  });

  it('for a protected address with a mailbox goes to the mailbox', async () => {
    expect(await route('protected-with-mailbox', 'ENKELTVEDTAK')).toMatchObject({
      channel: 'DIGITAL_MAILBOX',
      provider: 'eboks',
      postalAddress: null,
    });
  });
});

describe('a decision', () => {
  it('is made once: a redelivery publishes it again under the same id, whatever the register answers by then', async () => {
    const letter = letters.letter(AGENCY, person('digipost'), 'ENKELTVEDTAK');
    const cause = randomUUID();
    await send([letter], cause);
    const first = await routeOf(letter);
    expect(first.event.channel).toBe('DIGITAL_MAILBOX');
    gate.alter = ({ personer }) => ({
      personer: personer.map((one) => ({ ...one, reservasjon: 'JA', varslingsstatus: 'KAN_IKKE_VARSLES' })),
    });
    await send([letter], cause);
    const both = await eventually('the redelivery', () => {
      const found = routed.filter(({ event }) => event.letter.letterId === letter.letterId);
      return found.length === 2 ? (found as [Seen<LetterRouted>, Seen<LetterRouted>]) : undefined;
    });
    expect(both[1].id).toBe(both[0].id);
    expect(both[1].value.equals(both[0].value)).toBe(true);
    expect(gate.lookups).toHaveLength(1);
    const { rows } = await database.query('SELECT routed, rule FROM route WHERE letter_id = $1', [letter.letterId]);
    expect(rows).toEqual([{ routed: true, rule: 'mailbox' }]);
  });

  it('to refuse is made once, too', async () => {
    const letter = letters.letter(AGENCY, person('unknown-address'), 'ENKELTVEDTAK');
    const cause = randomUUID();
    await send([letter], cause);
    const first = await refusalOf(letter);
    await send([letter], cause);
    const second = await eventually('the redelivery', () =>
      refused.filter(({ event }) => event.letterId === letter.letterId).at(1),
    );
    expect(second.id).toBe(first.id);
    expect(second.value.equals(first.value)).toBe(true);
  });
});

describe('many letters', () => {
  it('are looked up by the thousand, each agency with its own token', async () => {
    const list = Array.from({ length: 2_500 }, (_, index) =>
      letters.letter(AGENCIES[index % 3] as string, personFor(SEED, index).nationalId),
    );
    const senders = new Map(list.map(({ sender }, index) => [personFor(SEED, index).nationalId, sender]));
    await send(list);
    await eventually('2,500 ends', () => (list.every(ended) ? true : undefined), 30_000);
    const { lookups } = gate;
    expect(lookups.reduce((sum, { ids }) => sum + ids.length, 0)).toBe(2_500);
    expect(Math.max(...lookups.map(({ ids }) => ids.length))).toBeLessThanOrEqual(1_000);
    for (const { sender, ids } of lookups) expect(ids.every((id) => senders.get(id) === sender)).toBe(true);
    expect(lookups.length).toBeLessThanOrEqual(30);
    expect(gate.calls.filter(({ path }) => path === '/rest/v2/printSertifikat').length).toBeLessThanOrEqual(1);
    expect(setAside).toEqual([]);
  }, 45_000);

  it('in flow while the register is away: none goes on a guess, no attempt is burnt, all end as they should', async () => {
    const list = Array.from({ length: 1_000 }, (_, index) =>
      letters.letter(AGENCY, personFor(SEED, 5_000 + index).nationalId, index % 2 === 0 ? 'ENKELTVEDTAK' : undefined),
    );
    await send(list.slice(0, 500));
    await eventually('letters in flow', () => (list.some(ended) ? true : undefined));
    const failed: string[] = [];
    let answered = 0;
    gate.instead = ({ path }) => {
      failed.push(path);
      return 'cut';
    };
    await send(list.slice(500));
    await eventually('six vain probes', () => (failed.length >= 6 ? true : undefined));
    expect(list.slice(500).filter(ended)).toEqual([]);
    gate.instead = () => {
      answered++;
      return undefined;
    };
    await eventually('1,000 ends', () => (list.every(ended) ? true : undefined), 40_000);
    expect(answered).toBeGreaterThan(0);
    const wrong = list.filter((letter, index) => {
      const { mailbox } = personFor(SEED, 5_000 + index).contact;
      const seen = routed.find(({ event }) => event.letter.letterId === letter.letterId);
      return seen?.event.providerOrganisation !== (mailbox?.provider ?? PRINT_SHOP) || seen.attempt !== undefined;
    });
    expect(wrong).toEqual([]);
    expect(setAside).toEqual([]);
  }, 60_000);
});

describe('an answer that is none', () => {
  const silentThen = async (wrong: RegisterGate['instead'], vain = 2): Promise<void> => {
    let count = 0;
    gate.instead = (call) => {
      count++;
      return wrong(call);
    };
    const letter = letters.letter(AGENCY, person('digipost'), 'ENKELTVEDTAK');
    await send([letter]);
    await eventually('vain calls', () => (count >= vain ? true : undefined));
    expect(ended(letter)).toBe(false);
    gate.reset();
    expect((await routeOf(letter)).event.provider).toBe('digipost');
    expect(setAside).toEqual([]);
  };
  const answering = (status: number, body: unknown) => (): { status: number; body: string } => ({
    status,
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });

  it.each<[string, RegisterGate['instead']]>([
    ['rubbish', answering(200, '<html>Vedlikehold</html>')],
    ['JSON of another shape', answering(200, { persons: [] })],
    ['an empty list', answering(200, { personer: [] })],
    ['a server error', answering(500, 'java.lang.NullPointerException')],
    ['a redirect to a log-in page', answering(302, '')],
    ['more bytes than anybody needs', answering(200, ' '.repeat(MOST_ANSWER_BYTES))],
    ['nothing at all', () => 'silent'],
    ['a cut connection', () => 'cut'],
  ])('%s: the letter waits, no attempt is burnt', (_name, wrong) => silentThen(wrong), 30_000);
});
