import 'reflect-metadata';
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { openPackage, packageDigest, TestAuthority, type SigningIdentity } from '@postgang/document-package';
import { FilesystemStore, MasterKeys, StoreFull, type DocumentStore } from '@postgang/document-store';
import { DependencyDown } from '@postgang/outside';
import {
  conversationIdOf,
  decode,
  header,
  messageIdOf,
  type LetterDispatch,
  type LetterRouted,
} from '@postgang/pipeline';
import {
  BatchingSender,
  createLogger,
  createTopics,
  draft,
  kafkaClient,
  kafkaProducer,
  Publisher,
  startService,
  type Received,
  type Runtime,
} from '@postgang/runtime';
import { eventually, testServers, uniquePrefix } from '@postgang/testing';
import type { EncryptionConfig } from '../src/config.js';
import { EncryptionStage } from '../src/encryption.stage.js';
import { service } from '../src/index.js';
import { ADDRESS, ATTACHMENT, PDF, RoutedLetters, SENDER } from './routed-letters.js';

const DIGIPOST = '984661185';
const PRINT_SHOP = '974761076';
const OPERATOR = '310000019';
const DAY_MS = 86_400_000;

const prefix = uniquePrefix();
const master = JSON.stringify({ active: 'm', keys: { m: randomBytes(32).toString('base64') } });
const dispatches: { id: string | undefined; topic: string; event: LetterDispatch }[] = [];
const setAside: { topic: string; letterId: string; failure: string }[] = [];
let closing: (() => Promise<unknown>)[] = [];
let authority: TestAuthority;
let operator: SigningIdentity;
let digipost: SigningIdentity;
let printShop: SigningIdentity;
let store: FilesystemStore;
let letters: RoutedLetters;
let publisher: Publisher;
let settings: Record<string, string>;
let managementUrl: string;

beforeAll(async () => {
  const { brokers } = testServers();
  const kafka = kafkaClient({ brokers, topicPrefix: prefix }, 'spec', createLogger('spec', 'silent'));
  await createTopics(kafka, [], { prefix, replication: 1, partitions: 2 });
  const folder = await mkdtemp(join(tmpdir(), 'encryption-'));
  closing.push(() => rm(folder, { recursive: true, force: true }));
  authority = await TestAuthority.create();
  operator = await authority.issue(OPERATOR, 'Operator');
  digipost = await authority.issue(DIGIPOST, 'Digipost');
  printShop = await authority.issue(PRINT_SHOP, 'Utskrift');
  store = await FilesystemStore.open({ root: folder, keys: MasterKeys.parse(master), fresh: true });
  closing.push(() => store.close());
  letters = new RoutedLetters(store);
  const producer = kafkaProducer(kafka);
  await producer.connect();
  closing.push(() => producer.disconnect());
  publisher = new Publisher('register-lookup', new BatchingSender(producer, prefix));
  const consumer = kafka.consumer({ groupId: `${prefix}spec` });
  await consumer.connect();
  closing.push(() => consumer.disconnect());
  const own = ['encryption.dlq', 'encryption.retry.10s'];
  await consumer.subscribe({
    topics: ['letter.dispatch.digipost.v1', 'letter.dispatch.print.v1', ...own].map((topic) => prefix + topic),
    fromBeginning: true,
  });
  await consumer.run({
    eachMessage: ({ topic, message: { key, value, headers = {} } }) => {
      if (topic.includes('letter.dispatch'))
        dispatches.push({ id: header(headers, 'ce_id'), topic, event: decode('letter.dispatch.v1', value) });
      else setAside.push({ topic, letterId: String(key), failure: header(headers, 'failure') ?? '' });
      return Promise.resolve();
    },
  });
  settings = {
    POSTGANG_ENVIRONMENT: 'test',
    KAFKA_BROKERS: brokers.join(','),
    TOPIC_PREFIX: prefix,
    LOG_LEVEL: 'fatal',
    KEY_RING: letters.keyRing,
    OPERATOR_KEY: String(operator.key.export({ type: 'pkcs8', format: 'pem' })),
    OPERATOR_CHAIN: operator.certificates.map(String).join('\n'),
    RECIPIENT_TRUST: authority.trust.map(String).join('\n'),
    DOCUMENT_STORE: folder,
    DOCUMENT_KEYS: master,
  };
  const running = await startService(service, settings);
  managementUrl = running.managementUrl;
  closing.push(() => running.stop());
}, 60_000);

afterAll(async () => {
  for (const close of closing.reverse()) await close();
  closing = [];
}, 30_000);

const send = (event: LetterRouted, id: string = randomUUID()): Promise<void> =>
  publisher.publish([draft('letter.routed.v1', event.letter.letterId, event, { id })]);
const dispatchOf = (event: LetterRouted, times = 1): Promise<(typeof dispatches)[number]> =>
  eventually(`letter.dispatch (${times})`, () =>
    dispatches.filter(({ event: one }) => one.letterId === event.letter.letterId).at(times - 1),
  );
const deadLetterOf = (event: LetterRouted): Promise<(typeof setAside)[number]> =>
  eventually('the dead letter', () => setAside.find(({ letterId }) => letterId === event.letter.letterId));

describe('a routed letter', () => {
  it('for a mailbox becomes a package that only its provider opens, and what the provider needs', async () => {
    const routed = await letters.routed('digipost', digipost, DIGIPOST);
    await send(routed);
    const { event, topic } = await dispatchOf(routed);
    const { letterId } = routed.letter;
    expect(topic).toBe(`${prefix}letter.dispatch.digipost.v1`);
    expect(event).toMatchObject({
      leg: 1,
      sender: SENDER,
      providerOrganisation: DIGIPOST,
      channel: 'DIGITAL_MAILBOX',
      conversationId: conversationIdOf(letterId, 1),
      messageId: messageIdOf(letterId, 1),
      print: null,
      postalAddress: null,
    });
    const cms = await store.get(event.packageRef);
    expect(cms).toHaveLength(event.packageSize);
    expect(packageDigest(cms)).toBe(event.packageDigest);
    const opened = openPackage(cms, digipost.key, { trust: authority.trust });
    expect(opened.documents.map(({ content, title }) => [title, content])).toEqual([
      ['Vedtaket', PDF],
      ['Vedlegg', ATTACHMENT],
    ]);
    expect(opened.signer[0]?.serialNumber).toBe(operator.certificates[0]?.serialNumber);
    expect(() => openPackage(cms, printShop.key)).toThrow();
    const open = (field: string, value: Buffer | null | undefined): string =>
      letters.keys.open('provider:digipost', letterId, field, value ?? Buffer.alloc(0));
    expect(open('mailbox.address', event.mailbox?.address)).toBe('digipost#S001');
    expect(open('nonSensitiveTitle', event.mailbox?.nonSensitiveTitle)).toBe('Brev fra etaten');
    expect(open('notice.email', event.mailbox?.email)).toBe('kari@epost.example');
    expect(() =>
      letters.keys.open('internal', letterId, 'mailbox.address', event.mailbox?.address as Buffer),
    ).toThrow();
    expect(() =>
      letters.keys.open('provider:eboks', letterId, 'mailbox.address', event.mailbox?.address as Buffer),
    ).toThrow();
  });

  it('for print becomes a package for the print shop, with the address sealed for it alone', async () => {
    const routed = await letters.routed('print', printShop, PRINT_SHOP);
    await send(routed);
    const { event, topic } = await dispatchOf(routed);
    expect(topic).toBe(`${prefix}letter.dispatch.print.v1`);
    expect(event).toMatchObject({ channel: 'PRINT', mailbox: null, print: { colour: 'COLOUR', postClass: 'A' } });
    const opened = openPackage(await store.get(event.packageRef), printShop.key, { trust: authority.trust });
    expect(opened.documents.map(({ content }) => content)).toEqual([PDF]);
    const address = letters.keys.open('provider:print', event.letterId, 'postalAddress', event.postalAddress as Buffer);
    expect(JSON.parse(address)).toEqual(ADDRESS);
  });

  it('that comes again is dispatched under the same ids; both packages open', async () => {
    const routed = await letters.routed('digipost', digipost, DIGIPOST);
    const cause = randomUUID();
    await send(routed, cause);
    const first = await dispatchOf(routed);
    await send(routed, cause);
    const second = await dispatchOf(routed, 2);
    expect(second.id).toBe(first.id);
    expect(second.event.messageId).toBe(first.event.messageId);
    for (const { event } of [first, second])
      expect(openPackage(await store.get(event.packageRef), digipost.key).documents).toHaveLength(2);
  });
});

describe('a letter that cannot be sealed is a dead letter at once', () => {
  it.each<[string, string, (routed: LetterRouted) => Promise<LetterRouted> | LetterRouted]>([
    [
      'its document was erased',
      'cannot be sealed: document was erased',
      async (routed) => {
        await store.erase(routed.letter.documents[0]?.ref ?? '');
        return routed;
      },
    ],
    [
      'a text cannot be written into the manifest',
      'cannot be sealed: manifest-invalid (senderUnit)',
      (routed) => ({ ...routed, letter: { ...routed.letter, avsenderidentifikator: 'enhet\ufffe' } }),
    ],
    [
      'its title cannot be written into the manifest',
      'cannot be sealed: manifest-invalid (a character that XML has not)',
      (routed) => {
        const { letterId, documents } = routed.letter;
        const title = letters.keys.seal('internal', letterId, 'document.0.title', 'Vedtak\uffff');
        return {
          ...routed,
          letter: { ...routed.letter, documents: documents.map((one) => ({ ...one, title })).slice(0, 1) },
        };
      },
    ],
    [
      'the certificate is of another organisation',
      'another organisation',
      (routed) => ({ ...routed, certificate: printShop.certificates[0]?.raw as Buffer }),
    ],
    [
      'the certificate has expired',
      'not valid now',
      async (routed) => {
        const period = { notBefore: new Date(Date.now() - 9 * DAY_MS), notAfter: new Date(Date.now() - DAY_MS) };
        const expired = await authority.issue(DIGIPOST, 'Digipost', period);
        return { ...routed, certificate: expired.certificates[0]?.raw as Buffer };
      },
    ],
    [
      'the certificate is of an authority that nobody trusts',
      'certificate-untrusted',
      async (routed) => {
        const stranger = await (await TestAuthority.create('Somebody else')).issue(DIGIPOST, 'Digipost');
        return { ...routed, certificate: stranger.certificates[0]?.raw as Buffer };
      },
    ],
    ['the certificate is none', 'is none', (routed) => ({ ...routed, certificate: Buffer.from('not a certificate') })],
    [
      'the key in the certificate is too short',
      'unsupported-algorithm',
      async (routed) => {
        const weak = await authority.issue(DIGIPOST, 'Digipost', { bits: 1024 });
        return { ...routed, certificate: weak.certificates[0]?.raw as Buffer };
      },
    ],
  ])('%s', async (_name, failure, spoil) => {
    const routed = await spoil(await letters.routed('digipost', digipost, DIGIPOST));
    const sound = await letters.routed('digipost', digipost, DIGIPOST);
    await Promise.all([send(routed), send(sound)]);
    const dead = await deadLetterOf(routed);
    expect(dead.topic).toBe(`${prefix}encryption.dlq`);
    expect(dead.failure).toContain(failure);
    await dispatchOf(sound);
    expect(dispatches.some(({ event }) => event.letterId === routed.letter.letterId)).toBe(false);
  });
});

describe('letters of one agency that cannot be sealed', () => {
  it('do not keep those of others, however many they are, and are told', async () => {
    const bad = await Promise.all(
      Array.from({ length: 260 }, () =>
        letters.routed('digipost', digipost, DIGIPOST, { avsenderidentifikator: 'enhet\ufffe' }),
      ),
    );
    await Promise.all(bad.map((one) => send(one)));
    const dead = new Set(bad.map(({ letter }) => letter.letterId));
    await eventually('260 dead letters', () => {
      const found = setAside.filter(({ letterId }) => dead.has(letterId));
      return new Set(found.map(({ letterId }) => letterId)).size === dead.size || undefined;
    });
    const good = await letters.routed('digipost', digipost, DIGIPOST, { sender: '310000108' });
    await send(good);
    await dispatchOf(good);
    const metrics = await (await fetch(`${managementUrl}/metrics`)).text();
    expect(metrics).toMatch(
      new RegExp(`sender_floods_total\\{service="encryption",stage="letter.routed.v1",sender="${SENDER}"[^}]*\\} 1`),
    );
  });
});

describe('a batch of 300 letters', () => {
  let own: FilesystemStore;
  let runtime: Runtime;
  let stage: EncryptionStage;
  let batch: Received<'letter.routed.v1'>[];

  beforeAll(async () => {
    own = await FilesystemStore.open({ root: settings['DOCUMENT_STORE'] ?? '', keys: MasterKeys.parse(master) });
    runtime = { keys: letters.keys, clock: { now: () => new Date() } } as unknown as Runtime;
    stage = new EncryptionStage(runtime, settings as unknown as EncryptionConfig, own);
    batch = await Promise.all(
      Array.from({ length: 300 }, async () => {
        const event = await letters.routed('digipost', digipost, DIGIPOST);
        return { event, key: event.letter.letterId } as Received<'letter.routed.v1'>;
      }),
    );
  });

  afterAll(() => stage.onApplicationShutdown());

  it('goes into the store in few appends, each outcome in the place of its letter', async () => {
    const outcomes = await stage.handle(batch);
    expect(outcomes.map((outcome) => outcome.kind === 'publish' && outcome.events[0]?.key)).toEqual(
      batch.map(({ key }) => key),
    );
    expect(own.stats).toMatchObject({ puts: 300 });
    expect(own.stats.syncs).toBeLessThanOrEqual(12);
  });

  it('ends where the store fails, and nothing is on its way to the store then', async () => {
    const putting = { now: 0, all: 0 };
    const full: DocumentStore = {
      get: (ref) => own.get(ref),
      put: async (content: Uint8Array) => {
        if (++putting.all === 40) throw new StoreFull(new Error('full'));
        putting.now += 1;
        return own.put(content).finally(() => (putting.now -= 1));
      },
    } as DocumentStore;
    const failing = new EncryptionStage(runtime, settings as unknown as EncryptionConfig, full);
    await expect(failing.handle(batch)).rejects.toBeInstanceOf(DependencyDown);
    // the part of the 40th letter, and none after it
    expect(putting).toEqual({ now: 0, all: 64 });
  });

  it('loses only those whose provider has no key, and those that cannot be sealed', async () => {
    const outcomes = await stage.handle(
      batch.map((received, index) => {
        const { event } = received;
        if (index === 70) return { ...received, event: { ...event, provider: 'unknown' } };
        return index === 299
          ? { ...received, event: { ...event, letter: { ...event.letter, documents: [] } } }
          : received;
      }),
    );
    expect(outcomes.flatMap(({ kind }, index) => (kind === 'publish' ? [] : [`${index} ${kind}`]))).toEqual([
      '70 failed',
      '299 failed',
    ]);
  });
});

describe('the configuration', () => {
  it('needs the trusted authorities in production', () => {
    const { RECIPIENT_TRUST: _left, ...without } = settings;
    const production = { ...without, POSTGANG_ENVIRONMENT: 'production', KAFKA_BROKERS: 'localhost:1' };
    expect(service.config.safeParse(production).error?.issues[0]?.path).toEqual(['RECIPIENT_TRUST']);
    expect(service.config.safeParse(without).success).toBe(true);
  });
});
