import { createHash, sign, verify, X509Certificate } from 'node:crypto';
import { issuerName, serialNumber, type SigningIdentity } from './certificates.js';
import { PackageError } from './errors.js';
import { attributeOf, canonicalise, elements, escapeAttribute, escapeText, textOf, type Element } from './xml.js';

/** XAdES-BASELINE-B over the files of an ASiC-E container (ETSI TS 102 918, profile of Sikker digital post). */
const DSIG = 'http://www.w3.org/2000/09/xmldsig#';
const XADES = 'http://uri.etsi.org/01903/v1.3.2#';
/** Two spellings of the container namespace are in use; the first is written, both are read. */
const CONTAINERS = ['http://uri.etsi.org/02918/v1.2.1#', 'http://uri.etsi.org/2918/v1.2.1#'];
const C14N = ['http://www.w3.org/TR/2001/REC-xml-c14n-20010315', 'http://www.w3.org/2006/12/xml-c14n11'];
const RSA_SHA256 = 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256';
const SHA256 = 'http://www.w3.org/2001/04/xmlenc#sha256';
const SHA1 = 'http://www.w3.org/2000/09/xmldsig#sha1';
const SIGNED_PROPERTIES = 'http://uri.etsi.org/01903#SignedProperties';
const DIGESTS: Record<string, string> = { [SHA256]: 'sha256', 'http://www.w3.org/2001/04/xmlenc#sha512': 'sha512' };
const CERTIFICATE_DIGESTS: Record<string, string> = { ...DIGESTS, [SHA1]: 'sha1' };

export interface SignedFile {
  readonly name: string;
  readonly mediaType: string;
  readonly content: Buffer;
}

const digest = (algorithm: string, data: Buffer | string): string =>
  createHash(algorithm).update(data).digest('base64');

/**
 * Written in canonical form at once: fixed shape, so the parts that are digested and signed are the very strings that are written, with the
 * namespaces they inherit spelled out for the canonical form only.
 */
export async function writeSignature(files: readonly SignedFile[], signer: SigningIdentity, at: Date): Promise<Buffer> {
  const { before, after } = certificateParts(signer);
  const formats = files
    .map(
      (file, index) =>
        `<DataObjectFormat ObjectReference="#ID_${index}"><MimeType>${escapeText(file.mediaType)}</MimeType></DataObjectFormat>`,
    )
    .join('');
  const properties = `<SignedSignatureProperties><SigningTime>${at.toISOString()}</SigningTime>${before}</SignedSignatureProperties><SignedDataObjectProperties>${formats}</SignedDataObjectProperties></SignedProperties>`;
  const canonicalProperties = `<SignedProperties xmlns="${XADES}" xmlns:ds="${DSIG}" Id="SignedProperties">${properties}`;
  const references = files
    .map(
      (file, index) =>
        `<Reference Id="ID_${index}" URI="${escapeAttribute(encodeUri(file.name))}">${digestXml(digest('sha256', file.content))}</Reference>`,
    )
    .join('');
  const signedInfo = `<CanonicalizationMethod Algorithm="${C14N[0]}"></CanonicalizationMethod><SignatureMethod Algorithm="${RSA_SHA256}"></SignatureMethod>${references}<Reference Type="${SIGNED_PROPERTIES}" URI="#SignedProperties"><Transforms><Transform Algorithm="${C14N[0]}"></Transform></Transforms>${digestXml(digest('sha256', canonicalProperties))}</Reference></SignedInfo>`;
  const value = await signAsync(`<SignedInfo xmlns="${DSIG}">${signedInfo}`, signer);
  return Buffer.from(
    `<?xml version="1.0" encoding="UTF-8"?><XAdESSignatures xmlns="${CONTAINERS[0]}"><Signature xmlns="${DSIG}" Id="Signature"><SignedInfo>${signedInfo}<SignatureValue>${value.toString('base64')}</SignatureValue>${after}<Object><QualifyingProperties xmlns="${XADES}" xmlns:ds="${DSIG}" Target="#Signature"><SignedProperties Id="SignedProperties">${properties}</QualifyingProperties></Object></Signature></XAdESSignatures>`,
  );
}

const digestXml = (value: string): string =>
  `<DigestMethod Algorithm="${SHA256}"></DigestMethod><DigestValue>${value}</DigestValue>`;

/** In libuv's pool: the event loop goes on with other letters meanwhile. */
function signAsync(data: string, signer: SigningIdentity): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    sign('sha256', Buffer.from(data), signer.key, (error, value) => (error === null ? resolve(value) : reject(error)));
  });
}

/** Form encoding, as the peers' writer has it. Our own names are plain ASCII and come out unchanged. */
const encodeUri = (name: string): string => new URLSearchParams([['', name]]).toString().slice(1);

const partsOf = new WeakMap<SigningIdentity, { before: string; after: string }>();

/** What depends on the certificate alone is made once per signer. CertDigest is SHA-1 because the profile says so. */
function certificateParts(signer: SigningIdentity): { before: string; after: string } {
  let parts = partsOf.get(signer);
  if (parts === undefined) {
    const leaf = signer.certificates[0] as X509Certificate;
    const before = `<SigningCertificate><Cert><CertDigest><ds:DigestMethod Algorithm="${SHA1}"></ds:DigestMethod><ds:DigestValue>${digest('sha1', leaf.raw)}</ds:DigestValue></CertDigest><IssuerSerial><ds:X509IssuerName>${escapeText(issuerName(leaf))}</ds:X509IssuerName><ds:X509SerialNumber>${serialNumber(leaf)}</ds:X509SerialNumber></IssuerSerial></Cert></SigningCertificate>`;
    const chain = signer.certificates
      .map((certificate) => `<X509Certificate>${certificate.raw.toString('base64')}</X509Certificate>`)
      .join('');
    parts = { before, after: `<KeyInfo><X509Data>${chain}</X509Data></KeyInfo>` };
    partsOf.set(signer, parts);
  }
  return parts;
}

export interface VerifiedSignature {
  readonly signingTime: Date;
  /** Leaf first, as they stand in KeyInfo; not yet checked against a trust list. */
  readonly certificates: readonly X509Certificate[];
}

/**
 * Core validation plus what keeps it from being fooled: exactly one signature of exactly this shape, ids that occur once, every file covered
 * exactly once and nothing else, the signed certificate reference being that of the key that verifies.
 */
export function verifySignature(root: Element, files: ReadonlyMap<string, Buffer>): VerifiedSignature {
  if (root.local !== 'XAdESSignatures' || !CONTAINERS.includes(root.uri)) throw structure('root element');
  const [signature, ...more] = elements(root);
  if (signature === undefined || more.length > 0 || signature.local !== 'Signature' || signature.uri !== DSIG)
    throw new PackageError('signature-missing', 'exactly one Signature');
  checkIds(root);
  const parts = elements(signature);
  if (!parts.some((part) => part.local === 'KeyInfo')) throw new PackageError('key-info-missing');
  if (parts.map((part) => (part.uri === DSIG ? part.local : '?')).join() !== 'SignedInfo,SignatureValue,KeyInfo,Object')
    throw structure('children of Signature');
  const [signedInfo, signatureValue, keyInfo, object] = parts as [Element, Element, Element, Element];
  const certificates = certificatesOf(keyInfo);
  const properties = signedPropertiesOf(signature, object);
  checkReferences(signedInfo, properties, files);
  checkValue(signedInfo, signatureValue, certificates[0] as X509Certificate);
  return { signingTime: checkProperties(properties, certificates[0] as X509Certificate), certificates };
}

function checkIds(root: Element): void {
  const seen = new Set<string>();
  const visit = (element: Element): void => {
    for (const attribute of element.attributes) {
      if (attribute.local.toLowerCase() !== 'id') continue;
      if (seen.has(attribute.value)) throw structure('an Id occurs twice');
      seen.add(attribute.value);
    }
    elements(element).forEach(visit);
  };
  visit(root);
}

function certificatesOf(keyInfo: Element): X509Certificate[] {
  const data = only(keyInfo, 'X509Data', DSIG);
  const found = elements(data).filter((element) => element.local === 'X509Certificate' && element.uri === DSIG);
  if (found.length === 0) throw new PackageError('key-info-missing', 'X509Certificate');
  if (found.length > 10) throw new PackageError('too-large', 'certificates');
  return found.map((element) => {
    try {
      return new X509Certificate(Buffer.from(textOf(element), 'base64'));
    } catch (error) {
      throw new PackageError('key-info-missing', 'X509Certificate', error);
    }
  });
}

function signedPropertiesOf(signature: Element, object: Element): Element {
  const qualifying = only(object, 'QualifyingProperties', XADES);
  const properties = elements(qualifying).filter(
    (element) => element.local === 'SignedProperties' && element.uri === XADES,
  );
  if (properties.length !== 1 || attributeOf(qualifying, 'Target') !== `#${attributeOf(signature, 'Id') ?? ''}`)
    throw structure('QualifyingProperties');
  return properties[0] as Element;
}

function checkReferences(signedInfo: Element, properties: Element, files: ReadonlyMap<string, Buffer>): void {
  const references = elements(signedInfo).filter((element) => element.local === 'Reference' && element.uri === DSIG);
  const covered = new Set<string>();
  let propertiesCovered = 0;
  for (const reference of references) {
    const uri = attributeOf(reference, 'URI') ?? '';
    const transforms = elements(reference).filter((element) => element.local === 'Transforms');
    if (attributeOf(reference, 'Type') === SIGNED_PROPERTIES) {
      if (uri !== `#${attributeOf(properties, 'Id') ?? ''}` || ++propertiesCovered > 1)
        throw structure('reference to SignedProperties');
      for (const transform of transforms.flatMap(elements))
        if (!C14N.includes(attributeOf(transform, 'Algorithm') ?? ''))
          throw new PackageError('unsupported-algorithm', 'transform');
      if (transforms.length !== 1) throw structure('transforms of SignedProperties');
      compareDigest(reference, Buffer.from(canonicalise(properties)), 'SignedProperties');
      continue;
    }
    if (transforms.length > 0 || uri.startsWith('#')) throw structure('a file reference with transforms or a fragment');
    const name = nameIn(uri, files);
    if (covered.has(name)) throw structure(`${name} is referenced twice`);
    covered.add(name);
    compareDigest(reference, files.get(name) as Buffer, name);
  }
  if (propertiesCovered !== 1) throw structure('SignedProperties are not signed');
  for (const name of files.keys()) if (!covered.has(name)) throw new PackageError('file-unsigned', name);
}

/** Peers form-encode, the standard percent-encodes; a literal match wins. */
function nameIn(uri: string, files: ReadonlyMap<string, Buffer>): string {
  const candidates = [uri, decode(uri), decode(uri.replaceAll('+', ' '))];
  const found = candidates.find((name) => files.has(name));
  if (found === undefined) throw new PackageError('file-missing', 'a signed file');
  return found;
}

function decode(uri: string): string {
  try {
    return decodeURIComponent(uri);
  } catch {
    return uri;
  }
}

function compareDigest(reference: Element, data: Buffer, what: string): void {
  const algorithm = DIGESTS[attributeOf(only(reference, 'DigestMethod', DSIG), 'Algorithm') ?? ''];
  if (algorithm === undefined) throw new PackageError('unsupported-algorithm', 'digest');
  if (base64Of(only(reference, 'DigestValue', DSIG)) !== digest(algorithm, data))
    throw new PackageError('digest-mismatch', what);
}

function checkValue(signedInfo: Element, signatureValue: Element, leaf: X509Certificate): void {
  if (!C14N.includes(attributeOf(only(signedInfo, 'CanonicalizationMethod', DSIG), 'Algorithm') ?? ''))
    throw new PackageError('unsupported-algorithm', 'canonicalisation');
  if (attributeOf(only(signedInfo, 'SignatureMethod', DSIG), 'Algorithm') !== RSA_SHA256)
    throw new PackageError('unsupported-algorithm', 'signature');
  if (leaf.publicKey.asymmetricKeyType !== 'rsa') throw new PackageError('unsupported-algorithm', 'key type');
  const value = Buffer.from(base64Of(signatureValue), 'base64');
  if (!verify('sha256', Buffer.from(canonicalise(signedInfo)), leaf.publicKey, value))
    throw new PackageError('signature-invalid');
}

function checkProperties(properties: Element, leaf: X509Certificate): Date {
  const signature = only(properties, 'SignedSignatureProperties', XADES);
  const reference = elements(signature).find(
    (element) => element.local === 'SigningCertificate' || element.local === 'SigningCertificateV2',
  );
  const certificate = reference === undefined ? undefined : elements(reference)[0];
  if (certificate === undefined) throw structure('SigningCertificate');
  const certDigest = only(certificate, 'CertDigest', XADES);
  const algorithm = CERTIFICATE_DIGESTS[attributeOf(only(certDigest, 'DigestMethod', DSIG), 'Algorithm') ?? ''];
  if (algorithm === undefined) throw new PackageError('unsupported-algorithm', 'certificate digest');
  if (base64Of(only(certDigest, 'DigestValue', DSIG)) !== digest(algorithm, leaf.raw))
    throw new PackageError('certificate-mismatch');
  const issuerSerial = elements(certificate).find((element) => element.local === 'IssuerSerial');
  if (issuerSerial !== undefined && textOf(only(issuerSerial, 'X509SerialNumber', DSIG)).trim() !== serialNumber(leaf))
    throw new PackageError('certificate-mismatch', 'serial number');
  const time = new Date(textOf(only(signature, 'SigningTime', XADES)).trim());
  if (Number.isNaN(time.getTime())) throw structure('SigningTime');
  return time;
}

function only(parent: Element, local: string, uri: string): Element {
  const found = elements(parent).filter((element) => element.local === local && element.uri === uri);
  if (found.length !== 1) throw structure(local);
  return found[0] as Element;
}

const base64Of = (element: Element): string => textOf(element).replace(/\s+/g, '');
const structure = (where: string): PackageError => new PackageError('signature-structure', where);
