import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { receiptSbd, signSbd, TestAuthority } from '@postgang/document-package';
import type { Clock } from '@postgang/outside';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DIGIPOST, scripted, startSandbox, type Sandbox } from '../src/index.js';
import { AGENCY, OTHER_AGENCY, problemOf, Sender, type LetterOptions } from './sender.js';

let aheadMs = 0;
const tokenClock: Clock = { now: () => new Date(Date.now() + aheadMs) };
let dir: string;
let sandbox: Sandbox;
let sender: Sender;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'sandbox-'));
  sandbox = await startSandbox({ dir, tokenClock, receiptDelayMs: 1 });
  sender = new Sender(sandbox);
  await sender.post('/admin/agencies', { agencies: [AGENCY, OTHER_AGENCY] });
});
afterAll(async () => {
  await sandbox.stop();
  await rm(dir, { recursive: true });
});

const answerTo = async (options: LetterOptions, send: Parameters<Sender['send']>[1] = {}): Promise<string> =>
  problemOf(await sender.send(await sender.letter(scripted('digipost'), options), send));

describe('a message that is right', () => {
  it('is accepted, and its statuses can be asked for', async () => {
    const letter = await sender.letter(scripted('digipost'));
    const response = await sender.send(letter);
    expect(response.status).toBe(201);
    expect(await response.text()).toBe('');
    const statuses = await sender.get<{ status: string }[]>(`/messages/out/${letter.messageId}/statuses`, letter.token);
    expect(statuses.map(({ status }) => status)).toEqual(['OPPRETTET', 'SENDT']);
  });

  it('is accepted on paper, too', async () => {
    expect((await sender.send(await sender.letter(scripted('no-mailbox')))).status).toBe(201);
  });

  it('is accepted from an agency that sends for itself', async () => {
    const identity = await sender.otherIdentity(AGENCY);
    const scopes = ['digitalpostinnbygger:send'];
    await sender.post('/admin/clients', { organisation: AGENCY, clientId: 'own', scopes });
    const granted = await sender.redeem(await sender.grant({ iss: 'own' }, { identity }));
    const { access_token: token } = (await granted.json()) as { access_token: string };
    const signed = { token, signer: identity, packageSigner: identity, technicalSender: AGENCY };
    expect((await sender.send(await sender.letter(scripted('eboks'), signed))).status).toBe(201);
  });

  it('has no statuses before it was sent, and none for others', async () => {
    const letter = await sender.letter(scripted('digipost'));
    const path = `/messages/out/${letter.messageId}/statuses`;
    expect(await sender.get(path, letter.token)).toEqual([]);
    await sender.send(letter);
    const scopes = ['digitalpostinnbygger:send'];
    await sender.post('/admin/clients', { organisation: OTHER_AGENCY, clientId: 'other', scopes });
    const identity = await sender.otherIdentity(OTHER_AGENCY);
    const granted = await sender.redeem(await sender.grant({ iss: 'other' }, { identity }));
    const { access_token: stranger } = (await granted.json()) as { access_token: string };
    expect(await problemOf(await sender.answer(path, stranger))).toBe('403 not-yours');
  });
});

describe('a message that is wrong is refused', () => {
  it('without token, with another scope, for another audience, and when the token has expired', async () => {
    const letter = await sender.letter(scripted('digipost'));
    expect(await problemOf(await sender.send(letter, { bearer: 'nonsense' }))).toBe('401 token-invalid');
    const scope = 'krr:global/digitalpost.read';
    const other = await sender.token({ consumer_org: AGENCY, scope });
    expect(await answerTo({ token: other })).toBe('403 scope-missing');
    const elsewhere = await sender.token({ consumer_org: AGENCY, resource: ['https://other.example/'] });
    expect(await answerTo({ token: elsewhere })).toBe('401 token-invalid');
    aheadMs = 121_000;
    expect(await problemOf(await sender.send(letter))).toBe('401 token-invalid');
    aheadMs = 0;
    expect((await sender.send(letter)).status).toBe(201);
  });

  it('when the token in it is not the bearer token', async () => {
    const [one, other] = await Promise.all([sender.token(), sender.token()]);
    expect(await answerTo({ token: one }, { bearer: other })).toBe('400 token-mismatch');
  });

  it('when the token is of another agency than the sender', async () => {
    const token = await sender.token({ consumer_org: OTHER_AGENCY });
    expect(await answerTo({ token })).toBe('403 consumer-mismatch');
  });

  it('when the signer is neither supplier nor, without supplier, consumer', async () => {
    const signer = await sender.otherIdentity(AGENCY);
    expect(await answerTo({ signer })).toBe('400 signer-mismatch');
    const own = await sender.token({});
    expect(await answerTo({ token: own, signer })).toBe('400 signer-mismatch');
  });

  it('when the header names another technical sender than the signer', async () => {
    expect(await answerTo({ technicalSender: AGENCY })).toBe('400 technical-sender-mismatch');
  });

  it('when the signature does not hold, or its certificate is of another authority or expired', async () => {
    const letter = await sender.letter(scripted('digipost'));
    const [header, payload, signature] = letter.jws.split('.') as [string, string, string];
    const other = `${header}.${payload}.${signature.replace(/^./, signature.startsWith('A') ? 'B' : 'A')}`;
    expect(await problemOf(await sender.send({ ...letter, jws: other }))).toBe('400 signature-invalid');
    expect(await problemOf(await sender.send({ ...letter, jws: 'a.b' }))).toBe('400 not-a-jws');
    const forged = await (await TestAuthority.create('Other')).issue(sandbox.operator.organisation, 'Forged');
    expect(await answerTo({ signer: forged })).toBe('400 certificate-untrusted');
    const authority = await TestAuthority.fromPem(await readFile(join(dir, 'authority.pem'), 'utf8'));
    const expired = await authority.issue(sandbox.operator.organisation, 'Expired', {
      notAfter: new Date(Date.now() - 1_000),
    });
    expect(await answerTo({ signer: expired })).toBe('400 certificate-expired');
  });

  it('when it breaks the schema or is a receipt', async () => {
    type Outer = { standardBusinessDocument: { digital: Record<string, unknown> } };
    const change = (sbd: unknown): unknown => {
      delete (sbd as Outer).standardBusinessDocument.digital['ikkesensitivtittel'];
      return sbd;
    };
    expect(await answerTo({ change })).toBe('400 message-invalid');
    const letter = await sender.letter(scripted('digipost'));
    const head = {
      technicalSender: sandbox.operator.organisation,
      receiver: DIGIPOST,
      ...letter,
      createdAt: new Date(),
    };
    const receipt = receiptSbd(head, { kind: 'leveringskvittering', process: 'digital', at: new Date() });
    const jws = await signSbd(receipt, sender.identity);
    expect(await problemOf(await sender.send({ ...letter, jws }))).toBe('400 unsupported-type');
  });

  it('when the package is not the one the message names', async () => {
    expect(await answerTo({ cms: Buffer.from('another package') })).toBe('400 digest-mismatch');
  });

  it('when the receiver does not carry such letters', async () => {
    expect(await answerTo({ receiver: '974761076' })).toBe('400 unknown-receiver');
    expect(await answerTo({ receiver: OTHER_AGENCY })).toBe('400 unknown-receiver');
  });

  it('when its id was used before, with the same content or other', async () => {
    const letter = await sender.letter(scripted('digipost'));
    expect((await sender.send(letter)).status).toBe(201);
    const refused = sandbox.counts.messages.duplicatesRefused;
    expect(await problemOf(await sender.send(letter))).toBe('400 duplicate-message-id');
    expect(await answerTo({ messageId: letter.messageId.toUpperCase() })).toBe('400 duplicate-message-id');
    expect(sandbox.counts.messages.duplicatesRefused).toBe(refused + 2);
  });

  it('is not used up when it was refused', async () => {
    const letter = await sender.letter(scripted('digipost'));
    expect(await problemOf(await sender.send({ ...letter, cms: Buffer.from('x') }))).toBe('400 digest-mismatch');
    expect((await sender.send(letter)).status).toBe(201);
  });

  it('with a queue name outside the syntax', async () => {
    for (const queue of ['', 'a'.repeat(29), 'k%C3%B8', 'a%20b'])
      expect(await answerTo({}, { queue })).toBe('400 invalid-queue');
    expect(await answerTo({}, { queue: 'A-b_9' })).toBe('201 without a problem');
  });

  it('when the body is not the two parts', async () => {
    const token = await sender.token();
    const post = (body: FormData | string, headers: Record<string, string> = {}): Promise<Response> =>
      fetch(`${sandbox.url}/messages/out`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, ...headers },
        body,
      });
    const form = new FormData();
    form.append('forretningsmelding', 'x');
    expect(await problemOf(await post(form))).toBe('400 invalid-multipart');
    expect(await problemOf(await post('{}', { 'content-type': 'application/json' }))).toBe('400 invalid-multipart');
  });
});
