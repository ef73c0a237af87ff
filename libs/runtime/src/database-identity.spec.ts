import { expect, it } from '@jest/globals';
import { DependencyDown } from '@postgang/outside';
import fc from 'fast-check';
import { EventEmitter } from 'node:events';
import type { PoolClient } from 'pg';
import { classifyDatabaseError } from './database.js';
import { HeldDatabase } from './database-identity.js';

/** What becomes of connections that lead to these, one after the other; null is a standby. */
async function connections(...identities: readonly (string | null)[]) {
  const replaced: Error[] = [];
  const { verify } = new HeldDatabase((error) => replaced.push(error));
  const ends: (Error | undefined)[] = [];
  for (const identity of identities) {
    const rowsOf = (sql: string): object[] => (sql.includes('consumed_offset') ? [] : [{ identity }]);
    const query = (sql: string): Promise<object> => Promise.resolve({ rows: rowsOf(sql) });
    const client = Object.assign(new EventEmitter(), { query }) as unknown as PoolClient;
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

/** A database that is where it is, and answers when it is told to. */
class Places {
  next = 0;
  private readonly answers: (() => void)[] = [];

  query(sql: string): Promise<unknown[]> {
    if (!sql.includes('consumed_offset')) return Promise.resolve([{ identity: 'a/1/5' }]);
    const rows = [{ topic: 't', partition: 0, next_offset: String(this.next) }];
    return new Promise((resolve) => this.answers.push(() => resolve(rows)));
  }

  async answer(which: number): Promise<void> {
    await new Promise(setImmediate);
    this.answers.splice(which % Math.max(1, this.answers.length), 1)[0]?.();
    await new Promise(setImmediate);
  }
}

it('a database that goes on is never taken for a restored one, in whatever order its answers come', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat({ max: 7 }), { maxLength: 30 }), async (steps) => {
      const replaced: Error[] = [];
      const held = new HeldDatabase((error) => replaced.push(error));
      const places = new Places();
      const looks: Promise<void>[] = [];
      for (const step of steps) {
        places.next += step;
        if (step % 2 === 0) looks.push(held.look(places as never));
        else await places.answer(step);
      }
      for (let left = 0; left < looks.length; left++) await places.answer(0);
      await Promise.all(looks);
      expect(replaced).toEqual([]);
    }),
    { numRuns: 50 },
  );
});

it('a database that stands behind what it once said was restored', async () => {
  const replaced: Error[] = [];
  const held = new HeldDatabase((error) => replaced.push(error));
  const places = new Places();
  const look = async (next: number): Promise<unknown> => {
    places.next = next;
    const looked = held.look(places as never).catch((error: unknown) => classifyDatabaseError(error));
    await places.answer(0);
    return looked;
  };
  expect([await look(5), await look(5), await look(8), replaced.length]).toEqual([undefined, undefined, undefined, 0]);
  expect([await look(7), replaced.length]).toEqual([expect.any(DependencyDown), 1]);
});
