import {
  certificatesFromPem,
  organisationNumberOf,
  signingIdentityFromPem,
  TestAuthority,
  type SigningIdentity,
} from '@postgang/document-package';
import { createPrivateKey, generateKeyPair, type KeyObject, type X509Certificate } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Revoked } from './revoked.js';
import { DIGIPOST, EBOKS, PRINT_SHOP } from './people/person.js';

/**
 * Everybody's virksomhetssertifikater, issued by a test authority of our own. They lie as PEM in a folder, so that other processes can be
 * configured from it and a restart does not make old receipts unverifiable:
 * `trust.pem`, `crls/` (the authority's revocation lists), `revoked.json`, `<name>.key.pem`, `<name>.chain.pem` (operator, digipost, eboks, print), `authority.pem`, `maskinporten.key.pem`.
 */
export interface Certificates {
  /** Root and intermediate: all that a verifier must trust. */
  readonly trust: readonly X509Certificate[];
  readonly operator: SigningIdentity;
  /** By organisation number. */
  readonly providers: ReadonlyMap<string, SigningIdentity>;
  /** Signs Maskinporten's tokens; a plain key, as the real one's. */
  readonly tokenKey: KeyObject;
  issue(organisation: string, name: string): Promise<IssuedCertificate>;
  /** Revokes the certificate of a provider, which goes on signing with it as a thief would; a restart issues it another. */
  revoke(organisation: string, since: Date): Promise<void>;
}

export interface IssuedCertificate {
  readonly keyPem: string;
  /** Leaf first. */
  readonly chainPem: string;
}

const DAY_MS = 86_400_000;
/** Private keys of a test authority are still private keys. */
const PRIVATE = { mode: 0o600 } as const;

export async function openCertificates(dir: string, operator: string): Promise<Certificates> {
  await mkdir(dir, { recursive: true });
  const authority = await openAuthority(join(dir, 'authority.pem'));
  const trust = authority.trust;
  const revoked = await Revoked.open(dir, authority);
  await writeFile(join(dir, 'trust.pem'), trust.map((certificate) => certificate.toString()).join(''));
  const [operatorIdentity, digipost, eboks, print, tokenKey] = await Promise.all([
    identity(dir, 'operator', operator, 'Postgang Operator', authority, revoked),
    identity(dir, 'digipost', DIGIPOST, 'Sandbox Digipost', authority, revoked),
    identity(dir, 'eboks', EBOKS, 'Sandbox e-Boks', authority, revoked),
    identity(dir, 'print', PRINT_SHOP, 'Sandbox Print', authority, revoked),
    openTokenKey(join(dir, 'maskinporten.key.pem')),
  ]);
  const providers = new Map([
    [DIGIPOST, digipost],
    [EBOKS, eboks],
    [PRINT_SHOP, print],
  ]);
  return {
    trust,
    operator: operatorIdentity,
    providers,
    tokenKey,
    issue: async (organisation, name) => pemOf(await authority.issue(organisation, name)),
    revoke: async (organisation, since) => {
      const certificate = providers.get(organisation)?.certificates[0];
      if (certificate !== undefined) await revoked.add(certificate, since);
    },
  };
}

async function openAuthority(path: string): Promise<TestAuthority> {
  if (existsSync(path)) return TestAuthority.fromPem(await readFile(path, 'utf8'));
  const authority = await TestAuthority.create('Postgang Sandbox');
  await writeFile(path, authority.toPem(), PRIVATE);
  return authority;
}

async function identity(
  dir: string,
  name: string,
  organisation: string,
  commonName: string,
  authority: TestAuthority,
  revoked: Revoked,
): Promise<SigningIdentity> {
  const keyPath = join(dir, `${name}.key.pem`);
  const chainPath = join(dir, `${name}.chain.pem`);
  if (existsSync(keyPath) && existsSync(chainPath)) {
    const [keyPem, chainPem] = await Promise.all([readFile(keyPath, 'utf8'), readFile(chainPath, 'utf8')]);
    if (stillGood(chainPem, organisation, authority) && !revoked.has(chainPem))
      return signingIdentityFromPem(keyPem, chainPem);
  }
  const issued = await authority.issue(organisation, commonName);
  const { keyPem, chainPem } = pemOf(issued);
  await Promise.all([writeFile(keyPath, keyPem, PRIVATE), writeFile(chainPath, chainPem)]);
  return issued;
}

/** Another operator number, a new authority or an old folder: then a new certificate is issued. */
function stillGood(chainPem: string, organisation: string, authority: TestAuthority): boolean {
  const [leaf, issuer] = certificatesFromPem(chainPem);
  return (
    leaf !== undefined &&
    organisationNumberOf(leaf) === organisation &&
    leaf.validToDate.getTime() > Date.now() + DAY_MS &&
    authority.trust.some((certificate) => certificate.fingerprint256 === issuer?.fingerprint256)
  );
}

function pemOf({ key, certificates }: SigningIdentity): IssuedCertificate {
  return {
    keyPem: String(key.export({ type: 'pkcs8', format: 'pem' })),
    chainPem: certificates.map((certificate) => certificate.toString()).join(''),
  };
}

async function openTokenKey(path: string): Promise<KeyObject> {
  if (existsSync(path)) return createPrivateKey(await readFile(path, 'utf8'));
  const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 });
  await writeFile(path, privateKey.export({ type: 'pkcs8', format: 'pem' }), PRIVATE);
  return privateKey;
}
