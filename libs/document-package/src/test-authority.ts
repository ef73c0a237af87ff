import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import { createPrivateKey, createPublicKey, KeyObject, randomBytes, webcrypto, X509Certificate } from 'node:crypto';
import type { SigningIdentity } from './certificates.js';

/**
 * A certificate authority for tests and the sandbox: root, intermediate, and virksomhetssertifikater with the organisation number in 2.5.4.97 as SEID 2
 * has it. Its policy OID is a test one; nothing in production trusts it.
 */
const ALGORITHM = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', publicExponent: new Uint8Array([1, 0, 1]) };
const TEST_POLICY = '2.16.578.1.26.1.3.2';
const DAY_MS = 86_400_000;

interface Issuer {
  readonly keys: CryptoKeyPair;
  readonly certificate: x509.X509Certificate;
}

export interface IssueOptions {
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  readonly bits?: number;
  /** Names the unit in the subject, where one organisation has several certificates. */
  readonly unit?: string;
}

export interface RevokedCertificate {
  readonly certificate: X509Certificate;
  readonly since: Date;
  /** Since when the key may have been in other hands. */
  readonly invalidSince?: Date;
}

export interface ListOptions {
  readonly thisUpdate?: Date;
  /** A day later, if it is not said. */
  readonly nextUpdate?: Date;
}

export class TestAuthority {
  private constructor(
    private readonly root: Issuer,
    private readonly intermediate: Issuer,
  ) {}

  static async create(name = 'Postgang Test'): Promise<TestAuthority> {
    const rootKeys = await newKeys(2048);
    const root = await authority(`CN=${name} Root CA, O=${name}, C=NO`, rootKeys, undefined, 1);
    const keys = await newKeys(2048);
    const certificate = await authority(
      `CN=${name} CA, 2.5.4.97=NTRNO-999999999, O=${name}, C=NO`,
      keys,
      { keys: rootKeys, certificate: root },
      2,
    );
    return new TestAuthority({ keys: rootKeys, certificate: root }, { keys, certificate });
  }

  /** Takes up an authority that `toPem` wrote, so that certificates issued before a restart and after it share a root. */
  static async fromPem(pem: string): Promise<TestAuthority> {
    const blocks = pem.match(/-----BEGIN [A-Z ]+-----[^-]+-----END [A-Z ]+-----/g) ?? [];
    if (blocks.length !== 4) throw new Error('not a test authority: two keys with a certificate each');
    const [rootKey, root, key, certificate] = blocks as [string, string, string, string];
    return new TestAuthority(await issuerFrom(rootKey, root), await issuerFrom(key, certificate));
  }

  /** Private keys and certificates, root first. */
  toPem(): string {
    return [this.root, this.intermediate]
      .map(({ keys, certificate }) => {
        const key = KeyObject.from(keys.privateKey);
        return `${String(key.export({ type: 'pkcs8', format: 'pem' }))}${certificate.toString('pem')}\n`;
      })
      .join('');
  }

  /** What a verifier must trust. */
  get trust(): readonly X509Certificate[] {
    return [nodeCertificate(this.root.certificate), nodeCertificate(this.intermediate.certificate)];
  }

  /** The revocation lists (CRL, DER) of root and intermediate: each holds what it issued itself. */
  revocationLists(revoked: readonly RevokedCertificate[], options: ListOptions = {}): Promise<Buffer[]> {
    return Promise.all([this.root, this.intermediate].map((issuer) => listOf(issuer, revoked, options)));
  }

  async issue(organisation: string, name: string, options: IssueOptions = {}): Promise<SigningIdentity> {
    const keys = await newKeys(options.bits ?? 2048);
    const subject = subjectOf(organisation, name, options);
    const issuer = { subject: this.intermediate.certificate.subject, keys: this.intermediate.keys };
    const certificate = await leaf(subject, keys, issuer, options);
    return { key: KeyObject.from(keys.privateKey), certificates: [certificate, ...[...this.trust].reverse()] };
  }

  /** What anybody can make: a certificate that says the same, and that no authority has signed. */
  static async selfSigned(organisation: string, name: string, options: IssueOptions = {}): Promise<SigningIdentity> {
    const keys = await newKeys(options.bits ?? 2048);
    const subject = subjectOf(organisation, name, options);
    const certificate = await leaf(subject, keys, { subject, keys }, options);
    return { key: KeyObject.from(keys.privateKey), certificates: [certificate] };
  }
}

function subjectOf(organisation: string, name: string, { unit }: IssueOptions): string {
  const within = unit === undefined ? '' : `OU=${unit}, `;
  return `CN=${name}, ${within}2.5.4.97=NTRNO-${organisation}, O=${name}, C=NO`;
}

async function leaf(
  subject: string,
  keys: CryptoKeyPair,
  issuer: { readonly subject: string; readonly keys: CryptoKeyPair },
  { notBefore, notAfter }: IssueOptions,
): Promise<X509Certificate> {
  const certificate = await x509.X509CertificateGenerator.create({
    // a counter would begin anew after a restart, and CMS names its recipient by issuer and serial number
    serialNumber: `4${randomBytes(8).toString('hex').slice(1)}`,
    subject,
    issuer: issuer.subject,
    notBefore: notBefore ?? new Date(Date.now() - DAY_MS),
    notAfter: notAfter ?? new Date(Date.now() + 365 * DAY_MS),
    signingAlgorithm: ALGORITHM,
    publicKey: keys.publicKey,
    signingKey: issuer.keys.privateKey,
    extensions: [
      new x509.BasicConstraintsExtension(false),
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.keyEncipherment | x509.KeyUsageFlags.nonRepudiation,
        true,
      ),
      new x509.CertificatePolicyExtension([TEST_POLICY]),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.keys.publicKey),
    ],
  });
  return nodeCertificate(certificate);
}

async function listOf(
  { keys, certificate }: Issuer,
  revoked: readonly RevokedCertificate[],
  { thisUpdate = new Date(), nextUpdate }: ListOptions,
): Promise<Buffer> {
  const mine = revoked.filter(({ certificate: one }) => one.checkIssued(nodeCertificate(certificate)));
  const list = await x509.X509CrlGenerator.create({
    issuer: certificate.subject,
    thisUpdate,
    nextUpdate: nextUpdate ?? new Date(thisUpdate.getTime() + DAY_MS),
    signingAlgorithm: ALGORITHM,
    signingKey: keys.privateKey,
    entries: mine.map(({ certificate: one, since, invalidSince }) => ({
      serialNumber: one.serialNumber.toLowerCase(),
      revocationDate: since,
      reason: x509.X509CrlReason.keyCompromise,
      ...(invalidSince === undefined ? {} : { invalidity: invalidSince }),
    })),
    extensions: [await x509.AuthorityKeyIdentifierExtension.create(keys.publicKey)],
  });
  return Buffer.from(list.rawData);
}

async function issuerFrom(keyPem: string, certificatePem: string): Promise<Issuer> {
  const key = createPrivateKey(keyPem);
  const [privateKey, publicKey] = await Promise.all([
    webcrypto.subtle.importKey('pkcs8', key.export({ type: 'pkcs8', format: 'der' }), ALGORITHM, true, ['sign']),
    webcrypto.subtle.importKey('spki', createPublicKey(key).export({ type: 'spki', format: 'der' }), ALGORITHM, true, [
      'verify',
    ]),
  ]);
  return { keys: { privateKey, publicKey }, certificate: new x509.X509Certificate(certificatePem) };
}

function newKeys(bits: number): Promise<CryptoKeyPair> {
  return webcrypto.subtle.generateKey({ ...ALGORITHM, modulusLength: bits }, true, ['sign', 'verify']);
}

function authority(
  subject: string,
  keys: CryptoKeyPair,
  issuer: Issuer | undefined,
  serial: number,
): Promise<x509.X509Certificate> {
  const extensions = [
    new x509.BasicConstraintsExtension(true, issuer === undefined ? 1 : 0, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
  ];
  return x509.X509CertificateGenerator.create({
    serialNumber: serial.toString(16).padStart(2, '0'),
    subject,
    issuer: issuer?.certificate.subject ?? subject,
    // long ago: specs sign at fixed dates
    notBefore: new Date(Date.now() - 3650 * DAY_MS),
    notAfter: new Date(Date.now() + 3650 * DAY_MS),
    signingAlgorithm: ALGORITHM,
    publicKey: keys.publicKey,
    signingKey: issuer?.keys.privateKey ?? keys.privateKey,
    extensions,
  });
}

const nodeCertificate = (certificate: x509.X509Certificate): X509Certificate =>
  new X509Certificate(Buffer.from(certificate.rawData));
type CryptoKeyPair = webcrypto.CryptoKeyPair;
