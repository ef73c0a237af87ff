import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { DocumentErased, FilesystemStore } from '@postgang/document-store';
import { letterIdOf } from '@postgang/pipeline';
import { eventually } from '@postgang/testing';
import { Uploads } from '../src/documents/uploads.js';
import { AGENCY, form, letter, OTHER, PDF, problem, RECIPIENT, Rig, SUPPLIER, type Answer } from './rig.js';
import type { TokenWish } from './token-issuer.js';

type Ref = { readonly ref: string };

let rig: Rig;

beforeAll(async () => {
  rig = await Rig.start();
}, 60_000);

afterEach(() => {
  jest.restoreAllMocks();
});

afterAll(async () => {
  await rig.stop();
}, 30_000);

/** The row says that its event is out. */
const marked = (letterId: unknown): Promise<unknown> =>
  eventually('the mark', async () => {
    const { rows } = await rig.database.query(
      'SELECT 1 FROM integration_point.letter WHERE id = $1 AND published_at IS NOT NULL',
      [letterId],
    );
    return rows[0] as unknown;
  });

describe('the REST door', () => {
  it('accepts a letter, publishes it sealed, and finds it at once', async () => {
    const sent = letter({ notice: { smsText: 'Du har fått brev' } });
    const answer = await rig.handIn(sent);
    expect(answer).toMatchObject({ status: 202, body: { status: 'ACCEPTED' } });
    const { letterId, href } = answer.body;
    expect(letterId).toBe(letterIdOf(AGENCY, String(sent['reference'])));
    expect(await rig.call('GET', String(href))).toMatchObject({ status: 200, body: { letterId, status: 'ACCEPTED' } });
    expect(await rig.call('GET', `/v1/letters?reference=${String(sent['reference'])}`)).toMatchObject({
      body: { letters: [{ letterId }] },
    });
    expect(await rig.call('GET', `${String(href)}/history`)).toMatchObject({ status: 200, body: { history: [] } });
    expect(await rig.call('GET', `${String(href)}/receipts`)).toMatchObject({ status: 200, body: { receipts: [] } });
    const { letter: event } = await rig.published(letterId);
    const open = (field: string, sealed: Buffer | null | undefined): string =>
      rig.keys.open('internal', String(letterId), field, sealed ?? Buffer.alloc(0));
    expect(open('recipient', event.recipient)).toBe(RECIPIENT);
    expect(open('title', event.title)).toBe('Vedtak om støtte');
    expect(open('nonSensitiveTitle', event.nonSensitiveTitle)).toBe('Brev fra Etaten');
    expect(open('document.0.title', event.documents[0]?.title)).toBe('Vedtaket');
    expect(open('notice.smsText', event.notice?.smsText)).toBe('Du har fått brev');
    expect(event).toMatchObject({
      sender: AGENCY,
      senderName: 'Etaten',
      kind: 'ENKELTVEDTAK',
      securityLevel: 4,
      language: 'nb',
      door: 'REST',
    });
    await rig.withStore(async (store) => expect(await store.get(event.documents[0]?.ref ?? '')).toEqual(PDF));
  });

  it('takes the same reference with the same content as the same letter, and refuses other content', async () => {
    const sent = letter();
    const [first, again] = await Promise.all([rig.handIn(sent), rig.handIn(sent)]);
    expect([first.status, again.status, (await rig.handIn(sent)).status]).toEqual([202, 202, 202]);
    expect(again.body).toEqual(first.body);
    expect(await rig.handIn({ ...sent, title: 'Noe annet' })).toMatchObject({
      status: 409,
      body: problem('reference-reused'),
    });
    await marked(first.body['letterId']);
    await rig.published(first.body['letterId']);
    expect(rig.accepted.filter((one) => one.letter.letterId === first.body['letterId'])).toHaveLength(1);
  });

  it('takes many letters at once, each exactly once', async () => {
    const answers = await Promise.all(Array.from({ length: 40 }, () => rig.handIn(letter())));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
    for (const { body } of answers) await rig.published(body['letterId']);
    for (const { body } of answers)
      expect(rig.accepted.filter((one) => one.letter.letterId === body['letterId'])).toHaveLength(1);
  });

  it('takes 50 MB, and not a small document more', async () => {
    const content = Buffer.alloc(50 * 1024 * 1024, 'x');
    PDF.copy(content);
    expect((await rig.handIn(letter(), undefined, { main: content })).status).toBe(202);
    const more = { main: content, second: PDF };
    const documents = ['main', 'second'].map((file) => ({ title: file, type: 'application/pdf', file }));
    expect(await rig.handIn(letter({ documents }), undefined, more)).toMatchObject({ status: 413 });
  }, 60_000);

  it('takes JSON that names an uploaded document', async () => {
    const documentId = randomUUID();
    const put = (body: Buffer): Promise<Answer> =>
      rig.call('PUT', `/v1/documents/${documentId}`, { body: new Uint8Array(body), type: 'application/pdf' });
    expect((await put(PDF)).status).toBe(201);
    expect((await put(PDF)).status).toBe(201);
    expect(await put(Buffer.concat([PDF, PDF]))).toMatchObject({ status: 409, body: problem('document-id-reused') });
    const sent = letter({ documents: [{ title: 'A', type: 'application/pdf', documentId }] });
    const send = (token?: TokenWish): Promise<Answer> =>
      rig.call('POST', '/v1/letters', {
        body: JSON.stringify(sent),
        type: 'application/json',
        ...(token && { token }),
      });
    expect((await send()).status).toBe(202);
    // another agency's upload does not exist
    expect(await send({ consumer: OTHER })).toMatchObject({
      status: 400,
      body: { errors: [{ pointer: '/documents/0/documentId' }] },
    });
  });

  it('gives an upload to one letter only, and forgets those nobody took', async () => {
    const upload = async (): Promise<string> => {
      const documentId = randomUUID();
      await rig.call('PUT', `/v1/documents/${documentId}`, { body: new Uint8Array(PDF), type: 'application/pdf' });
      return documentId;
    };
    const json = (sent: Record<string, unknown>): Promise<Answer> =>
      rig.call('POST', '/v1/letters', { body: JSON.stringify(sent), type: 'application/json' });
    const naming = (documentId: string): Record<string, unknown> =>
      letter({ documents: [{ title: 'Vedtaket', type: 'application/pdf', documentId }] });
    const id = await upload();
    const both = await Promise.all([naming(id), naming(id)].map(json));
    expect(both.map(({ status }) => status).sort()).toEqual([202, 400]);
    const late = naming(id);
    expect(await json(late)).toMatchObject({ status: 400, body: problem('invalid-letter') });
    expect(await json({ ...late, ...naming(await upload()), reference: late['reference'] })).toMatchObject({
      status: 202,
    });
    const unused = await upload();
    const ref = async (): Promise<string | undefined> =>
      (await rig.database.query<{ ref: string }>('SELECT ref FROM integration_point.document WHERE id = $1', [unused]))
        .rows[0]?.ref;
    const stored = await ref();
    await rig.database.query(
      "UPDATE integration_point.document SET uploaded_at = now() - interval '8 days' WHERE id = $1",
      [unused],
    );
    const query = async (sql: string, values: unknown[]): Promise<unknown[]> => {
      await rig.database.query('SET search_path TO integration_point');
      return (await rig.database.query<Record<string, unknown>>(sql, values)).rows;
    };
    await rig.withStore(async (store) => {
      const uploads = new Uploads({ database: { query } } as never, store);
      expect(await uploads.dropUnused(10)).toBe(false);
      expect(await ref()).toBeUndefined();
      await expect(store.get(stored as string)).rejects.toThrow(DocumentErased);
    });
  });

  it('carries the trace of the request on, and begins one where there is none', async () => {
    const trace = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    const send = async (headers: Record<string, string>): Promise<string> => {
      const answer = await fetch(`${rig.running.url}/v1/letters`, {
        method: 'POST',
        headers: { authorization: `Bearer ${await rig.issuer.issue({ consumer: AGENCY })}`, ...headers },
        body: form(letter()),
      });
      return ((await answer.json()) as { letterId: string }).letterId;
    };
    expect((await rig.published(await send({ traceparent: trace }))).traceparent).toBe(trace);
    const own = (await rig.published(await send({ traceparent: 'not a trace' }))).traceparent;
    expect(own).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
  });

  it('keeps the documents of the first hand-in, and none of what a repeat or a refusal brought', async () => {
    const put = jest.spyOn(FilesystemStore.prototype, 'put');
    const sent = letter();
    const { body } = await rig.handIn(sent);
    expect(await rig.handIn(sent)).toMatchObject({ status: 202, body });
    expect(await rig.handIn({ ...sent, title: 'Noe annet' })).toMatchObject({ status: 409 });
    expect(await rig.handIn({ ...sent, kind: 'reklame' })).toMatchObject({ status: 400 });
    expect(await rig.handIn(sent, undefined, { main: PDF, other: PDF })).toMatchObject({ status: 400 });
    const refs = await Promise.all(put.mock.results.map(async ({ value }) => (await (value as Promise<Ref>)).ref));
    expect(refs).toHaveLength(6);
    const { letter: kept } = await rig.published(body['letterId']);
    await rig.withStore(async (store) => {
      for (const ref of refs)
        if (ref === kept.documents[0]?.ref) expect(await store.get(ref)).toEqual(PDF);
        else await expect(store.get(ref)).rejects.toThrow(DocumentErased);
    });
  });

  it('gives back uploads that a repeat or a refusal has named', async () => {
    const naming = (sent: Record<string, unknown>, documentId: string): Promise<Answer> =>
      rig.call('POST', '/v1/letters', {
        body: JSON.stringify({ ...sent, documents: [{ title: 'A', type: 'application/pdf', documentId }] }),
        type: 'application/json',
      });
    const taken = async (): Promise<unknown[]> => {
      const { rows } = await rig.database.query<{ letter_id: string | null }>(
        'SELECT letter_id FROM integration_point.document WHERE id = ANY($1) ORDER BY array_position($1, id)',
        [ids],
      );
      return rows.map(({ letter_id: letterId }) => letterId);
    };
    const ids = [await rig.upload(), await rig.upload(), await rig.upload()];
    const [first = '', second = '', third = ''] = ids;
    const sent = letter();
    const { body } = await naming(sent, first);
    expect(await naming(sent, second)).toMatchObject({ status: 202, body });
    expect(await naming({ ...sent, title: 'Noe annet' }, third)).toMatchObject({ status: 409 });
    expect(await taken()).toEqual([body['letterId'], null, null]);
    expect(await naming(letter(), third)).toMatchObject({ status: 202 });
  });

  it("hides an agency's letters from others", async () => {
    const { body } = await rig.handIn(letter());
    const token = { consumer: OTHER };
    for (const path of ['', '/history', '/receipts'])
      expect(await rig.call('GET', String(body['href']) + path, { token })).toMatchObject({
        status: 404,
        body: problem('letter-not-found'),
      });
  });

  it('names every wrong field and repeats nothing of the input', async () => {
    const answer = await rig.handIn(
      letter({
        recipient: '12345678901',
        kind: 'hemmelig-slag',
        documents: [{ title: 'linje\nskift', type: 'application/pdf', file: 'main' }],
        notice: { serviceMessage: 'hemmelig' },
        hemmelig: 1,
      }),
    );
    expect(answer).toMatchObject({ status: 400, body: problem('invalid-letter') });
    const pointers = (answer.body['errors'] as { pointer: string }[]).map(({ pointer }) => pointer);
    expect(pointers).toEqual(expect.arrayContaining(['/kind', '/documents/0/title', '/notice/serviceMessage', '']));
    expect(JSON.stringify(answer.body)).not.toMatch(/hemmelig|12345678901/);
    expect(await rig.handIn(letter({ recipient: '12345678901' }))).toMatchObject({
      body: { errors: [{ pointer: '/recipient' }] },
    });
    expect(await rig.handIn(letter({ notice: { serviceMessage: true } }))).toMatchObject({
      body: { errors: [{ pointer: '/notice/serviceMessage' }] },
    });
  });

  it('refuses a return address that does not fit on an envelope whole, and joins no line away', async () => {
    const print = (lines: readonly string[], abroad = true): { print: object } => ({
      print: {
        returnAddress: {
          name: 'Etaten',
          lines,
          postalCode: '4224',
          city: 'Hisings Backa',
          ...(abroad ? { countryCode: 'SE' } : {}),
        },
      },
    });
    const four = (length: number): string[] => ['a', 'b', 'c', 'd'].map((line) => line.repeat(length));
    expect(await rig.handIn(letter(print(four(60))))).toMatchObject({
      status: 400,
      body: { ...problem('invalid-letter'), errors: [{ pointer: '/print/returnAddress/lines' }] },
    });
    expect(await rig.handIn(letter(print(four(60), false)))).toMatchObject({ status: 202 });
    const { status, body } = await rig.handIn(letter(print(four(20))));
    expect(status).toBe(202);
    const { letter: kept } = await rig.published(body['letterId']);
    expect(kept.print?.returnAddress.lines).toEqual(four(20));
  });

  it('believes the content and not its declared type', async () => {
    const png = Buffer.from('89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489', 'hex');
    for (const content of [png, Buffer.from('just text'), Buffer.from('MZ\0\0\x01\x02'), Buffer.alloc(0)])
      expect(await rig.handIn(letter(), undefined, { main: content })).toMatchObject({
        status: 400,
        body: { errors: [{ pointer: '/documents/0/type' }] },
      });
    expect(await rig.handIn(letter(), undefined, { other: PDF })).toMatchObject({
      body: { errors: [{ pointer: '/documents/0/file' }] },
    });
    expect(
      await rig.call('PUT', `/v1/documents/${randomUUID()}`, { body: 'text', type: 'application/pdf' }),
    ).toMatchObject({ status: 415 });
  });

  it('tries a letter out and keeps nothing of it', async () => {
    const put = jest.spyOn(FilesystemStore.prototype, 'put');
    const sent = letter();
    const tryOut = (json: unknown): Promise<Answer> =>
      rig.call('POST', '/v1/letters?dryRun=true', { body: form(json) });
    const answer = await tryOut(sent);
    expect(answer).toMatchObject({
      status: 200,
      body: { dryRun: true, alreadyHandedIn: false, way: { channel: 'print', provider: 'print', rule: 'reserved' } },
    });
    expect(rig.registerLookup.questions.at(-1)).toMatchObject({ sender: AGENCY, nationalId: RECIPIENT, onlyPdf: true });
    expect(await rig.call('GET', `/v1/letters/${String(answer.body['letterId'])}`)).toMatchObject({ status: 404 });
    rig.registerLookup.answer = { refused: 'no-postal-address' };
    expect(await tryOut(sent)).toMatchObject({ status: 200, body: { way: { refused: 'no-postal-address' } } });
    const wrongType = { ...sent, documents: [{ title: 'A', type: 'image/png', file: 'main' }] };
    expect(await tryOut(wrongType)).toMatchObject({ body: { errors: [{ pointer: '/documents/0/type' }] } });
    expect(put).not.toHaveBeenCalled();
    expect(await rig.handIn(sent)).toMatchObject({ status: 202, body: { letterId: answer.body['letterId'] } });
    expect(await tryOut(sent)).toMatchObject({ status: 200, body: { alreadyHandedIn: true } });
    expect(await tryOut({ ...sent, title: 'Noe annet' })).toMatchObject({ status: 409 });
    expect(await tryOut({ ...sent, kind: 'reklame' })).toMatchObject({ status: 400, body: problem('invalid-letter') });
    rig.registerLookup.status = 503;
    expect(await tryOut(letter())).toMatchObject({ status: 503, body: problem('unavailable') });
    rig.registerLookup.status = 200;
    rig.registerLookup.answer = { channel: 'pigeon' };
    expect(await tryOut(letter())).toMatchObject({ status: 503, body: problem('unavailable') });
  });

  it('answers malformed requests and unknown paths with problems', async () => {
    const post = (body: string, type: string, query = ''): Promise<Answer> =>
      rig.call('POST', `/v1/letters${query}`, { body, type });
    expect(await post('{', 'application/json')).toMatchObject({ status: 400, body: problem('invalid-request') });
    expect(await post('{}', 'application/json')).toMatchObject({ status: 400, body: problem('invalid-letter') });
    expect(await post('x', 'multipart/form-data')).toMatchObject({ status: 400 });
    // a letter that a misspelt dry run has sent cannot be called back
    for (const query of ['?dryRun=perhaps', '?dryrun=true', '?dry_run=true', '?dryRun=true&dryRun=true'])
      expect(await post(JSON.stringify(letter()), 'application/json', query)).toMatchObject({
        status: 400,
        body: problem('invalid-request'),
      });
    expect(await rig.call('GET', '/nowhere')).toMatchObject({ status: 404, body: problem('not-found') });
  });

  it('shows its description as a page that loads nothing from elsewhere', async () => {
    const page = await fetch(`${rig.running.url}/docs`);
    const html = await page.text();
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
    const assets = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, url]) => url as string);
    expect(assets.length).toBeGreaterThan(2);
    for (const asset of assets) {
      expect(asset).toMatch(/^\.?\//);
      const url = new URL(asset, `${rig.running.url}/docs`);
      const answer = await fetch(url);
      expect([asset, answer.status]).toEqual([asset, 200]);
      const text = await answer.text();
      if (url.pathname.endsWith('init.js')) expect(text).not.toMatch(/https?:\/\/(?!postgang\.no)/);
      if (url.pathname.endsWith('.css')) expect(text).not.toMatch(/@import|url\(["']?(?:https?:)?\/\//);
      // the bundle names the makers of its parts; what it may load is in the policy
      expect(answer.headers.get('content-security-policy')).toBe(page.headers.get('content-security-policy'));
    }
    expect(page.headers.get('content-security-policy')).not.toMatch(/https?:|\*|unsafe-eval|script-src[^;]*unsafe/);
    expect(html).not.toMatch(/<script(?![^>]*\bsrc=)[^>]*>\s*\S/);
    expect(html.replaceAll(/xmlns(:\w+)?="[^"]*"/g, '')).not.toMatch(/https?:\/\//);
  });

  it('tells in the letter who handed it in for the agency', async () => {
    const delegated = await rig.handIn(letter(), { consumer: AGENCY, supplier: SUPPLIER });
    expect((await rig.published(delegated.body['letterId'])).letter.supplier).toBe(SUPPLIER);
  });

  it('describes itself in OpenAPI', async () => {
    const answer = await rig.call('GET', '/openapi.json');
    expect(answer.body).toMatchObject({ openapi: '3.1.0', components: { schemas: { Letter: { type: 'object' } } } });
  });

  it('publishes what a crash left between row and event', async () => {
    const { body } = await rig.handIn(letter());
    const first = await rig.published(body['letterId']);
    await marked(body['letterId']);
    await rig.database.query(
      "UPDATE integration_point.letter SET published_at = NULL, accepted_at = now() - interval '1 minute' WHERE id = $1",
      [body['letterId']],
    );
    const both = await eventually('the event again', () => {
      const found = rig.accepted.filter((one) => one.letter.letterId === body['letterId']);
      return found.length === 2 ? found : undefined;
    });
    expect(both[1]).toEqual(first);
  });
});
