import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { verifySbd } from '@postgang/document-package';
import type { LocalAgency } from '@postgang/launch';
import { letterIdOf } from '@postgang/pipeline';
import { nationalIdOf } from '@postgang/demo';
import { DIGIPOST } from '@postgang/sandbox';
import { compactVerify, generateKeyPair, SignJWT } from 'jose';
import { randomBytes, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { ask, problem, read } from './ask.js';
import { letterTo, PDF } from './mailing.js';
import { said, saidOf, untilStatus } from './statuses.js';
import type { LoggedRecord, TopicLog } from './topic-log.js';
import { brokenAt, completeHistory, STEPS } from './whole.js';
import { AGENCY, OTHER_AGENCY, World } from './world.js';

const TRACED = [
  'letter.accepted.v1',
  'letter.routed.v1',
  'letter.dispatch.digipost.v1',
  'letter.dispatched.v1',
  'letter.status.v1',
];
const DELIVERED = STEPS.DELIVERED ?? [];
let world: World;
let other: LocalAgency;

beforeAll(async () => {
  world = await World.start();
  other = await world.add(OTHER_AGENCY);
}, 90_000);
afterAll(() => world?.stop(), 60_000);

function form(reference: string, more: Record<string, unknown> = {}): FormData {
  const letter = {
    reference,
    recipient: nationalIdOf('digipost'),
    kind: 'enkeltvedtak',
    title: 'Vedtak',
    nonSensitiveTitle: 'Brev om saken din',
    documents: [{ title: 'Vedtak', type: 'application/pdf', file: 'main' }],
    ...more,
  };
  const body = new FormData();
  body.set('letter', new Blob([JSON.stringify(letter)], { type: 'application/json' }));
  body.set('main', new Blob([new Uint8Array(PDF)], { type: 'application/pdf' }), 'vedtak.pdf');
  return body;
}

const handIn = (reference: string, more: Record<string, unknown> = {}, token?: string | null) =>
  ask(world, '/v1/letters', { method: 'POST', body: form(reference, more), ...(token === undefined ? {} : { token }) });

describe('a dry run', () => {
  const print = { returnAddress: { name: 'Etaten', lines: ['Postboks 1'], postalCode: '0001', city: 'Oslo' } };
  const tryOut = async (recipient: string, more: Record<string, unknown> = {}): Promise<unknown> => {
    const body = form('tried-out', { recipient: nationalIdOf(recipient), print, ...more });
    return (await ask(world, '/v1/letters?dryRun=true', { method: 'POST', body })).body['way'];
  };

  it('says how the letter would go, in the words of the rules, and nothing is known of it afterwards', async () => {
    expect(await tryOut('digipost')).toEqual({ channel: 'digital-mailbox', provider: 'digipost', rule: 'mailbox' });
    expect(await tryOut('reserved')).toEqual({ channel: 'print', provider: 'print', rule: 'reserved' });
    expect(await tryOut('reserved', { kind: 'information' })).toMatchObject({ channel: 'digital-mailbox' });
    expect(await tryOut('no-mailbox', { print: undefined })).toEqual({ refused: 'print-not-ordered' });
    expect(await tryOut('dead')).toEqual({ refused: 'deceased' });
    expect(await tryOut('protected')).toEqual({ refused: 'no-postal-address' });
    expect(await tryOut('protected')).toEqual(await tryOut('unknown-address'));
    expect((await ask(world, '/v1/letters?reference=tried-out')).body).toEqual({ letters: [] });
  });
});

describe('a letter over REST', () => {
  const letterId = letterIdOf(AGENCY, 'rest-1');

  it('is found right after it was accepted', async () => {
    expect(await handIn('rest-1')).toEqual({
      status: 202,
      type: expect.stringContaining('application/json'),
      body: { letterId, status: 'ACCEPTED', href: `/v1/letters/${letterId}` },
    });
    expect((await ask(world, `/v1/letters/${letterId}`)).status).toBe(200);
    expect(await read(world, '/v1/letters?reference=rest-1')).toMatchObject({ letters: [{ letterId }] });
  });

  it('is delivered, and its history holds', async () => {
    await untilStatus(world, letterId, 'DELIVERED');
    expect(await read(world, `/v1/letters/${letterId}`)).toMatchObject({
      status: 'DELIVERED',
      provider: 'digipost',
      leg: 1,
    });
    const history = await completeHistory(world, letterId, DELIVERED);
    expect(history.map(({ kind }) => kind).sort()).toEqual([...DELIVERED].sort());
    expect(brokenAt(letterId, history)).toBeUndefined();
    expect(brokenAt(letterId, history.slice(1))).toBe(1);
  });

  it('gives the receipts as the provider signed them, with what is needed to verify them', async () => {
    const { receipts } = await read<{ receipts: { raw: string; certificates: string; kind: string; leg: number }[] }>(
      world,
      `/v1/letters/${letterId}/receipts`,
    );
    expect(receipts).toMatchObject([{ kind: 'leveringskvittering', leg: 1, provider: 'digipost' }]);
    const { raw = '', certificates = '' } = receipts[0] ?? {};
    const [leaf, ...above] = pemsIn(certificates);
    // plain JOSE and X.509, as an archive would do it, beside our own
    await compactVerify(raw, leaf?.publicKey as never);
    const trust = pemsIn(readFileSync(world.settings['RECEIPT_TRUST_FILE'] ?? '', 'utf8'));
    expect([...above, ...trust].some((issuer) => leaf?.verify(issuer.publicKey))).toBe(true);
    expect(verifySbd(raw, { trust })).toMatchObject({ type: 'leveringskvittering', organisation: DIGIPOST });
    await expect(compactVerify(`${raw.slice(0, -8)}AAAAAAAA`, leaf?.publicKey as never)).rejects.toThrow();
  });

  it('is the same letter when it is handed in again, and a conflict with other content', async () => {
    expect(await handIn('rest-1')).toMatchObject({ status: 202, body: { letterId } });
    expect(await handIn('rest-1', { title: 'Noe annet' })).toMatchObject({
      status: 409,
      type: expect.stringContaining('application/problem+json'),
      body: { type: problem('reference-reused') },
    });
    expect(world.sandbox.counts.messages.accepted).toBe(1);
  });
});

it('one trace leads from the request through every topic to every outer system', async () => {
  const traceId = randomBytes(16).toString('hex');
  const letterId = letterIdOf(AGENCY, 'traced-1');
  const way = await world.follow(...TRACED);
  const headers = { traceparent: `00-${traceId}-${randomBytes(8).toString('hex')}-01` };
  await ask(world, '/v1/letters', { method: 'POST', headers, body: form('traced-1') });
  await untilStatus(world, letterId, 'DELIVERED');
  const carries = ({ headers: { traceparent } }: LoggedRecord): boolean => traceparent?.split('-')[1] === traceId;
  await way.until(
    () => TRACED.every((topic) => way.records.some((record) => record.topic === topic && carries(record))),
    20_000,
    () => JSON.stringify(way.records.filter(carries).map(({ topic }) => topic)),
  );
  const asked = world.requests.filter(({ traceparent }) => traceparent?.split('-')[1] === traceId);
  expect(asked.map(({ method, url }) => `${method} ${url.split('?')[0]}`)).toEqual(
    expect.arrayContaining(['POST /rest/v2/personer', 'POST /messages/out']),
  );
});

describe("a letter over the agency's own topic", () => {
  const letterId = letterIdOf(AGENCY, 'kafka-1');
  const part = { case: 'eboks', kind: 'forhåndsvarsel', end: 'DELIVERED' } as const;
  let told: TopicLog;
  let dead: TopicLog;
  beforeAll(async () => {
    told = await world.follow(`letter.status.v1.${AGENCY}`);
    dead = await world.follow('integration-point.dlq');
  });

  it("is delivered, and the agency's status topic tells so step by step", async () => {
    await world.write(await world.agency.recordForKafka(letterTo(part, 'kafka-1')));
    await said(world, told, letterId, { status: 'DELIVERED' });
    const words = saidOf(told, letterId);
    // what happens lies in topics of its own: receipts may hear of the hand-over first, and then tells of nothing before it
    const order = ['ACCEPTED', 'ROUTED', 'SEALED', 'HANDED_OVER', 'DELIVERED'];
    const ranks = words.map(({ status }) => order.indexOf(String(status)));
    expect(ranks).toEqual([...new Set(ranks)].filter((at) => at >= 0).sort((a, b) => a - b));
    expect(words[0]).toMatchObject({ about: 'LETTER', sender: AGENCY, reference: 'kafka-1' });
    const seqs = words.map(({ seq }) => seq);
    expect(seqs).toEqual([...new Set(seqs)].sort((a, b) => a - b));
    expect(await read(world, `/v1/letters/${letterId}`)).toMatchObject({ status: 'DELIVERED', provider: 'eboks' });
    // letters over REST are told there too, those of others nowhere
    await said(world, told, letterIdOf(AGENCY, 'rest-1'), { status: 'DELIVERED' });
    expect(told.records.filter(({ key }) => key === letterIdOf(OTHER_AGENCY, 'rest-1'))).toEqual([]);
  });

  it('is refused there when it is wrong, and the letter that has the reference stays as it is', async () => {
    await completeHistory(world, letterId, DELIVERED);
    const before = await read(world, `/v1/letters/${letterId}`);
    const other = await world.agency.recordForKafka({ ...letterTo(part, 'kafka-1'), nationalId: '01810050018' });
    await world.write(other);
    expect(await said(world, told, letterId, { about: 'HAND_IN' })).toMatchObject({
      status: 'REFUSED',
      seq: 0,
      reason: 'invalid-letter',
      pointer: '/recipient',
    });
    await world.write(await world.agency.recordForKafka(letterTo({ ...part, case: 'digipost' }, 'kafka-1')));
    await said(world, told, letterId, { about: 'HAND_IN', reason: 'reference-reused' });
    expect(await read(world, `/v1/letters/${letterId}`)).toEqual(before);
  });

  it('becomes a dead letter when nobody can read it, and the next one goes on', async () => {
    const good = await world.agency.recordForKafka(letterTo(part, 'kafka-2'));
    await world.write({ ...good, value: Buffer.from('{"recipient":"01810050019"}') });
    await world.write(good);
    await said(world, told, letterIdOf(AGENCY, 'kafka-2'), { status: 'DELIVERED' });
    await dead.until(
      () => dead.records.length === 1,
      20_000,
      () => 'no dead letter',
    );
  });
});

describe('a token', () => {
  it.each<[string, () => Promise<string | null>, number, string]>([
    ['that is missing', () => Promise.resolve(null), 401, 'unauthenticated'],
    ['that is no token', () => Promise.resolve('abc.def.ghi'), 401, 'unauthenticated'],
    ['for another audience', () => fromSandbox({ audience: 'https://elsewhere.example' }), 401, 'unauthenticated'],
    ['without audience', () => fromSandbox({}), 401, 'unauthenticated'],
    ['that somebody else signed', () => forged(), 401, 'unauthenticated'],
    ['without the scope', () => fromSandbox({ ...API, scope: 'postgang:letters.read' }), 403, 'scope-missing'],
    ['of no agency', () => fromSandbox({ ...API, organisation: '310000078' }), 403, 'unknown-agency'],
  ])('%s opens nothing', async (_what, token, status, type) => {
    expect(await handIn('token-1', {}, await token())).toMatchObject({ status, body: { type: problem(type) } });
    expect(await read(world, '/v1/letters?reference=token-1')).toEqual({ letters: [] });
  });

  it('of another agency does not learn that the letter exists', async () => {
    const token = await other.token();
    const letterId = letterIdOf(AGENCY, 'rest-1');
    const strange = await ask(world, `/v1/letters/${letterIdOf(AGENCY, 'never-was')}`, { token });
    expect(strange).toMatchObject({ status: 404, body: { type: problem('letter-not-found') } });
    for (const part of ['', '/history', '/receipts'])
      expect(await ask(world, `/v1/letters/${letterId}${part}`, { token })).toEqual(strange);
    expect((await ask(world, '/v1/letters?reference=rest-1', { token })).body).toEqual({ letters: [] });
    // the same reference is its own letter
    expect(await handIn('rest-1', {}, token)).toMatchObject({
      status: 202,
      body: { letterId: letterIdOf(OTHER_AGENCY, 'rest-1') },
    });
  });
});

const API = { audience: 'https://postgang.example/v1' };

async function fromSandbox(wish: Record<string, string>): Promise<string> {
  const answer = await fetch(`${world.sandbox.url}/admin/tokens`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ organisation: AGENCY, ...wish }),
  });
  return ((await answer.json()) as { access_token: string }).access_token;
}

async function forged(): Promise<string> {
  const { privateKey } = await generateKeyPair('RS256');
  const [, payload = ''] = (await world.agency.token()).split('.');
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, string>;
  return new SignJWT(claims).setProtectedHeader({ alg: 'RS256' }).sign(privateKey);
}

const pemsIn = (text: string): X509Certificate[] =>
  (text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []).map(
    (pem) => new X509Certificate(pem),
  );
