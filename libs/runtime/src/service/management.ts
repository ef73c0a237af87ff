import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Telemetry } from './telemetry.js';

export interface ManagementServer {
  readonly port: number;
  stop(): Promise<void>;
}

/** Liveness (nothing external), readiness and metrics on a port of their own, never on the one the public reaches. */
export async function startManagement(
  settings: { host: string; port: number },
  checks: { live: () => boolean; ready: () => Record<string, boolean> },
  telemetry: Telemetry,
): Promise<ManagementServer> {
  const server = createServer((request, response) => {
    const path = request.url?.split('?')[0];
    if (path === '/metrics') return telemetry.serve(request, response);
    if (path === '/livez') return answer(checks.live(), {});
    if (path === '/readyz') {
      const states = checks.ready();
      return answer(Object.values(states).every(Boolean), states);
    }
    response.writeHead(404).end();

    function answer(ok: boolean, states: Record<string, boolean>): void {
      response.writeHead(ok ? 200 : 503, { 'content-type': 'application/json' }).end(JSON.stringify({ ok, ...states }));
    }
  });
  server.requestTimeout = 10_000;
  server.headersTimeout = 5_000;
  await listen(server, settings);
  return {
    port: (server.address() as AddressInfo).port,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listen(server: Server, settings: { host: string; port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(settings.port, settings.host, resolve);
  });
}
