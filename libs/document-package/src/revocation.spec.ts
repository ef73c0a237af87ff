import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { X509Certificate } from 'node:crypto';
import { beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { readRevocationList, RevocationListError, Revocations, revocationListsIn } from './revocation.js';
import { TestAuthority } from './test-authority.js';

const NOON = new Date('2026-11-24T12:00:00Z');
const hours = (count: number): Date => new Date(NOON.getTime() + count * 3_600_000);

let authority: TestAuthority;
let good: X509Certificate;
let stolen: X509Certificate;
let intermediate: X509Certificate;

beforeAll(async () => {
  authority = await TestAuthority.create();
  [good, stolen] = (
    await Promise.all([authority.issue('984661185', 'Good'), authority.issue('984661185', 'Stolen')])
  ).map(({ certificates }) => certificates[0]) as [X509Certificate, X509Certificate];
  intermediate = authority.trust[1] as X509Certificate;
});

const lists = async (...ders: Buffer[]) => Promise.all(ders.map((der) => readRevocationList(der, authority.trust)));
const problemOf = (bytes: Buffer, trust = authority.trust): Promise<string> =>
  readRevocationList(bytes, trust).then(
    () => 'read',
    (error: unknown) => (error instanceof RevocationListError ? error.problem : String(error)),
  );
const pem = (der: Buffer): string =>
  `-----BEGIN X509 CRL-----\n${(der.toString('base64').match(/.{1,64}/g) ?? []).join('\n')}\n-----END X509 CRL-----\n`;

describe('a revocation list', () => {
  it('says since when a certificate is revoked, and of others nothing', async () => {
    const made = await authority.revocationLists([{ certificate: stolen, since: NOON }], { thisUpdate: hours(1) });
    const revocations = new Revocations(await lists(...made));
    expect(revocations.revokedAt([stolen, intermediate])).toEqual(NOON);
    expect(revocations.revokedAt([good, intermediate])).toBeUndefined();
    expect(revocations.of(intermediate)).toMatchObject([{ thisUpdate: hours(1), nextUpdate: hours(25) }]);
  });

  it('counts from when the key may have been in other hands', async () => {
    const made = await authority.revocationLists([{ certificate: stolen, since: NOON, invalidSince: hours(-9) }]);
    expect(new Revocations(await lists(...made)).revokedAt([stolen])).toEqual(hours(-9));
  });

  it('of an authority revokes all that it issued', async () => {
    const made = await authority.revocationLists([{ certificate: intermediate, since: NOON }]);
    expect(new Revocations(await lists(...made)).revokedAt([good, intermediate])).toEqual(NOON);
  });

  it('counts in its newest edition', async () => {
    const hold = await authority.revocationLists([{ certificate: good, since: NOON }], { thisUpdate: NOON });
    const released = await authority.revocationLists([], { thisUpdate: hours(1) });
    expect(new Revocations(await lists(...hold, ...released)).revokedAt([good])).toBeUndefined();
    expect(new Revocations(await lists(...released, ...hold)).revokedAt([good])).toBeUndefined();
  });

  it('is nobody else’s, and not altered', async () => {
    const other = await TestAuthority.create('Other');
    const namesake = await TestAuthority.create();
    const [, made] = (await authority.revocationLists([{ certificate: stolen, since: NOON }])) as [Buffer, Buffer];
    expect(await problemOf(made, other.trust)).toBe('unknown-issuer');
    expect(await problemOf(made, namesake.trust)).toBe('signature-invalid');
    expect(await problemOf(made, [good])).toBe('unknown-issuer');
    await fc.assert(
      fc.asyncProperty(fc.nat(made.length - 1), fc.integer({ min: 1, max: 255 }), async (at, mask) => {
        const altered = Buffer.from(made);
        altered[at] = (altered[at] as number) ^ mask;
        expect(await problemOf(altered)).toMatch(/^(malformed|unknown-issuer|signature-invalid|unsupported)$/);
      }),
      { numRuns: 100 },
    );
  });

  it('is read as PEM as well, several in a file', async () => {
    const made = await authority.revocationLists([{ certificate: stolen, since: NOON }]);
    const file = Buffer.from(made.map(pem).join('# another\n'));
    const read = await Promise.all(revocationListsIn(file).map((one) => readRevocationList(one, authority.trust)));
    expect(read.map(({ der }) => der)).toEqual(made);
    expect(await problemOf(Buffer.from('no list'))).toBe('malformed');
    expect(await problemOf(Buffer.alloc(0))).toBe('malformed');
  });

  it('of openssl is understood, in all its forms', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'crl-'));
    const blocks = authority.toPem().match(/-----BEGIN [A-Z ]+-----[^-]+-----END [A-Z ]+-----/g) as string[];
    const file = (name: string, content = ''): string => {
      writeFileSync(join(folder, name), content);
      return join(folder, name);
    };
    const config = (extensions: string): string =>
      file(
        'ca.cnf',
        `[ca]\ndefault_ca=a\n[a]\ndatabase=${join(folder, 'index')}\ncrlnumber=${join(folder, 'number')}\ndefault_md=sha256\ndefault_crl_days=1\ncrl_extensions=e\n[e]\n${extensions}\n[indirect]\nindirectCRL=TRUE\n[users]\nonlyuser=TRUE\n`,
      );
    const key = file('key.pem', blocks[2]);
    const certificate = file('certificate.pem', blocks[3]);
    const run = (extensions: string): Buffer => {
      file('number', '01\n');
      file('index', `R\t361231000000Z\t261124120000Z,keyCompromise\t${stolen.serialNumber}\tunknown\t/CN=Stolen\n`);
      const out = join(folder, 'list.pem');
      const files = ['-config', config(extensions), '-keyfile', key, '-cert', certificate, '-out', out];
      execFileSync('openssl', ['ca', '-gencrl', ...files], { stdio: 'ignore' });
      return readFileSync(out);
    };
    try {
      const plain = run('issuerAltName=URI:https://example.com');
      expect(new Revocations(await lists(plain)).revokedAt([stolen])).toEqual(NOON);
      const users = run('issuingDistributionPoint=critical,@users');
      expect(new Revocations(await lists(users)).revokedAt([stolen])).toEqual(NOON);
      expect(await problemOf(run('issuingDistributionPoint=critical,@indirect'))).toBe('unsupported');
      expect(await problemOf(run('2.5.29.27=critical,ASN1:INTEGER:1'))).toBe('unsupported');
      expect(await problemOf(run('1.2.3.4=critical,ASN1:NULL'))).toBe('unsupported');
      expect(await problemOf(run('1.2.3.4=ASN1:NULL'))).toBe('read');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      process.stderr.write('SKIPPED: no openssl on the PATH to make revocation lists\n');
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
