import { randomUUID } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { DocumentErased, FilesystemStore } from '@postgang/document-store';
import { eventually } from '@postgang/testing';
import { AGENCY, form, letter, OTHER, PDF, problem, RECIPIENT, Rig, STRANGER, SUPPLIER } from './rig.js';
import { bytesRead, sendRaw } from './raw-http.js';
import { strangersKey, type TokenWish } from './token-issuer.js';

const MB = 1024 * 1024;
const LIMIT = 50 * MB;
/** One read of the socket: what passes the limit is found in it. */
const PAST = 64 * 1024;
const TIMEOUT_MS = 8_000;

let rig: Rig;
let api: string;

beforeAll(async () => {
  rig = await Rig.start({ HTTP_REQUEST_TIMEOUT_MS: String(TIMEOUT_MS), DRY_RUNS_PER_MINUTE: '2' });
  api = rig.running.url ?? '';
}, 60_000);

afterEach(() => {
  jest.restoreAllMocks();
});

afterAll(async () => {
  await rig.stop();
}, 30_000);

/** Sends chunks of a megabyte for as long as the server takes them. Resolves with the status. */
async function stream(method: string, path: string, headers: object, parts: Iterable<Buffer>): Promise<number> {
  const authorization = `Bearer ${await rig.issuer.issue({ consumer: AGENCY })}`;
  return new Promise((resolve, reject) => {
    const request = httpRequest(api + path, { method, headers: { ...headers, authorization } }, (response) => {
      response.resume().on('end', () => {
        resolve(response.statusCode ?? 0);
        request.destroy();
      });
    });
    request.on('error', reject);
    const iterator = parts[Symbol.iterator]();
    const next = (): void => {
      for (;;) {
        const { value, done } = iterator.next();
        if (done === true) return;
        if (!request.write(value)) break;
      }
      request.once('drain', next);
    };
    next();
  });
}

function* megabytes(count: number): Iterable<Buffer> {
  yield PDF;
  const chunk = Buffer.alloc(MB, 'x');
  for (let index = 0; index < count; index++) yield chunk;
}

function* multipart(files: number, megabytesEach: number): Iterable<Buffer> {
  const head = (name: string, more: string): Buffer =>
    Buffer.from(`--b\r\ncontent-disposition: form-data; name="${name}"${more}\r\n\r\n`);
  for (let file = 0; file < files; file++) {
    yield head(`file${file}`, '; filename="a.pdf"');
    yield* megabytes(megabytesEach);
    yield Buffer.from('\r\n');
  }
}
const MULTIPART = { 'content-type': 'multipart/form-data; boundary=b' };

describe('too large', () => {
  it('is refused by Content-Length before anything of the body is read', async () => {
    const requests = [
      ['PUT', `/v1/documents/${randomUUID()}`, 'application/pdf', LIMIT + 1],
      ['POST', '/v1/letters', 'multipart/form-data; boundary=b', LIMIT + MB],
      ['POST', '/v1/letters', 'application/json', 300_000],
    ] as const;
    for (const [method, path, type, length] of requests) {
      const head = [`${method} ${path} HTTP/1.1`, 'Host: x', `Content-Type: ${type}`, `Content-Length: ${length}`];
      const token = `Authorization: Bearer ${await rig.issuer.issue({ consumer: AGENCY })}`;
      const text = [...head, token, '', ''].join('\r\n');
      const read = await bytesRead(path, async () => {
        const answer = await sendRaw(api, text, (socket) => socket.write(Buffer.alloc(8 * MB)));
        expect(answer).toMatchObject({ status: 413, body: problem('too-large') });
      });
      expect({ path, type, past: Math.max(0, read - text.length - PAST) }).toEqual({ path, type, past: 0 });
    }
  });

  it('is refused within 64 kB past 50 MB when nobody said how long it is, and nothing of it stays', async () => {
    const put = jest.spyOn(FilesystemStore.prototype, 'put');
    const upload = `/v1/documents/${randomUUID()}`;
    const frame = 4 * 1024;
    const requests = [
      ['PUT', upload, { 'content-type': 'application/pdf' }, megabytes(60)],
      ['POST', '/v1/letters', MULTIPART, multipart(1, 60)],
      ['POST', '/v1/letters', MULTIPART, multipart(4, 20)],
    ] as const;
    for (const [method, path, headers, parts] of requests) {
      const read = await bytesRead(path, async () => {
        expect(await stream(method, path, headers, parts)).toBe(413);
      });
      expect(read).toBeGreaterThan(LIMIT);
      // under load one more read may have been under way when the limit was passed
      expect({ path, past: Math.max(0, read - LIMIT - 2 * PAST - frame) }).toEqual({ path, past: 0 });
    }
    const stored = await Promise.allSettled(put.mock.results.map(({ value }) => value as Promise<{ ref: string }>));
    const refs = stored.flatMap((one) => (one.status === 'fulfilled' ? [one.value.ref] : []));
    expect(refs.length).toBeGreaterThan(0);
    await rig.withStore(async (store) => {
      for (const ref of refs) await expect(store.get(ref)).rejects.toThrow(DocumentErased);
    });
    expect((await rig.database.query('SELECT 1 FROM integration_point.document')).rows).toEqual([]);
  });
});

describe('hostile JSON', () => {
  const json = (body: string): ReturnType<Rig['call']> =>
    rig.call('POST', '/v1/letters', { body, type: 'application/json' });
  const inPart = async (text: string, type?: string): ReturnType<Rig['call']> => {
    const data = form({});
    data.set('letter', type === undefined ? text : new Blob([text], { type }));
    return rig.call('POST', '/v1/letters', { body: data });
  };

  it.each([
    ['a hundred thousand brackets', '['.repeat(100_000) + ']'.repeat(100_000), 'invalid-letter'],
    [
      'a deep field',
      JSON.stringify(letter()).replace('"Vedtak om', `${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)},"x":"`),
      'invalid-letter',
    ],
    ['forty thousand documents', JSON.stringify(letter({ documents: new Array(40_000).fill({}) })), 'invalid-letter'],
    [
      'forty thousand unknown fields',
      `{${Array.from({ length: 20_000 }, (_, n) => `"k${n}":1`).join()}}`,
      'invalid-letter',
    ],
    ['an array', '[]', 'invalid-letter'],
    ['null', 'null', 'invalid-letter'],
    ['half', '{"reference":', 'invalid-request'],
    ['not UTF-8', '{"reference":"\udc00"}', 'invalid-letter'],
    ['nothing', '', 'invalid-request'],
  ])('%s', async (_name, text, name) => {
    const answers = [await json(text), await inPart(text), await inPart(text, 'application/json')];
    for (const answer of answers)
      expect(answer).toMatchObject({ status: 400, type: expect.stringContaining('problem+json') });
    expect(answers[0]).toMatchObject({ body: problem(name) });
    expect((answers[0]?.body['errors'] as unknown[] | undefined)?.length ?? 0).toBeLessThanOrEqual(50);
  });

  it('does not take a prototype for a field', async () => {
    const text = JSON.stringify(letter()).replace('{', '{"__proto__":{"kind":"information"},');
    for (const answer of [await json(text), await inPart(text), await inPart(text, 'application/json')])
      expect(answer.status).toBe(400);
    expect(({} as Record<string, unknown>)['kind']).toBeUndefined();
  });

  it('larger than 256 kB', async () => {
    const text = JSON.stringify(letter({ title: 'x'.repeat(300_000) }));
    expect(await json(text)).toMatchObject({ status: 413, body: problem('too-large') });
    expect(await inPart(text, 'text/plain')).toMatchObject({ status: 413, body: problem('too-large') });
  });
});

describe('hostile names', () => {
  it('of files are not used for anything', async () => {
    const names = [
      '../../etc/passwd',
      'C:\\con.pdf',
      'a"; name="letter',
      'x\r\ny: z.pdf',
      '\0.pdf',
      'æ\u202efdp.exe',
      'n'.repeat(5_000),
      '.',
    ];
    const letters = async (): Promise<number> =>
      (await rig.database.query('SELECT 1 FROM integration_point.letter')).rows.length;
    const before = await letters();
    for (const name of names) {
      const answer = await rig.call('POST', '/v1/letters', { body: form(letter(), { main: PDF }, name) });
      expect([name, answer.status]).toEqual([name, 202]);
      const { letter: event } = await rig.published(answer.body['letterId']);
      expect(Object.keys(event.documents[0] ?? {}).sort()).toEqual(['mediaType', 'ref', 'sha256', 'size', 'title']);
      expect(event.documents[0]?.ref).toMatch(/^[\w.:-]+$/);
    }
    expect((await letters()) - before).toBe(names.length);
  });

  it.each(['__proto__', 'constructor', 'toString'])('of parts: %s', async (name) => {
    const documents = [{ title: 'A', type: 'application/pdf', file: name }];
    expect(
      await rig.handIn(letter({ documents }), undefined, { [name === '__proto__' ? '["__proto__"]' : name]: PDF }),
    ).toMatchObject({ status: 400 });
    const data = form(letter({ documents }), {});
    data.append(name, new Blob([new Uint8Array(PDF)]), 'a.pdf');
    expect(await rig.call('POST', '/v1/letters', { body: data })).toMatchObject({ status: 400 });
  });

  it('of addresses', async () => {
    const token = `Authorization: Bearer ${await rig.issuer.issue({ consumer: AGENCY })}`;
    const get = (path: string): ReturnType<typeof sendRaw> =>
      sendRaw(api, `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${token}\r\n\r\n`);
    for (const [path, status] of [
      ['/v1/letters/%zz', 400],
      ['/v1/letters/%00', 404],
      ['/v1/letters/..%2f..%2fetc%2fpasswd', 404],
      [`/v1/letters/${'a'.repeat(200)}`, 400],
      ["/v1/letters/'%20OR%201=1--", 404],
      ['/v1/letters?reference=a&reference=b', 400],
      ['/docs/..%2f..%2fpackage.json', 404],
      ['/docs/../../package.json', 400],
    ] as const) {
      const answer = await get(path);
      expect([path, answer.status]).toEqual([path, status]);
      expect(answer.type).toContain('application/problem+json');
      expect(JSON.stringify(answer.body)).not.toMatch(/passwd|aaaa|OR/);
    }
  });
});

describe('hostile connections', () => {
  const token = async (): Promise<string> => `Authorization: Bearer ${await rig.issuer.issue({ consumer: AGENCY })}`;

  it('slow headers and slow bodies are ended, and nothing of them stays', async () => {
    const put = jest.spyOn(FilesystemStore.prototype, 'put');
    const began = performance.now();
    const head = ['Host: x', await token(), 'Content-Length: 100000'];
    const body = `--b\r\ncontent-disposition: form-data; name="main"; filename="a.pdf"\r\n\r\n${PDF.toString()}`;
    const answers = await Promise.all([
      sendRaw(api, 'POST /v1/letters HTTP/1.1\r\nHost:'),
      sendRaw(api, ['POST /v1/letters HTTP/1.1', ...head, 'Content-Type: application/json', '', '{'].join('\r\n')),
      sendRaw(
        api,
        ['POST /v1/letters HTTP/1.1', ...head, 'Content-Type: multipart/form-data; boundary=b', '', body].join('\r\n'),
      ),
      sendRaw(
        api,
        [`PUT /v1/documents/${randomUUID()} HTTP/1.1`, ...head, 'Content-Type: application/pdf', '', '%PDF-'].join(
          '\r\n',
        ),
      ),
    ]);
    for (const answer of answers) expect(answer).toMatchObject({ status: 408, body: problem('too-slow') });
    expect(performance.now() - began).toBeLessThan(TIMEOUT_MS + 4_000);
    const ends = await Promise.allSettled(put.mock.results.map(({ value }) => value as Promise<unknown>));
    expect(ends.map(({ status }) => status)).not.toContain('fulfilled');
  }, 30_000);

  it('requests cut off in the middle leave no documents', async () => {
    const put = jest.spyOn(FilesystemStore.prototype, 'put');
    const erase = jest.spyOn(FilesystemStore.prototype, 'erase');
    const part = (name: string, content: string): string =>
      `--b\r\ncontent-disposition: form-data; name="${name}"; filename="a.pdf"\r\n\r\n${content}`;
    const text = [
      'POST /v1/letters HTTP/1.1',
      'Host: x',
      await token(),
      'Content-Length: 100000',
      'Content-Type: multipart/form-data; boundary=b',
      '',
      `${part('one', PDF.toString())}\r\n${part('two', 'half')}`,
    ].join('\r\n');
    const cut = sendRaw(api, text, (socket) => {
      const look = setInterval(() => {
        if (put.mock.calls.length < 1) return;
        clearInterval(look);
        socket.resetAndDestroy();
      }, 1);
    });
    await cut.catch(() => undefined);
    const { ref } = await (put.mock.results[0]?.value as Promise<{ ref: string }>);
    await rig.withStore(async (store) => {
      await eventually('the erasure', async () => {
        const index = erase.mock.calls.findIndex(([erased]) => erased === ref);
        await erase.mock.results[index]?.value;
        return index >= 0;
      });
      await expect(store.get(ref)).rejects.toThrow(DocumentErased);
    });
  });

  it('headers beyond 16 kB, and what is no HTTP', async () => {
    const long = `GET /v1/letters?reference=a HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`;
    expect(await sendRaw(api, long)).toMatchObject({ status: 431, body: problem('headers-too-large') });
    const smuggled =
      'POST /v1/letters HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n';
    for (const text of [smuggled, 'hello\r\n\r\n', 'GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n'])
      expect(await sendRaw(api, text)).toMatchObject({ status: 400, body: problem('invalid-request') });
  });
});

it('dry runs are counted for each agency', async () => {
  const tryOut = async (consumer: string): Promise<unknown> => {
    const data = form(letter());
    return (await rig.call('POST', '/v1/letters?dryRun=true', { token: { consumer }, body: data })).status;
  };
  const [first, second, third] = [await tryOut(AGENCY), await tryOut(AGENCY), await tryOut(AGENCY)];
  expect([first, second, third, await tryOut(OTHER)]).toEqual([200, 200, 429, 200]);
});

describe('tokens', () => {
  const consumer = AGENCY;
  const use = async (token: string): Promise<{ status: number; name: unknown }> => {
    const answer = await fetch(`${api}/v1/letters?reference=a`, {
      headers: { authorization: `Bearer ${token}` },
    });
    const body = (await answer.json()) as { type?: string };
    expect(answer.headers.get('www-authenticate') !== null).toBe(
      answer.status === 401 || body.type?.endsWith('scope-missing') === true,
    );
    return { status: answer.status, name: body.type?.split('/').at(-1) };
  };

  it.each<[string, Partial<TokenWish>, number, string?]>([
    ['as it must be', {}, 200],
    ['delegated', { supplier: SUPPLIER }, 200],
    ['for another audience', { audience: 'https://else.example/' }, 401],
    ['for nobody', { claims: { aud: undefined } }, 401],
    ['of another issuer', { issuer: 'https://else.example/' }, 401],
    ['of nobody', { claims: { iss: undefined } }, 401],
    ['expired', { expiresIn: -60 }, 401],
    ['without an end', { claims: { exp: undefined } }, 401],
    ['not yet valid', { notBeforeIn: 60 }, 401],
    ['of an unknown key', { header: { kid: 'two' } }, 401],
    ['without a consumer', { claims: { consumer: undefined } }, 401],
    ['with a consumer that is text', { claims: { consumer: `0192:${AGENCY}` } }, 401],
    ['of another register', { claims: { consumer: { authority: 'iso6523-actorid-upis', ID: `0208:${AGENCY}` } } }, 401],
    ['of another authority', { claims: { consumer: { authority: 'else', ID: `0192:${AGENCY}` } } }, 401],
    [
      'of an impossible organisation',
      { claims: { consumer: { authority: 'iso6523-actorid-upis', ID: '0192:123456789' } } },
      401,
    ],
    ['without scopes', { claims: { scope: undefined } }, 401],
    ['of too small a scope', { scope: 'postgang:letters.write' }, 403, 'scope-missing'],
    ['of a longer scope', { scope: 'postgang:letters.readonly xpostgang:letters.read' }, 403, 'scope-missing'],
    ['of no agency', { consumer: STRANGER }, 403, 'unknown-agency'],
    ['of a supplier without delegation', { supplier: STRANGER }, 403, 'not-delegated'],
    ['of a supplier of another agency', { consumer: OTHER, supplier: SUPPLIER }, 403, 'not-delegated'],
    ['of a supplier that is text', { claims: { supplier: `0192:${SUPPLIER}` } }, 403, 'not-delegated'],
    ['of a supplier that is null', { claims: { supplier: null } }, 403, 'not-delegated'],
  ])('%s', async (_name, wish, status, name = status === 200 ? undefined : 'unauthenticated') => {
    expect(await use(await rig.issuer.issue({ consumer, ...wish }))).toEqual({ status, name });
  });

  it('is told why it does not hold, and nothing of what it says', async () => {
    const told = async (token: string): Promise<unknown> => {
      const answer = await fetch(`${api}/v1/letters?reference=a`, { headers: { authorization: `Bearer ${token}` } });
      return ((await answer.json()) as { detail?: string }).detail;
    };
    const good = await rig.issuer.issue({ consumer });
    const otherClaims = (await rig.issuer.issue({ consumer: OTHER })).split('.')[1];
    const [head, , signature] = good.split('.');
    expect(
      await Promise.all([
        told(await rig.issuer.issue({ consumer, expiresIn: -60 })),
        told(await rig.issuer.issue({ consumer, audience: 'https://else.example/' })),
        told(await rig.issuer.issue({ consumer, claims: { exp: undefined } })),
        told(await rig.issuer.issue({ consumer, header: { kid: 'two' } })),
        told(`${head}.${otherClaims}.${signature}`),
        told(await rig.issuer.signedWithPublicKey({ consumer })),
        told('a.b.c'),
        told('\u00e6'),
      ]),
    ).toEqual([
      'The token has expired.',
      'The claim aud of the token is not what is expected here.',
      'The claim exp of the token is missing.',
      'The token names no key of the issuer.',
      'The signature of the token does not hold.',
      'The token is not signed with RS256.',
      'The token is no signed JWT.',
      'There is no bearer token in Authorization, or not one of ours.',
    ]);
  });

  it('unsigned, signed by strangers, or with what everybody knows', async () => {
    const { key, jwk } = await strangersKey();
    const good = await rig.issuer.issue({ consumer });
    const [head, claims, signature] = good.split('.') as [string, string, string];
    const otherClaims = (await rig.issuer.issue({ consumer: OTHER })).split('.')[1];
    for (const token of [
      rig.issuer.unsigned({ consumer }),
      `${head}.${claims}.`,
      `${head}.${otherClaims}.${signature}`,
      await rig.issuer.signedWithPublicKey({ consumer }),
      await rig.issuer.issue({ consumer, key }),
      await rig.issuer.issue({ consumer, key, header: { jwk } }),
      await rig.issuer.issue({ consumer, key, header: { jku: 'http://127.0.0.1:1/jwks' } }),
      'not-a-token',
      'a.b.c',
      'x'.repeat(10_000),
    ])
      expect(await use(token)).toEqual({ status: 401, name: 'unauthenticated' });
  });

  it('of no kind: every door is shut', async () => {
    for (const [method, path] of [
      ['POST', '/v1/letters'],
      ['POST', '/v1/letters?dryRun=true'],
      ['GET', '/v1/letters?reference=a'],
      ['GET', `/v1/letters/${randomUUID()}`],
      ['GET', `/v1/letters/${randomUUID()}/history`],
      ['GET', `/v1/letters/${randomUUID()}/receipts`],
      ['PUT', `/v1/documents/${randomUUID()}`],
    ] as const)
      for (const authorization of ['', 'Basic YTpi', `Bearer ${RECIPIENT}`])
        expect((await fetch(api + path, { method, headers: { authorization } })).status).toBe(401);
  });
});
