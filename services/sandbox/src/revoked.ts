import { X509Certificate } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { certificatesFromPem, type RevokedCertificate, type TestAuthority } from '@postgang/document-package';

const DAY_MS = 86_400_000;
/** Real ones are issued anew every day; here nobody would. */
const VALID_MS = 3_650 * DAY_MS;

/** What the test authority has revoked, and its lists as files: `crls/root.crl`, `crls/ca.crl` (DER). Kept in `revoked.json`. */
export class Revoked {
  private constructor(
    private readonly dir: string,
    private readonly authority: TestAuthority,
    private readonly all: RevokedCertificate[],
  ) {}

  static async open(dir: string, authority: TestAuthority): Promise<Revoked> {
    await mkdir(join(dir, 'crls'), { recursive: true });
    const kept = join(dir, 'revoked.json');
    const stored = existsSync(kept)
      ? (JSON.parse(await readFile(kept, 'utf8')) as { certificate: string; since: string }[])
      : [];
    const all = stored.map(({ certificate, since }) => ({
      certificate: new X509Certificate(certificate),
      since: new Date(since),
    }));
    const revoked = new Revoked(dir, authority, all);
    await revoked.write();
    return revoked;
  }

  has(chainPem: string): boolean {
    const [leaf] = certificatesFromPem(chainPem);
    return this.all.some(({ certificate }) => certificate.fingerprint256 === leaf?.fingerprint256);
  }

  async add(certificate: X509Certificate, since: Date): Promise<void> {
    this.all.push({ certificate, since });
    await this.write();
  }

  /** Renamed into place: a reader never sees half a list. */
  private async write(): Promise<void> {
    const kept = this.all.map(({ certificate, since }) => ({ certificate: certificate.toString(), since }));
    await this.replace('revoked.json', JSON.stringify(kept, undefined, 2));
    const thisUpdate = new Date();
    const nextUpdate = new Date(thisUpdate.getTime() + VALID_MS);
    const [root, ca] = (await this.authority.revocationLists(this.all, { thisUpdate, nextUpdate })) as [Buffer, Buffer];
    await this.replace(join('crls', 'root.crl'), root);
    await this.replace(join('crls', 'ca.crl'), ca);
  }

  private async replace(name: string, content: string | Buffer): Promise<void> {
    const hidden = join(this.dir, `.${name.replaceAll(/[\\/]/g, '-')}.new`);
    await writeFile(hidden, content);
    await rename(hidden, join(this.dir, name));
  }
}
