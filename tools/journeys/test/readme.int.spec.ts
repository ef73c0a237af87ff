import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { letterIdOf } from '@postgang/pipeline';
import { ask } from './ask.js';
import { letterTo } from './mailing.js';
import { samplesUnder, Workbench } from './samples.js';
import { said, untilStatus } from './statuses.js';
import { AGENCY, World } from './world.js';

const [overRest = ''] = samplesUnder('An agency hands in a letter', 'sh');
const [overKafka = ''] = samplesUnder('An agency hands in a letter', 'ts');
const [adapter = ''] = samplesUnder('An adapter consumes a dispatch topic', 'ts');
let world: World;
let bench: Workbench;
let prefix: string;

beforeAll(async () => {
  world = await World.start({ settings: { OWNED_PROVIDERS: 'digipost,eboks' } });
  prefix = world.settings['TOPIC_PREFIX'] ?? '';
  bench = new Workbench({
    API: world.api,
    SANDBOX: world.sandbox.url,
    TOKEN: await world.agency.token(),
    BROKERS: world.settings['KAFKA_BROKERS'] ?? '',
    INGRESS_KEY: world.agency.ingressKey,
    DOCUMENT_STORE: world.settings['DOCUMENT_STORE'] ?? '',
    DOCUMENT_KEYS_FILE: world.settings['DOCUMENT_KEYS_FILE'] ?? '',
  });
  bench.write('producer', overKafka);
  bench.write('adapter', adapter);
}, 90_000);
afterAll(async () => {
  bench?.remove();
  await world?.stop();
}, 60_000);

it("the README's letter over REST is accepted, found and delivered", async () => {
  const said_ = await bench.shell(overRest);
  expect(said_).toContain('"status":"ACCEPTED"');
  expect(said_).toContain('"reference":"case-1"');
  await untilStatus(world, letterIdOf(AGENCY, 'case-1'), 'DELIVERED');
});

it("the README's samples in TypeScript are correct", () => bench.typeCheck(), 60_000);

it("the README's producer hands in a letter that is delivered", async () => {
  await bench.run('producer', prefix);
  await untilStatus(world, letterIdOf(AGENCY, 'case-2'), 'DELIVERED');
});

it("the README's adapter takes a letter over in place of provider-dispatch", async () => {
  const process_ = bench.start('adapter', prefix);
  try {
    const part = { case: 'no-mailbox', kind: 'information', end: 'POSTED' } as const;
    const letterId = await world.agency.handInByRest(letterTo(part, 'case-3'));
    await said(world, world.statuses, letterId, { status: 'HANDED_OVER', provider: 'print' });
    const { body } = await ask(world, `/v1/letters/${letterId}/history`);
    const kinds = (body['history'] as { kind: string }[]).map(({ kind }) => kind);
    expect(kinds).toContain('adapter-taken');
    expect(kinds).not.toContain('handed-over');
  } finally {
    process_.kill('SIGKILL');
  }
});
