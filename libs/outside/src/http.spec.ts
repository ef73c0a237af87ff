import { afterEach, describe, expect, it } from '@jest/globals';
import { EventEmitter, once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net';
import { AnswerTooLarge, HttpUnreachable } from './exchange.js';
import { HttpClient, type HttpClientOptions } from './http.js';

let closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.reverse()) await close();
  closing = [];
});

function client(port: number, more: Partial<HttpClientOptions> = {}): HttpClient {
  const http = new HttpClient({ name: 'other', baseUrl: `http://127.0.0.1:${port}/base/`, ...more });
  closing.push(() => http.close());
  return http;
}

async function server(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<number> {
  const http = createServer(answer);
  await once(http.listen(0, '127.0.0.1'), 'listening');
  closing.push(async () => {
    http.closeAllConnections();
    await once(http.close(), 'close');
  });
  return (http.address() as AddressInfo).port;
}

/** Says what it likes, in bytes. */
async function rawServer(answer: (socket: Socket, asked: Buffer) => void): Promise<number> {
  const tcp = createTcpServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', (asked: Buffer) => answer(socket, asked));
  });
  await once(tcp.listen(0, '127.0.0.1'), 'listening');
  closing.push(async () => void (await once(tcp.close(), 'close')));
  return (tcp.address() as AddressInfo).port;
}

const failure = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => 'an answer',
    (error: unknown) => error,
  );

describe('a call', () => {
  // a hundred calls on one connection: then the number of connections bounds nothing, and a reset is a hundred letters'
  it('over TLS is one of HTTP/1.1', async () => {
    let hello = '';
    const port = await rawServer((socket, asked) => {
      hello = asked.toString('latin1');
      socket.destroy();
    });
    const http = client(port, { baseUrl: `https://127.0.0.1:${port}` });
    await expect(http.request({ method: 'GET', path: '/' })).rejects.toBeInstanceOf(HttpUnreachable);
    expect([hello.includes('\x08http/1.1'), hello.includes('\x02h2')]).toEqual([true, false]);
  });

  it('brings method, path, query, headers, trace and body over, and the whole answer back', async () => {
    const seen: unknown[] = [];
    const port = await server((request, response) => {
      seen.push(request.method, request.url, request.headers['x-own'], request.headers['traceparent']);
      request.on('data', (chunk: Buffer) => seen.push(chunk.toString()));
      request.on('end', () => {
        response.writeHead(201, { 'X-Answer': ['a', 'b'] });
        response.write('{"big":');
        response.end('true}');
      });
    });
    const answer = await client(port).request({
      ...{ method: 'POST', path: '/things', query: { a: 'æ&', b: 2, c: undefined } },
      ...{ headers: { 'x-own': 'yes' }, body: Buffer.from('body') },
    });
    expect(seen).toEqual(['POST', '/base/things?a=%C3%A6%26&b=2', 'yes', expect.stringMatching(/^00-/), 'body']);
    expect(answer).toMatchObject({ status: 201, headers: { 'x-answer': 'a, b' } });
    expect(answer.json()).toEqual({ big: true });
  });

  it.each([302, 401, 503])('takes status %i for an answer, and follows no redirect', async (status) => {
    const port = await server((_request, response) => response.writeHead(status, { location: '/elsewhere' }).end());
    expect(await client(port).request({ method: 'GET', path: '/' })).toMatchObject({ status });
  });

  it('passes over what is said before the answer', async () => {
    const port = await rawServer((socket) =>
      socket.end('HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'),
    );
    const answer = await client(port).request({ method: 'GET', path: '/' });
    expect([answer.status, answer.body.toString()]).toEqual([200, 'ok']);
  });

  it('says of JSON that is none only that', async () => {
    const port = await server((_request, response) => response.end('12345678901 {'));
    const answer = await client(port).request({ method: 'GET', path: '/' });
    expect(() => answer.json()).toThrow(new SyntaxError('other: the answer is not JSON'));
  });
});

describe('a call without an answer', () => {
  it('was certainly not sent when nobody listens', async () => {
    const port = await server(() => undefined);
    await (closing.pop() as () => Promise<unknown>)();
    expect(await failure(client(port).request({ method: 'POST', path: '/' }))).toMatchObject({
      name: 'HttpUnreachable',
      sent: false,
    });
  });

  it('may have been sent when the connection is cut, or the answer is no HTTP', async () => {
    const cut = await rawServer((socket) => socket.destroy());
    const noise = await rawServer((socket) => socket.end('220 mail.example ESMTP\r\n'));
    for (const port of [cut, noise]) {
      const error = await failure(client(port).request({ method: 'POST', path: '/', body: 'x' }));
      expect(error).toBeInstanceOf(HttpUnreachable);
      expect(error).toMatchObject({ sent: true });
    }
  });

  it('may have been sent when it was cut off in the middle of the answer', async () => {
    const port = await rawServer((socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf'));
    expect(await failure(client(port).request({ method: 'GET', path: '/' }))).toMatchObject({
      message: 'other: answer cut off',
      sent: true,
    });
  });

  it('is given up after its time, also in the middle of the answer', async () => {
    const silent = await server(() => undefined);
    const slow = await server((_request, response) => void response.write('x'));
    for (const port of [silent, slow])
      expect(await failure(client(port, { timeoutMs: 200 }).request({ method: 'POST', path: '/' }))).toMatchObject({
        name: 'HttpUnreachable',
        sent: true,
      });
  });

  it('was certainly not sent, and never is, when its time was over before it got a connection', async () => {
    const asked = new EventEmitter();
    const paths: (string | undefined)[] = [];
    const held: ServerResponse[] = [];
    const port = await server((request, response) => {
      paths.push(request.url);
      held.push(response);
      asked.emit('asked');
    });
    const http = client(port, { concurrency: 1 });
    const first = http.request({ method: 'GET', path: '/first' });
    await once(asked, 'asked');
    const queued = failure(http.request({ method: 'POST', path: '/queued', timeoutMs: 100 }));
    expect(await queued).toMatchObject({ message: 'other: no answer (TimeoutError)', sent: false });
    const third = http.request({ method: 'GET', path: '/third' });
    held[0]?.end();
    await first;
    await once(asked, 'asked');
    held[1]?.end();
    await third;
    expect(paths).toEqual(['/base/first', '/base/third']);
  });

  it('is not waited for when it is larger than allowed', async () => {
    const port = await server((_request, response) => response.end(Buffer.alloc(2_000)));
    const error = await failure(client(port, { maxResponseBytes: 1_000 }).request({ method: 'GET', path: '/' }));
    expect(error).toBeInstanceOf(AnswerTooLarge);
    expect(error).toMatchObject({ message: 'other: answer larger than 1000 bytes', sent: true });
  });

  it('ends with its client', async () => {
    const port = await server(() => undefined);
    const http = client(port, { concurrency: 1 });
    const calls = [1, 2].map(() => failure(http.request({ method: 'GET', path: '/' })));
    await http.close();
    for (const error of await Promise.all(calls)) expect(error).toBeInstanceOf(HttpUnreachable);
  });
});
