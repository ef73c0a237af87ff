import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { TcpProxy } from '../src/faults/index.js';

let echo: Server;
let proxy: TcpProxy;
const clients: Socket[] = [];
const atServer: Socket[] = [];

beforeEach(async () => {
  echo = createServer((socket) => {
    atServer.push(socket);
    socket.on('error', () => undefined);
    socket.pipe(socket);
  });
  echo.listen(0, '127.0.0.1');
  await once(echo, 'listening');
  proxy = await TcpProxy.start((echo.address() as AddressInfo).port);
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  await proxy.stop();
  for (const socket of atServer.splice(0)) socket.destroy();
  echo.close();
  await once(echo, 'close');
});

function connecting(): Socket {
  const socket = connect(proxy.port, '127.0.0.1');
  clients.push(socket);
  socket.on('error', () => undefined);
  return socket;
}

async function client(): Promise<Socket> {
  const socket = connecting();
  await once(socket, 'connect');
  return socket;
}

/** However it comes about: `once` would reject at a reset. */
const closed = (socket: Socket): Promise<void> => new Promise((resolve) => socket.once('close', () => resolve()));

async function answer(socket: Socket, text: string): Promise<string> {
  socket.write(text);
  let heard = '';
  while (heard.length < text.length) heard += String(((await once(socket, 'data')) as [Buffer])[0]);
  return heard;
}

/** What happens first: it hears something, or it is told that the connection is gone, or nothing for so long. */
const next = (socket: Socket, ms: number): Promise<string> =>
  Promise.race([
    new Promise<string>((resolve) => socket.once('data', () => resolve('heard'))),
    closed(socket).then(() => 'closed'),
    new Promise<string>((resolve) => setTimeout(() => resolve('silence'), ms).unref()),
  ]);

describe('the proxy in between', () => {
  it('passes on what comes, in both directions and whole, and the end', async () => {
    const socket = await client();
    const large = 'x'.repeat(5_000_000);
    expect(await answer(socket, large)).toBe(large);
    socket.end();
    await closed(socket);
  });

  it('resets connections that are cut, and new ones, until it is healed', async () => {
    const socket = await client();
    expect(await answer(socket, 'before')).toBe('before');
    const gone = closed(socket);
    proxy.cut();
    await gone;
    await closed(connecting());
    proxy.heal();
    expect(await answer(await client(), 'after')).toBe('after');
    expect(proxy.connections).toBe(1);
  });

  it('leaves half-open connections open and silent, also when it is healed: only new ones work then', async () => {
    const before = await client();
    expect(await answer(before, 'before')).toBe('before');
    proxy.halfOpen();
    const during = await client();
    for (const socket of [before, during]) {
      socket.write('anybody?');
      expect(await next(socket, 200)).toBe('silence');
    }
    proxy.heal();
    before.write('still there?');
    expect(await next(before, 200)).toBe('silence');
    expect(await answer(await client(), 'after')).toBe('after');
  });

  it('can be cut and stopped while connections are just ending', async () => {
    for (let turn = 0; turn < 100; turn++) {
      proxy.heal();
      const socket = await client();
      await answer(socket, 'x');
      const gone = closed(socket);
      socket.end();
      // the end arrives within a few turns of the loop, and its passing on takes one
      for (let turns = turn % 10; turns > 0; turns--) await new Promise((done) => setImmediate(done));
      proxy.cut();
      await gone;
    }
    await proxy.stop();
    proxy = await TcpProxy.start((echo.address() as AddressInfo).port);
  });

  it('slows both directions, and keeps order when it stops', async () => {
    const socket = await client();
    proxy.slow(150);
    const began = performance.now();
    expect(await answer(socket, 'slow')).toBe('slow');
    expect(performance.now() - began).toBeGreaterThanOrEqual(295);
    socket.write('1');
    proxy.heal();
    expect(await answer(socket, '2')).toMatch(/^1/);
  });
});
