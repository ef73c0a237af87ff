import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import { child, contextTag, oidOf, readAsn1, type Asn1 } from './asn1.js';
import { PackageError } from './errors.js';

/** Who signs: private key, and certificates leaf first with the whole chain. */
export interface SigningIdentity {
  readonly key: KeyObject;
  readonly certificates: readonly X509Certificate[];
}

export function certificatesFromPem(pem: string): X509Certificate[] {
  return (pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []).map(
    (block) => new X509Certificate(block),
  );
}

/** A KeyObject is made once: passing PEM to every signature halves the rate. */
export function signingIdentityFromPem(keyPem: string, chainPem: string): SigningIdentity {
  const key = createPrivateKey(keyPem);
  const certificates = certificatesFromPem(chainPem);
  if (certificates[0] === undefined) throw new Error('the chain holds no certificate');
  if (!certificates[0].checkPrivateKey(key)) throw new Error("the chain's first certificate is not the key's");
  return { key, certificates };
}

const MAX_CACHED = 1_000;
const known = new Map<string, X509Certificate>();

/**
 * A certificate out of a signature. Parsing one costs more than verifying with it, and a provider signs thousands of receipts with the same:
 * the last used are kept. Throws PackageError('key-info-missing') for anything but the DER of one certificate, nothing after it.
 */
export function certificateFromBase64(encoded: string, where: string): X509Certificate {
  const cached = known.get(encoded);
  if (cached !== undefined) {
    // to the end of the map's order, so that the first is the one unused for longest
    known.delete(encoded);
    known.set(encoded, cached);
    return cached;
  }
  if (encoded.length > 20_000) throw new PackageError('too-large', where);
  const der = Buffer.from(encoded, 'base64');
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(der);
  } catch (error) {
    throw new PackageError('key-info-missing', where, error);
  }
  // Node reads PEM here as well, and stops at the end of the first certificate
  if (!certificate.raw.equals(der))
    throw new PackageError('key-info-missing', `${where}: not the DER of a certificate`);
  if (known.size >= MAX_CACHED) known.delete(known.keys().next().value as string);
  known.set(encoded, certificate);
  return certificate;
}

const publicKeys = new WeakMap<X509Certificate, KeyObject>();
const fingerprints = new WeakMap<X509Certificate, string>();

/** Node decodes the key anew at every look at `publicKey`, which costs as much as encrypting with it. */
export function publicKeyOf(certificate: X509Certificate): KeyObject {
  let key = publicKeys.get(certificate);
  if (key === undefined) publicKeys.set(certificate, (key = certificate.publicKey));
  return key;
}

function fingerprintOf(certificate: X509Certificate): string {
  let fingerprint = fingerprints.get(certificate);
  if (fingerprint === undefined) fingerprints.set(certificate, (fingerprint = certificate.fingerprint256));
  return fingerprint;
}

const LEAST_BITS = 2048;
/**
 * Whoever writes a message chooses the certificate in it, and its signature is checked before it is asked who issued that: a check must cost next to
 * nothing with any key. One of 16,384 bits with an exponent of 64, or of 3072 with one as long, costs some hundred times what those of
 * virksomhetssertifikater do (2048 to 4096 bits, 65537).
 */
const MOST_BITS = 4096;
const LARGEST_EXPONENT = 2n ** 32n;

/** Throws PackageError('unsupported-algorithm') unless it is RSA of 2048 to 4096 bits with a small exponent, which is all that the profile's certificates have. */
export function rsaKeyOf(certificate: X509Certificate): KeyObject {
  const publicKey = publicKeyOf(certificate);
  const { modulusLength: bits = 0, publicExponent = LARGEST_EXPONENT } = publicKey.asymmetricKeyDetails ?? {};
  const fits = bits >= LEAST_BITS && bits <= MOST_BITS && publicExponent < LARGEST_EXPONENT;
  if (publicKey.asymmetricKeyType !== 'rsa' || !fits) throw new PackageError('unsupported-algorithm', 'key type');
  return publicKey;
}

interface CertificateFields {
  readonly issuer: Asn1;
  readonly subject: Asn1;
  readonly serial: Asn1;
}

const parsed = new WeakMap<X509Certificate, CertificateFields>();

function fieldsOf(certificate: X509Certificate): CertificateFields {
  let fields = parsed.get(certificate);
  if (fields === undefined) {
    const tbs = child(readAsn1(certificate.raw), 0);
    const skip = child(tbs, 0).tag === contextTag(0, true) ? 1 : 0;
    fields = { serial: child(tbs, skip), issuer: child(tbs, skip + 2), subject: child(tbs, skip + 4) };
    parsed.set(certificate, fields);
  }
  return fields;
}

/** Raw DER, as CMS needs it: re-encoding a name would lose its string types. */
export function issuerAndSerial(certificate: X509Certificate): { issuer: Buffer; serial: Buffer } {
  const { issuer, serial } = fieldsOf(certificate);
  return { issuer: issuer.raw, serial: serial.raw };
}

/** Raw DER of the name, as {@link issuerAndSerial} has the issuer's. */
export const subjectOf = (certificate: X509Certificate): Buffer => fieldsOf(certificate).subject.raw;

export function serialNumber(certificate: X509Certificate): string {
  return BigInt(`0x${certificate.serialNumber}`).toString();
}

const SHORT_NAMES: Record<string, string> = {
  '2.5.4.3': 'CN',
  '2.5.4.6': 'C',
  '2.5.4.7': 'L',
  '2.5.4.8': 'ST',
  '2.5.4.10': 'O',
  '2.5.4.11': 'OU',
};
const ORGANISATION_IDENTIFIER = '2.5.4.97';
const SERIAL_NUMBER = '2.5.4.5';

function attributes(name: Asn1): { oid: string; value: string }[] {
  return name.children.flatMap((set) =>
    set.children.map((pair) => ({ oid: oidOf(child(pair, 0)), value: child(pair, 1).value.toString('utf8') })),
  );
}

/** RFC 2253, most specific first, unknown attributes as `OID.1.2.3=` the way Java prints them. */
export function issuerName(certificate: X509Certificate): string {
  return attributes(fieldsOf(certificate).issuer)
    .reverse()
    .map(
      ({ oid, value }) =>
        `${SHORT_NAMES[oid] ?? `OID.${oid}`}=${value.replace(/[,+"\\<>;]/g, '\\$&').replace(/^[ #]| $/g, '\\$&')}`,
    )
    .join(', ');
}

const organisations = new WeakMap<X509Certificate, string | undefined>();

/** The organisation number of a virksomhetssertifikat: 2.5.4.97 = NTRNO-<number> (SEID 2) or serialNumber (SEID 1). */
export function organisationNumberOf(certificate: X509Certificate): string | undefined {
  if (!organisations.has(certificate)) organisations.set(certificate, organisationNumberIn(certificate));
  return organisations.get(certificate);
}

function organisationNumberIn(certificate: X509Certificate): string | undefined {
  const subject = attributes(fieldsOf(certificate).subject);
  const seid2 = subject.find(({ oid }) => oid === ORGANISATION_IDENTIFIER)?.value;
  if (seid2 !== undefined) return /^NTRNO-(\d{9})$/.exec(seid2)?.[1];
  return /^(\d{9})$/.exec(subject.find(({ oid }) => oid === SERIAL_NUMBER)?.value ?? '')?.[1];
}

const MAX_CHAIN = 5;
/** Finding a chain costs signature checks; its result depends on the certificates alone. Validity is checked every time. */
const chains = new Map<string, readonly X509Certificate[]>();
const MAX_CACHED_CHAINS = 1_000;

/**
 * The chain from `leaf` to one of `trust`, every certificate valid at `at`. Throws PackageError: certificate-untrusted or certificate-expired.
 * A trusted certificate must be a root or intermediate of the list itself; self-signed leaves are never enough.
 */
export function verifyChain(
  leaf: X509Certificate,
  candidates: readonly X509Certificate[],
  trust: readonly X509Certificate[],
  at: Date,
): readonly X509Certificate[] {
  const key = [leaf, ...trust].map(fingerprintOf).join();
  let chain = chains.get(key);
  if (chain === undefined) {
    chain = findChain(leaf, candidates, trust);
    if (chains.size >= MAX_CACHED_CHAINS) chains.clear();
    chains.set(key, chain);
  }
  for (const certificate of chain) {
    if (at < certificate.validFromDate || at > certificate.validToDate)
      throw new PackageError('certificate-expired', organisationNumberOf(certificate) ?? 'chain');
  }
  return chain;
}

function findChain(
  leaf: X509Certificate,
  candidates: readonly X509Certificate[],
  trust: readonly X509Certificate[],
): readonly X509Certificate[] {
  if (leaf.ca) throw new PackageError('certificate-untrusted', 'the signer is a certificate authority');
  const chain = [leaf];
  for (let length = 1; length < MAX_CHAIN; length++) {
    const last = chain[chain.length - 1] as X509Certificate;
    const anchor = trust.find((certificate) => issued(certificate, last));
    if (anchor !== undefined) return [...chain, anchor];
    const next = candidates.find(
      (certificate) =>
        !chain.some((known) => known.fingerprint256 === certificate.fingerprint256) && issued(certificate, last),
    );
    if (next === undefined) break;
    chain.push(next);
  }
  throw new PackageError('certificate-untrusted', 'no chain to a trusted root');
}

/** Whether an authority signed this certificate; nothing is said of when. */
export function issued(issuer: X509Certificate, subject: X509Certificate): boolean {
  return issuer.ca && subject.checkIssued(issuer) && subject.verify(publicKeyOf(issuer));
}
