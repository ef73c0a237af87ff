import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { readRevocationList, Revocations, verifySbd } from '@postgang/document-package';
import { describeWithShared, eventually, sharedFile } from '@postgang/testing';
import { Ajv } from 'ajv';
import addFormats from 'ajv-formats';
import { createHash, type X509Certificate } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DIGIPOST, EBOKS, PRINT_SHOP, scripted, startSandbox, type Delivery, type Sandbox } from '../src/index.js';
import { AGENCY, OTHER_AGENCY, problemOf, Sender, type LetterOptions, type OutgoingLetter } from './sender.js';

let dir: string;
let sandbox: Sandbox;
let sender: Sender;
let token: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'sandbox-'));
  sandbox = await startSandbox({ dir, receiptDelayMs: 5 });
  sender = new Sender(sandbox);
});
beforeEach(async () => {
  await sender.post('/admin/reset', {});
  await sender.post('/admin/agencies', { agencies: [AGENCY] });
  token = await sender.token();
});
afterAll(async () => {
  await sandbox.stop();
  await rm(dir, { recursive: true });
});

describe('a revocation', () => {
  it('stands in the list of the authority, and the provider has another certificate after a restart', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sandbox-'));
    const listed = async ({ certificates }: Sandbox, [leaf]: readonly X509Certificate[]) => {
      const files = ['root.crl', 'ca.crl'].map((name) => readFileSync(join(folder, 'crls', name)));
      const lists = await Promise.all(files.map((file) => readRevocationList(file, certificates.trust)));
      return new Revocations(lists).revokedAt([leaf as X509Certificate])?.toISOString();
    };
    let box = await startSandbox({ dir: folder });
    const before = box.certificates.providers.get(EBOKS)?.certificates ?? [];
    expect(await listed(box, before)).toBeUndefined();
    await box.certificates.revoke(EBOKS, new Date('2026-11-24T12:00:00Z'));
    expect(await listed(box, before)).toBe('2026-11-24T12:00:00.000Z');
    await box.stop();
    box = await startSandbox({ dir: folder });
    const after = box.certificates.providers.get(EBOKS)?.certificates ?? [];
    expect([await listed(box, before), await listed(box, after)]).toEqual(['2026-11-24T12:00:00.000Z', undefined]);
    await box.stop();
    await rm(folder, { recursive: true });
  });

  it('is asked for over HTTP, of providers only', async () => {
    await sender.post('/admin/revocations', { organisation: PRINT_SHOP, since: '2020-01-01T00:00:00Z' });
    const [leaf] = sandbox.certificates.providers.get(PRINT_SHOP)?.certificates as [X509Certificate];
    const list = await readRevocationList(readFileSync(join(dir, 'crls', 'ca.crl')), sandbox.certificates.trust);
    expect(new Revocations([list]).revokedAt([leaf])).toEqual(new Date('2020-01-01T00:00:00Z'));
    const { status } = await fetch(`${sandbox.url}/admin/revocations`, {
      ...{ method: 'POST', headers: { 'content-type': 'application/json' } },
      body: JSON.stringify({ organisation: AGENCY }),
    });
    expect(status).toBe(404);
  });
});

interface Message {
  readonly forretningsmelding: string;
  readonly downloadurl: string;
}
interface Receipt {
  readonly id: string;
  readonly kind: string;
  readonly body: Record<string, unknown>;
  readonly signer: string;
  readonly conversationId: string | undefined;
}

function receiptIn({ forretningsmelding }: Message): Receipt {
  const { sbd, type, organisation } = verifySbd(forretningsmelding, { trust: sandbox.certificates.trust });
  const { standardBusinessDocumentHeader: header, [type]: body } = sbd.standardBusinessDocument;
  return {
    id: header.documentIdentification.instanceIdentifier,
    kind: type,
    body: body ?? {},
    signer: organisation,
    conversationId: header.businessScope.scope[0]?.instanceIdentifier,
  };
}

const list = (query = ''): Promise<Message[]> => sender.get<Message[]>(`/messages/in${query}`, token);

async function sent(name: string, options: LetterOptions = {}, queue?: string): Promise<OutgoingLetter> {
  const letter = await sender.letter(scripted(name), { token, ...options });
  const response = await sender.send(letter, queue === undefined ? {} : { queue });
  expect(response.status).toBe(201);
  return letter;
}

/** Waits for so many, and expects no more at that moment; what is never sent is proven by the specs of the plans. */
async function receipts(count: number): Promise<Receipt[]> {
  const found = await eventually(`${count} receipts`, async () => {
    const messages = await list();
    return messages.length >= count ? messages : undefined;
  });
  expect(found).toHaveLength(count);
  return found.map(receiptIn);
}

const kinds = async (count: number): Promise<string[]> => (await receipts(count)).map(({ kind }) => kind);

async function delivery(letter: OutgoingLetter): Promise<Delivery | undefined> {
  return (await sender.get<Delivery[]>(`/admin/deliveries?messageId=${letter.messageId}`))[0];
}

describe('a mailbox', () => {
  it('delivers, shows what it got, and signs a receipt that names the conversation', async () => {
    const letter = await sent('digipost');
    const [receipt] = await receipts(1);
    expect(receipt).toMatchObject({
      kind: 'leveringskvittering',
      signer: DIGIPOST,
      conversationId: letter.conversationId,
      body: { avsender: { virksomhetsidentifikator: { value: `0192:${DIGIPOST}` } } },
    });
    const pdf = '%PDF-1.4\n% a letter\n%%EOF\n';
    expect(await delivery(letter)).toMatchObject({
      provider: 'digipost',
      outcome: 'delivered',
      sender: AGENCY,
      conversationId: letter.conversationId,
      message: { ikkesensitivtittel: 'Brev fra kommunen' },
      documents: [
        { title: 'Vedtak om løyve', bytes: pdf.length, sha256: createHash('sha256').update(pdf).digest('hex') },
      ],
    });
    expect(sandbox.counts.providers.digipost).toMatchObject({ received: 1, verified: 1, delivered: 1 });
    const report = await (await fetch(`${sandbox.url}/admin/report`)).text();
    expect(report).toMatch(/^message_id,time,status,conversation_id\n/);
    expect(report).toMatch(new RegExp(`^${letter.messageId},\\S+Z,delivered,${letter.conversationId}$`, 'm'));
  });

  it('says that the letter was opened when that was ordered', async () => {
    await sent('opens', { openingReceipt: true });
    expect(await kinds(2)).toEqual(['leveringskvittering', 'aapningskvittering']);
    await sent('opens', { openingReceipt: false });
    await sent('eboks');
    expect((await receipts(4)).filter(({ kind }) => kind === 'aapningskvittering')).toHaveLength(1);
  });

  it('says for each channel that the notice failed', async () => {
    await sent('notice-fails');
    const found = await receipts(3);
    expect(found.map(({ kind, body }) => [kind, body['varslingskanal']])).toEqual([
      ['leveringskvittering', undefined],
      ['varslingfeiletkvittering', 'epost'],
      ['varslingfeiletkvittering', 'sms'],
    ]);
  });

  it('answers an error when it rejects or is broken', async () => {
    await sent('rejected');
    await sent('provider-broken');
    const found = await receipts(2);
    expect(found.map(({ kind, body, signer }) => [kind, body['feiltype'], signer])).toEqual([
      ['feil', 'KLIENT', EBOKS],
      ['feil', 'SERVER', DIGIPOST],
    ]);
  });

  it.each([
    ['is sealed for another provider', { sealFor: EBOKS }],
    ['names another mailbox inside than outside', { manifestMailbox: 'eboks#S002' }],
    ['has an empty document', { content: Buffer.alloc(0) }],
  ] as const)('answers an error to a package that %s', async (_case, options) => {
    const letter = await sent('digipost', options);
    expect(await receipts(1)).toMatchObject([{ kind: 'feil', body: { feiltype: 'KLIENT' } }]);
    expect(await delivery(letter)).toMatchObject({ outcome: 'rejected' });
    expect(sandbox.counts.providers.digipost).toMatchObject({ delivered: 0, rejected: 1, verified: 0 });
  });

  it('answers an error to a package somebody else signed', async () => {
    await sent('digipost', { packageSigner: await sender.otherIdentity(OTHER_AGENCY) });
    expect(await kinds(1)).toEqual(['feil']);
  });

  it('answers an error for a mailbox of another provider', async () => {
    await sent('eboks', { receiver: DIGIPOST, sealFor: DIGIPOST });
    expect(await kinds(1)).toEqual(['feil']);
  });
});

describe('the print shop', () => {
  it('says that it has the letter and that it posted it', async () => {
    await sent('no-mailbox');
    const found = await receipts(2);
    expect(found.map(({ kind, signer }) => [kind, signer])).toEqual([
      ['mottakskvittering', PRINT_SHOP],
      ['leveringskvittering', PRINT_SHOP],
    ]);
  });

  it('says that a letter came back when it shredded it', async () => {
    await sent('returned');
    expect(await kinds(3)).toEqual(['mottakskvittering', 'leveringskvittering', 'returpostkvittering']);
  });

  it('prints abroad, and refuses what is no PDF', async () => {
    await sent('abroad');
    expect(await kinds(2)).toEqual(['mottakskvittering', 'leveringskvittering']);
    await sent('no-mailbox', { mediaType: 'text/plain' });
    await sent('print-refused');
    expect((await kinds(4)).slice(2)).toEqual(['feil', 'feil']);
  });
});

describe('the inbox', () => {
  it('is empty with 204', async () => {
    expect((await sender.answer('/messages/in', token)).status).toBe(204);
  });

  it('is read in pages, per queue whatever its case, until read', async () => {
    for (const queue of ['Queue-A', 'queue-a', 'queue-b', 'QUEUE-A']) await sent('digipost', {}, queue);
    await receipts(4);
    const first = await list('?kanal=queue-A&page_size=2');
    const second = await list('?kanal=queue-A&page_size=2&page=2');
    expect([first.length, second.length]).toEqual([2, 1]);
    const ids = [...first, ...second].map(receiptIn).map(({ id }) => id);
    expect(new Set(ids).size).toBe(3);
    expect((await sender.answer('/messages/in?kanal=queue-A&page_size=2&page=3', token)).status).toBe(204);
    for (const id of ids) expect((await sender.post(`/messages/in/${id}/read`, {}, token)).status).toBe(200);
    expect((await sender.answer('/messages/in?kanal=queue-a', token)).status).toBe(204);
    expect(await list()).toHaveLength(1);
    expect(await problemOf(await sender.post(`/messages/in/${ids[0] ?? ''}/read`, {}, token))).toBe('404 not-found');
    expect(sandbox.counts.receipts).toMatchObject({
      sent: { leveringskvittering: 4 },
      fetched: { leveringskvittering: 4 },
      read: { leveringskvittering: 3 },
    });
  });

  it('is the technical sender’s alone', async () => {
    await sent('digipost');
    const [receipt] = await receipts(1);
    const scopes = ['digitalpostinnbygger:send'];
    await sender.post('/admin/clients', { organisation: OTHER_AGENCY, clientId: 'other', scopes });
    const identity = await sender.otherIdentity(OTHER_AGENCY);
    const granted = await sender.redeem(await sender.grant({ iss: 'other' }, { identity }));
    const { access_token: stranger } = (await granted.json()) as { access_token: string };
    expect((await sender.answer('/messages/in', stranger)).status).toBe(204);
    const path = `/messages/in/${receipt?.id ?? ''}`;
    expect(await problemOf(await sender.post(`${path}/read`, {}, stranger))).toBe('403 not-yours');
    expect(await problemOf(await sender.answer(path, token))).toBe('404 not-found');
    expect(await problemOf(await sender.answer('/messages/in'))).toBe('401 token-missing');
  });

  it('refuses a page that is no number and a queue that is no name', async () => {
    expect(await problemOf(await sender.answer('/messages/in?page=0', token))).toBe('400 invalid-page');
    expect(await problemOf(await sender.answer('/messages/in?page_size=all', token))).toBe('400 invalid-page');
    expect(await problemOf(await sender.answer('/messages/in?kanal=%20', token))).toBe('400 invalid-queue');
  });
});

describe('a fault that was switched on', () => {
  it('cuts the connection of a system that is off, until it is switched off again', async () => {
    await sender.post('/admin/faults', { system: 'access-point', mode: 'off' });
    await expect(list()).rejects.toThrow();
    await sender.post('/admin/faults', { system: 'access-point', mode: 'none' });
    expect(await list()).toEqual([]);
  });

  it('answers with the status ordered and says when to come again', async () => {
    await sender.post('/admin/faults', { system: 'krr', mode: 'status', status: 429, retryAfterSeconds: 7 });
    const response = await sender.post('/rest/v2/personer', { personidentifikatorer: [] }, token);
    expect([response.status, response.headers.get('retry-after')]).toEqual([429, '7']);
  });

  it('takes the letter and drops the answer, every second time at 50 %', async () => {
    await sender.post('/admin/faults', { system: 'access-point', mode: 'drop-answer-after-effect', percent: 50 });
    const letters = await Promise.all(['digipost', 'eboks'].map((name) => sender.letter(scripted(name), { token })));
    const [first, second] = letters as [OutgoingLetter, OutgoingLetter];
    expect((await sender.send(first)).status).toBe(201);
    await expect(sender.send(second)).rejects.toThrow();
    await sender.post('/admin/faults', { system: 'access-point', mode: 'none' });
    expect(await sender.get<unknown[]>(`/messages/out/${second.messageId}/statuses`, token)).toHaveLength(2);
    expect(await problemOf(await sender.send(second))).toBe('400 duplicate-message-id');
    expect(sandbox.counts.messages.accepted).toBe(2);
  });

  it('signs with another provider’s certificate, or so that the signature does not hold', async () => {
    await sender.post('/admin/faults', { system: 'digipost', mode: 'bad-signer' });
    await sent('digipost');
    const [receipt] = await receipts(1);
    expect(receipt?.signer).not.toBe(DIGIPOST);
    await sender.post('/admin/faults', [
      { system: 'digipost', mode: 'none' },
      { system: 'digipost', mode: 'bad-signature' },
    ]);
    await sent('digipost');
    const both = await eventually('a second receipt', async () => {
      const found = await list();
      return found.length === 2 ? found : undefined;
    });
    expect(() => receiptIn(both[1] as Message)).toThrow('signature-invalid');
  });

  it('is over with a reset, and so is all that has not been sent yet', async () => {
    await sender.post('/admin/faults', { system: 'digipost', mode: 'delay', ms: 300 });
    await sent('digipost');
    await sender.post('/admin/reset', {});
    await sender.post('/admin/agencies', { agencies: [AGENCY] });
    await sender.post('/admin/faults', { system: 'eboks', mode: 'delay', ms: 600 });
    await sent('eboks');
    expect((await receipts(1))[0]?.signer).toBe(EBOKS);
  });

  it('sends a receipt twice, for nobody’s conversation, or not at all', async () => {
    await sender.post('/admin/faults', { system: 'eboks', mode: 'duplicate' });
    await sent('eboks');
    const twice = await receipts(2);
    expect(new Set(twice.map(({ id }) => id)).size).toBe(2);
    await sender.post('/admin/faults', [
      { system: 'eboks', mode: 'silent' },
      { system: 'digipost', mode: 'unknown-conversation' },
    ]);
    await sent('eboks');
    const letter = await sent('digipost');
    expect((await receipts(3))[2]?.conversationId).not.toBe(letter.conversationId);
  });

  it('sends receipts late, and a letter’s in the opposite order', async () => {
    await sender.post('/admin/faults', [
      { system: 'digipost', mode: 'delay', ms: 300 },
      { system: 'print', mode: 'reorder' },
    ]);
    await sent('digipost');
    await sent('no-mailbox');
    const found = await receipts(3);
    expect(found.map(({ kind }) => kind)).toEqual(['leveringskvittering', 'mottakskvittering', 'leveringskvittering']);
    expect(found[2]?.signer).toBe(DIGIPOST);
  });

  it('tells from outside of every conversation how many messages it got and which receipts were lost', async () => {
    await sender.post('/admin/faults', { system: 'eboks', mode: 'silent' });
    const lost = await sent('eboks');
    const other = await sent('digipost');
    await receipts(1);
    const { conversations } = await sender.get<{ conversations: unknown[] }>('/admin/conversations');
    expect(conversations).toEqual([
      [lost.conversationId, 1, ['leveringskvittering']],
      [other.conversationId, 1, []],
    ]);
    expect(sandbox.counts.receipts.lost).toEqual({ leveringskvittering: 1 });
  });

  it('holds the receipts of a provider that is off until it is back', async () => {
    await sender.post('/admin/faults', { system: 'digipost', mode: 'off' });
    await sent('digipost');
    await sent('eboks');
    expect((await receipts(1))[0]?.signer).toBe(EBOKS);
    await sender.post('/admin/faults', { system: 'digipost', mode: 'none' });
    expect((await receipts(2))[1]?.signer).toBe(DIGIPOST);
  });

  it('is refused when there is no such system or mode', async () => {
    expect(await problemOf(await sender.post('/admin/faults', { system: 'weather', mode: 'off' }))).toBe(
      '400 invalid-request',
    );
  });
});

describe('determinism', () => {
  it('gives the same receipt ids for the same letter', async () => {
    const letter = await sent('digipost');
    const [first] = await receipts(1);
    await sender.post('/admin/reset', {});
    await sender.send(letter);
    expect((await receipts(1))[0]?.id).toBe(first?.id);
  });
});

describeWithShared('vectors/dpi/schemas', 'all six receipts', () => {
  it('are valid by the published schemas', async () => {
    const folder = sharedFile('vectors/dpi/schemas');
    const ajv = new Ajv({ strict: false });
    addFormats.default(ajv);
    const schemas = readdirSync(folder).map(
      (file) => JSON.parse(readFileSync(join(folder, file), 'utf8')) as { $id: string },
    );
    for (const schema of schemas) if (!schema.$id.endsWith('problem.schema.json')) ajv.addSchema(schema);
    await sent('opens', { openingReceipt: true });
    await sent('notice-fails');
    await sent('rejected');
    await sent('returned');
    await receipts(9);
    const messages = await list();
    const seen = new Set<string>();
    for (const message of messages) {
      const { kind } = receiptIn(message);
      seen.add(kind);
      const validate = ajv.getSchema(`https://docs.digdir.no/schemas/dpi/${kind}.schema.json`);
      const payload = JSON.parse(
        Buffer.from(message.forretningsmelding.split('.')[1] ?? '', 'base64url').toString(),
      ) as unknown;
      expect(validate?.(payload)).toBe(true);
    }
    expect([...seen].sort()).toEqual([
      'aapningskvittering',
      'feil',
      'leveringskvittering',
      'mottakskvittering',
      'returpostkvittering',
      'varslingfeiletkvittering',
    ]);
  });
});
