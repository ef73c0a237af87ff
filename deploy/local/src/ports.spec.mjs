import { describe, expect, it } from '@jest/globals';
import { createServer } from 'node:net';
import { freePorts } from './ports.mjs';

describe('free ports', () => {
  it('are given once, though nobody listens on them yet', async () => {
    const given = (await Promise.all(Array.from({ length: 50 }, () => freePorts(8)))).flat();
    expect(new Set(given).size).toBe(400);
  });

  it('leave out what is taken', async () => {
    const [port = 0] = await freePorts(1);
    const server = createServer();
    await new Promise((resolve) => server.listen(port + 1, '127.0.0.1', () => resolve(undefined)));
    expect(await freePorts(2)).not.toContain(port + 1);
    await new Promise((resolve) => server.close(resolve));
  });
});
