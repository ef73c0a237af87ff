import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { TestAuthority } from '@postgang/document-package';
import type { ReceiptsConfig } from '../config.js';
import { RevocationFiles } from './revocation-files.js';
import { Revocation } from './revocation.js';

const SINCE = new Date('2026-11-24T12:00:00Z');

let authority: TestAuthority;
let stolen: X509Certificate;
let empty: Buffer[];
let revoked: Buffer[];
let folder: string;
const folders: string[] = [];
const warned: unknown[] = [];
const log = { warn: (what: unknown) => void warned.push(what) };

beforeAll(async () => {
  authority = await TestAuthority.create();
  stolen = (await authority.issue('984661185', 'Stolen')).certificates[0] as X509Certificate;
  empty = await authority.revocationLists([]);
  revoked = await authority.revocationLists([{ certificate: stolen, since: SINCE }]);
});
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lists-'));
  folders.push(folder);
  warned.length = 0;
});
afterAll(() => folders.forEach((one) => rmSync(one, { recursive: true })));

const file = (name: string, content: Buffer | string): void => writeFileSync(join(folder, name), content);
const since = (files: RevocationFiles): Date | undefined => files.current.revokedAt([stolen]);

describe('revocation lists in a folder', () => {
  it('count from when their file changed, and are not read while it does not', async () => {
    const files = new RevocationFiles(folder, authority.trust, log as never);
    file('ca.crl', empty[1] as Buffer);
    expect([await files.refresh(), since(files)]).toEqual([true, undefined]);
    expect(await files.refresh()).toBe(false);
    expect(files.missing).toBe(1);
    file('ca.crl', revoked[1] as Buffer);
    file('root.crl', revoked[0] as Buffer);
    expect([await files.refresh(), since(files), files.missing]).toEqual([true, SINCE, 0]);
    expect(files.ends).toHaveLength(2);
  });

  it('say on what they said when a file is cut off, and tell of it', async () => {
    const files = new RevocationFiles(folder, authority.trust, log as never);
    file('ca.crl', revoked[1] as Buffer);
    await files.refresh();
    file('ca.crl', (revoked[1] as Buffer).subarray(0, 200));
    await files.refresh();
    expect([since(files), files.unusable, warned.length]).toEqual([SINCE, 1, 1]);
    await files.refresh();
    expect(warned).toHaveLength(1);
    file('ca.crl', revoked[1] as Buffer);
    await files.refresh();
    expect([since(files), files.unusable]).toEqual([SINCE, 0]);
  });

  it('are looked at again when they could not even be read, though nothing has changed', async () => {
    const files = new RevocationFiles(folder, authority.trust, log as never);
    // what can be opened and not read, whoever one is
    mkdirSync(join(folder, 'ca.crl'));
    for (let times = 1; times <= 3; times++) {
      await files.refresh();
      expect([files.unusable, warned.length]).toEqual([1, times]);
    }
  });

  it('say no less when their file is taken away, or holds an older one', async () => {
    const files = new RevocationFiles(folder, authority.trust, log as never);
    const older = await authority.revocationLists([], { thisUpdate: new Date(Date.now() - 86_400_000) });
    file('ca.crl', revoked[1] as Buffer);
    await files.refresh();
    file('ca.crl', older[1] as Buffer);
    await files.refresh();
    expect(since(files)).toEqual(SINCE);
    rmSync(join(folder, 'ca.crl'));
    await files.refresh();
    expect([since(files), files.ends.length]).toEqual([SINCE, 1]);
    const newer = await authority.revocationLists([], { thisUpdate: new Date(Date.now() + 60_000) });
    file('ca.crl', newer[1] as Buffer);
    await files.refresh();
    expect(since(files)).toBeUndefined();
  });

  it('of somebody else are not believed', async () => {
    const other = await (await TestAuthority.create()).revocationLists([{ certificate: stolen, since: SINCE }]);
    const files = new RevocationFiles(folder, authority.trust, log as never);
    file('ca.crl', other[1] as Buffer);
    await files.refresh();
    expect([since(files), files.unusable, files.missing]).toEqual([undefined, 1, 2]);
  });

  it('that is not there stops no receipt', async () => {
    const gauge = { addCallback: () => undefined, removeCallback: () => undefined };
    const runtime = {
      ...{ log, service: 'receipts', clock: { now: () => new Date() } },
      database: { query: () => Promise.resolve([]) },
      metrics: { meter: { createObservableGauge: () => gauge } },
    };
    const config = {
      ...{ RECEIPT_CRLS: join(folder, 'missing'), RECEIPT_CRLS_EVERY_MS: 10_000 },
      RECEIPT_TRUST: authority.trust.map(String).join(''),
    } as ReceiptsConfig;
    const revocation = new Revocation(runtime as never, config);
    expect((await revocation.lists()).revokedAt([stolen])).toBeUndefined();
    await revocation.onApplicationShutdown();
    expect(warned).toContainEqual(expect.objectContaining({ worker: 'revocation' }));
  });
});
