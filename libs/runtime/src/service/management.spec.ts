import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { startManagement, type ManagementServer } from './management.js';
import type { Telemetry } from './telemetry.js';

const telemetry: Telemetry = {
  serve: (_request, response) => void response.end('# metrics\n'),
  stop: () => Promise.resolve(),
};

describe('the management port', () => {
  let live: boolean;
  let states: Record<string, boolean>;
  let server: ManagementServer;
  beforeEach(async () => {
    live = true;
    states = { consumers: true, running: true };
    server = await startManagement(
      { host: '127.0.0.1', port: 0 },
      { live: () => live, ready: () => states },
      telemetry,
    );
  });
  afterEach(() => server.stop());

  const get = async (path: string): Promise<{ status: number; body: string }> => {
    const answer = await fetch(`http://127.0.0.1:${server.port}${path}`);
    return { status: answer.status, body: await answer.text() };
  };

  it('says what is not ready, and stays alive meanwhile: a restart would not bring a broker back', async () => {
    states = { consumers: false, running: true };
    const ready = await get('/readyz');
    expect(ready.status).toBe(503);
    expect(JSON.parse(ready.body)).toEqual({ ok: false, consumers: false, running: true });
    expect((await get('/livez')).status).toBe(200);
  });

  it('is ready again when everything is', async () => {
    states = { consumers: false, running: true };
    expect((await get('/readyz')).status).toBe(503);
    states = { consumers: true, running: true };
    expect((await get('/readyz?verbose')).status).toBe(200);
  });

  it('says that the process is dead when it cannot go on', async () => {
    live = false;
    expect((await get('/livez')).status).toBe(503);
  });

  it('gives metrics, and nothing else', async () => {
    expect((await get('/metrics')).body).toContain('# metrics');
    for (const path of ['/', '/metrics/', '/debug', '/..%2f', '/livez/x']) expect((await get(path)).status).toBe(404);
  });

  it('ends at once, also while somebody holds a connection open', async () => {
    await get('/livez');
    await server.stop();
    await expect(get('/livez')).rejects.toThrow();
  });

  it('says so when its port is taken', async () => {
    const taken = { host: '127.0.0.1', port: server.port };
    await expect(startManagement(taken, { live: () => true, ready: () => ({}) }, telemetry)).rejects.toMatchObject({
      code: 'EADDRINUSE',
    });
  });
});
