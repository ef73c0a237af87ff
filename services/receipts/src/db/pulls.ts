import type { Manager } from '@postgang/runtime';

/** Until when a provider has been asked for everything it had to say, business time. */
export interface Pull {
  readonly provider: string;
  readonly until: Date;
}

/** In provider order, so that two batches never wait for each other. Never moves back. */
export async function savePulls(manager: Manager, pulls: readonly Pull[]): Promise<void> {
  if (pulls.length === 0) return;
  await manager.query(
    `INSERT INTO provider_pull (provider, pulled_until)
     SELECT provider, max(pulled_until) FROM unnest($1::text[], $2::timestamptz[]) AS x(provider, pulled_until)
     GROUP BY provider ORDER BY provider
     ON CONFLICT (provider) DO UPDATE SET pulled_until = greatest(provider_pull.pulled_until, excluded.pulled_until)`,
    [pulls.map(({ provider }) => provider), pulls.map(({ until }) => until)],
  );
}

export async function loadPulls(manager: Manager): Promise<Pull[]> {
  return manager.query<Pull[]>('SELECT provider, pulled_until AS until FROM provider_pull');
}
