import 'reflect-metadata';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { X509Certificate } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { readRevocationList, TestAuthority, type RevocationList } from '@postgang/document-package';
import { createLogger, openDatabase } from '@postgang/runtime';
import { eventually, freshDatabase } from '@postgang/testing';
import { newestLists, saveLists } from '../src/db/revocation-lists.js';
import { service } from '../src/index.js';
import { Revocation } from '../src/verification/revocation.js';

const DAY_MS = 86_400_000;
const SINCE = new Date('2026-11-24T12:00:00Z');

let fresh: Awaited<ReturnType<typeof freshDatabase>>;
let database: Awaited<ReturnType<typeof openDatabase>>;
let authority: TestAuthority;
let stolen: X509Certificate;
let folder: string;

beforeEach(async () => {
  fresh = await freshDatabase();
  const { migrations } = service.database as NonNullable<typeof service.database>;
  database = await openDatabase({
    ...{ url: fresh.url, schema: 'receipts', pool: 2, entities: [] },
    ...{ migrations, onStatement: () => undefined },
  });
  authority = await TestAuthority.create();
  stolen = (await authority.issue('984661185', 'Digipost')).certificates[0] as X509Certificate;
  folder = mkdtempSync(join(tmpdir(), 'crls-'));
}, 60_000);

afterEach(async () => {
  await database.destroy();
  await fresh.drop();
  rmSync(folder, { recursive: true, force: true });
});

const gauge = { addCallback: () => undefined, removeCallback: () => undefined };
/** A process that begins; what it says of the stolen certificate. */
const starting = (trust = authority.trust, reader: Pick<typeof database, 'query'> = database) => {
  const revocation = new Revocation(
    {
      ...{ database: reader, clock: { now: () => new Date() }, service: 'receipts' },
      ...{ log: createLogger('receipts', 'silent'), metrics: { meter: { createObservableGauge: () => gauge } } },
    } as never,
    { RECEIPT_CRLS: folder, RECEIPT_TRUST: trust.map(String).join(''), RECEIPT_CRLS_EVERY_MS: 20 } as never,
  );
  return {
    since: async () => (await revocation.lists()).revokedAt([stolen]),
    stop: () => revocation.onApplicationShutdown(),
  };
};
async function begunAnew(trust?: readonly X509Certificate[]): Promise<Date | undefined> {
  const one = starting(trust);
  return one.since().finally(() => one.stop());
}
const put = (lists: readonly Buffer[]): void =>
  lists.forEach((list, index) => writeFileSync(join(folder, `${index}.crl`), list));
const kept = (count: number): Promise<unknown> =>
  eventually('the lists in the table', async () => {
    const [row] = await database.query<{ count: number }[]>('SELECT count(*)::int AS count FROM revocation_list');
    return row?.count === count || undefined;
  });
/** A process has read them, kept them, and ended. */
async function known(...editions: readonly (readonly Buffer[])[]): Promise<void> {
  const one = starting();
  try {
    for (const [at, lists] of editions.entries()) {
      put(lists);
      await kept(2 * (at + 1));
    }
  } finally {
    await one.stop();
  }
}

describe('a revocation that was known', () => {
  it('is known to a process that begins beside a download that broke off, older lists, or none', async () => {
    const older = await authority.revocationLists([], { thisUpdate: new Date(Date.now() - DAY_MS) });
    const lists = await authority.revocationLists([{ certificate: stolen, since: SINCE }]);
    await known(older, lists);
    put(lists.map((list) => list.subarray(0, 100)));
    expect(await begunAnew()).toEqual(SINCE);
    put(older);
    expect(await begunAnew()).toEqual(SINCE);
    for (const name of readdirSync(folder)) rmSync(join(folder, name));
    expect(await begunAnew()).toEqual(SINCE);
    rmSync(folder, { recursive: true });
    expect(await begunAnew()).toEqual(SINCE);
  });

  it('is not, when a newer list took it back, or its authority is not trusted any more', async () => {
    const hold = await authority.revocationLists([{ certificate: stolen, since: SINCE }], {
      thisUpdate: new Date(Date.now() - DAY_MS),
    });
    await known(hold);
    rmSync(join(folder, '1.crl'));
    expect(await begunAnew((await TestAuthority.create('Another authority')).trust)).toBeUndefined();
    expect(await begunAnew()).toEqual(SINCE);
    await saveLists(
      database,
      await Promise.all((await authority.revocationLists([])).map((list) => readRevocationList(list, authority.trust))),
    );
    expect(await begunAnew()).toBeUndefined();
  });

  it('stays so beside a newer list about another part of the certificates', async () => {
    const issuer = authority.trust[1] as X509Certificate;
    const list = (der: string, scope: string, daysAgo: number): RevocationList => ({
      ...{ der: Buffer.from(der), issuer, scope, nextUpdate: undefined, revoked: new Map<string, Date>() },
      thisUpdate: new Date(Date.now() - daysAgo * DAY_MS),
    });
    await saveLists(database, [list('a', '', 9), list('b', '', 8), list('c', 'cA==', 1), list('d', 'cA==', 2)]);
    expect((await newestLists(database, new Date())).map(String).sort()).toEqual(['b', 'c']);
  });

  it('is waited for while the table cannot be read: nothing is judged without it', async () => {
    await known(await authority.revocationLists([{ certificate: stolen, since: SINCE }]));
    rmSync(folder, { recursive: true });
    let away = true;
    const one = starting(authority.trust, {
      query: ((text: string, values?: unknown[]) =>
        away ? Promise.reject(new Error('away')) : database.query(text, values)) as never,
    });
    try {
      await expect(one.since()).rejects.toThrow('away');
      away = false;
      expect(await one.since()).toEqual(SINCE);
    } finally {
      await one.stop();
    }
  });

  it('does not wait behind a list that its issuer dated far into the future, once that is out of the folder', async () => {
    await known(await authority.revocationLists([], { thisUpdate: new Date(Date.now() + 3_650 * DAY_MS) }));
    put(await authority.revocationLists([{ certificate: stolen, since: SINCE }]));
    expect(await begunAnew()).toEqual(SINCE);
  });
});
