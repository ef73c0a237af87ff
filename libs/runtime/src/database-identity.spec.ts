import { expect, it } from '@jest/globals';
import { DependencyDown } from '@postgang/outside';
import type { PoolClient } from 'pg';
import { classifyDatabaseError } from './database.js';
import { holdToOneDatabase } from './database-identity.js';

/** What becomes of connections that lead to these, one after the other; null is a standby. */
async function connections(...identities: readonly (string | null)[]) {
  const replaced: Error[] = [];
  const verify = holdToOneDatabase((error) => replaced.push(error));
  const ends: (Error | undefined)[] = [];
  for (const identity of identities) {
    const client = { query: () => Promise.resolve({ rows: [{ identity }] }) } as unknown as PoolClient;
    ends.push(await new Promise<Error | undefined>((resolve) => verify(client, resolve)));
  }
  return { ends, replaced };
}

it('a standby is away, and is not taken for another database, also as the first', async () => {
  const { ends, replaced } = await connections(null, 'a/1/5', null, 'a/1/5');
  expect(replaced).toEqual([]);
  expect(ends.map((error) => error && classifyDatabaseError(error))).toEqual([
    expect.any(DependencyDown),
    undefined,
    expect.any(DependencyDown),
    undefined,
  ]);
});

it.each(['b/1/5', 'a/2/5', 'a/1/6'])('another cluster, timeline or database is another one (%s)', async (other) => {
  const { ends, replaced } = await connections('a/1/5', other);
  expect(replaced).toHaveLength(1);
  expect(classifyDatabaseError(ends[1])).toBeInstanceOf(DependencyDown);
});
