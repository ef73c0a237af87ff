import { request } from 'undici';

/** Counters of the services, summed over all of them. */
export interface Counters {
  readonly produceRequests: number;
  readonly sqlStatements: number;
}

/** One address per process suffices: its services share their metrics. */
export async function readCounters(managementUrls: readonly string[]): Promise<Counters> {
  const pages = await Promise.all(managementUrls.map(async (url) => (await request(`${url}/metrics`)).body.text()));
  const sum = (name: string): number =>
    pages
      .flatMap((page) => page.split('\n'))
      .filter((line) => line.startsWith(`${name}{`))
      .reduce((total, line) => total + Number(line.slice(line.lastIndexOf('} ') + 2).split(' ')[0]), 0);
  return { produceRequests: sum('kafka_produce_requests_total'), sqlStatements: sum('sql_statements_total') };
}
