import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { HttpClient } from './http.js';
import { isTraceparent, newTrace, withTrace } from './trace.js';

describe('a call to the outside', () => {
  let server: Server;
  let client: HttpClient;
  const seen: unknown[] = [];

  beforeAll(async () => {
    server = createServer((request, response) => {
      seen.push(request.headers['traceparent']);
      response.end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    client = new HttpClient({ name: 'test', baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
  });

  afterAll(async () => {
    await client.close();
    await new Promise((resolve) => server.close(resolve));
  });

  const call = async (): Promise<unknown> => {
    await client.request({ method: 'GET', path: '/' });
    return seen.at(-1);
  };

  it('belongs to the trace of the work at hand, also when many run side by side', async () => {
    const traces = Array.from({ length: 20 }, newTrace);
    seen.length = 0;
    await Promise.all(traces.map((trace) => withTrace(trace, call)));
    expect(new Set(seen)).toEqual(new Set(traces));
  });

  it('gets a trace of its own otherwise', async () => {
    const first = await call();
    expect(isTraceparent(String(first))).toBe(true);
    expect(await call()).not.toBe(first);
  });
});

describe('a traceparent', () => {
  it.each([
    ['00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', true],
    ['00-00000000000000000000000000000000-00f067aa0ba902b7-01', false],
    ['00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01', false],
    ['00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01', false],
    ['01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', false],
    ['', false],
  ])('%s: %s', (text, valid) => {
    expect(isTraceparent(text)).toBe(valid);
  });
});
