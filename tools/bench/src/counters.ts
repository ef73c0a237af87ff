import { request } from 'undici';

/** Counters of the services, by service. */
export interface Counters {
  readonly produceRequests: Readonly<Record<string, number>>;
  readonly sqlStatements: Readonly<Record<string, number>>;
}

/** One address per process suffices: its services share their metrics. */
export async function readCounters(managementUrls: readonly string[]): Promise<Counters> {
  const pages = await Promise.all(managementUrls.map(async (url) => (await request(`${url}/metrics`)).body.text()));
  const lines = pages.flatMap((page) => page.split('\n'));
  const byService = (name: string): Record<string, number> =>
    Object.fromEntries(
      lines.flatMap((line) => {
        const [, service, value] = new RegExp(`^${name}\\{.*service="([^"]+)".*\\} (\\d+)`).exec(line) ?? [];
        return service === undefined ? [] : [[service, Number(value)]];
      }),
    );
  return {
    produceRequests: byService('kafka_produce_requests_total'),
    sqlStatements: byService('sql_statements_total'),
  };
}
