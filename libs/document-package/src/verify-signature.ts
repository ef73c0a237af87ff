import { constants, hash, verify, type X509Certificate } from 'node:crypto';
import { canonicalise, INCLUSIVE, type Canonicalisation } from './c14n.js';
import { certificateFromBase64, rsaKeyOf, serialNumber } from './certificates.js';
import { PackageError } from './errors.js';
import {
  C14N_10,
  C14N_11,
  C14N_EXCLUSIVE,
  CERTIFICATE_DIGESTS,
  CONTAINERS,
  DIGESTS,
  DSIG,
  SIGNATURES,
  SIGNED_PROPERTIES,
  XADES,
} from './xades-names.js';
import { attributeOf, elements, textOf, type Element } from './xml.js';

export interface VerifiedSignature {
  readonly signingTime: Date;
  /** The signer's certificate, then the others of KeyInfo; not yet checked against a trust list. */
  readonly certificates: readonly X509Certificate[];
}

export interface SignableFiles {
  /** Each must be signed, exactly once. */
  readonly signed: ReadonlyMap<string, Buffer>;
  /** May be signed: some writers cover the container's own files too. */
  readonly optional: ReadonlyMap<string, Buffer>;
}

/**
 * Core validation plus what keeps it from being fooled: exactly one signature of exactly this shape, ids that occur once, every file covered
 * exactly once and nothing else, the signed certificate reference being that of the key that verifies.
 */
export function verifySignature(root: Element, files: SignableFiles): VerifiedSignature {
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
  const properties = signedPropertiesOf(signature, object);
  const { leaf, others } = signerOf(certificatesOf(keyInfo), properties);
  checkReferences(signedInfo, properties, files);
  checkValue(signedInfo, signatureValue, leaf);
  return { signingTime: signingTimeOf(properties), certificates: [leaf, ...others] };
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

const MAX_CERTIFICATES = 10;

/** Some writers make one X509Data for all certificates, some one for each; their order says nothing (XMLDSig §4.5.4). */
function certificatesOf(keyInfo: Element): X509Certificate[] {
  const found = all(keyInfo, 'X509Data').flatMap((data) => all(data, 'X509Certificate'));
  if (found.length === 0) throw new PackageError('key-info-missing', 'X509Certificate');
  if (found.length > MAX_CERTIFICATES) throw new PackageError('too-large', 'certificates');
  return found.map((element) => certificateFromBase64(base64Of(element), 'X509Certificate'));
}

function signedPropertiesOf(signature: Element, object: Element): Element {
  const qualifying = only(object, 'QualifyingProperties', XADES);
  const properties = all(qualifying, 'SignedProperties', XADES);
  if (properties.length !== 1 || attributeOf(qualifying, 'Target') !== `#${attributeOf(signature, 'Id') ?? ''}`)
    throw structure('QualifyingProperties');
  return properties[0] as Element;
}

/** The signer is who the signed properties say, not who stands first. */
function signerOf(
  certificates: readonly X509Certificate[],
  properties: Element,
): { leaf: X509Certificate; others: X509Certificate[] } {
  const signature = only(properties, 'SignedSignatureProperties', XADES);
  const references = elements(signature).filter(
    ({ local, uri }) => uri === XADES && (local === 'SigningCertificate' || local === 'SigningCertificateV2'),
  );
  // with several certificates in it, the first is the signer's (EN 319 132-1 §5.2.2)
  const reference = references.length === 1 ? elements(references[0] as Element)[0] : undefined;
  if (reference === undefined) throw structure('SigningCertificate');
  const certDigest = only(reference, 'CertDigest', XADES);
  const algorithm = CERTIFICATE_DIGESTS.get(attributeOf(only(certDigest, 'DigestMethod', DSIG), 'Algorithm') ?? '');
  if (algorithm === undefined) throw new PackageError('unsupported-algorithm', 'certificate digest');
  const wanted = base64Of(only(certDigest, 'DigestValue', DSIG));
  const leaf = certificates.find((certificate) => digest(algorithm, certificate.raw) === wanted);
  if (leaf === undefined) throw new PackageError('certificate-mismatch');
  const issuerSerial = all(reference, 'IssuerSerial', XADES)[0];
  // the issuer's name is printed in many ways (Java's own, RFC 2253, RFC 4514); the digest says it all
  if (issuerSerial !== undefined && textOf(only(issuerSerial, 'X509SerialNumber', DSIG)).trim() !== serialNumber(leaf))
    throw new PackageError('certificate-mismatch', 'serial number');
  return { leaf, others: certificates.filter((certificate) => certificate !== leaf) };
}

function signingTimeOf(properties: Element): Date {
  const signature = only(properties, 'SignedSignatureProperties', XADES);
  const time = new Date(textOf(only(signature, 'SigningTime', XADES)).trim());
  if (Number.isNaN(time.getTime())) throw structure('SigningTime');
  return time;
}

function checkReferences(signedInfo: Element, properties: Element, files: SignableFiles): void {
  const covered = new Set<string>();
  let propertiesCovered = 0;
  for (const reference of all(signedInfo, 'Reference')) {
    const uri = attributeOf(reference, 'URI') ?? '';
    const transforms = all(reference, 'Transforms');
    if (attributeOf(reference, 'Type') === SIGNED_PROPERTIES) {
      if (uri !== `#${attributeOf(properties, 'Id') ?? ''}` || ++propertiesCovered > 1)
        throw structure('reference to SignedProperties');
      const steps = transforms.flatMap(elements);
      if (transforms.length > 1 || steps.length > 1) throw structure('transforms of SignedProperties');
      const how = steps[0] === undefined ? INCLUSIVE : canonicalisationOf(steps[0], 'transform');
      compareDigest(reference, canonicalise(properties, how), 'SignedProperties');
      continue;
    }
    if (transforms.length > 0 || uri.startsWith('#')) throw structure('a file reference with transforms or a fragment');
    const name = nameIn(uri, files);
    if (covered.has(name)) throw structure(`${name} is referenced twice`);
    covered.add(name);
    compareDigest(reference, (files.signed.get(name) ?? files.optional.get(name)) as Buffer, name);
  }
  if (propertiesCovered !== 1) throw structure('SignedProperties are not signed');
  for (const name of files.signed.keys()) if (!covered.has(name)) throw new PackageError('file-unsigned', name);
}

/** Peers form-encode, the standard percent-encodes; a literal match wins. */
function nameIn(uri: string, { signed, optional }: SignableFiles): string {
  const candidates = [uri, decode(uri), decode(uri.replaceAll('+', ' '))];
  const found = candidates.find((name) => signed.has(name) || optional.has(name));
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

function compareDigest(reference: Element, data: Buffer | string, what: string): void {
  const algorithm = DIGESTS.get(attributeOf(only(reference, 'DigestMethod', DSIG), 'Algorithm') ?? '');
  if (algorithm === undefined) throw new PackageError('unsupported-algorithm', 'digest');
  if (base64Of(only(reference, 'DigestValue', DSIG)) !== digest(algorithm, data))
    throw new PackageError('digest-mismatch', what);
}

function checkValue(signedInfo: Element, signatureValue: Element, leaf: X509Certificate): void {
  const how = canonicalisationOf(only(signedInfo, 'CanonicalizationMethod', DSIG), 'canonicalisation');
  const algorithm = SIGNATURES.get(attributeOf(only(signedInfo, 'SignatureMethod', DSIG), 'Algorithm') ?? '');
  if (algorithm === undefined) throw new PackageError('unsupported-algorithm', 'signature');
  const encoded = base64Of(signatureValue);
  const value = Buffer.from(encoded, 'base64');
  // Node skips what is not base64, others do not
  if (value.toString('base64') !== encoded) throw new PackageError('signature-invalid', 'not base64');
  const key = rsaKeyOf(leaf);
  const verifier = algorithm.pss
    ? { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
    : key;
  if (!verify(algorithm.hash, Buffer.from(canonicalise(signedInfo, how)), verifier, value))
    throw new PackageError('signature-invalid');
}

/** Comments are never in what we canonicalise, so the WithComments forms, which would keep them, are refused. */
function canonicalisationOf(method: Element, where: string): Canonicalisation {
  const algorithm = attributeOf(method, 'Algorithm');
  const parameters = elements(method);
  if (algorithm === C14N_EXCLUSIVE && parameters.length <= 1) {
    const list = parameters[0];
    if (list !== undefined && (list.local !== 'InclusiveNamespaces' || list.uri !== C14N_EXCLUSIVE))
      throw structure(where);
    const prefixes = (list === undefined ? '' : (attributeOf(list, 'PrefixList') ?? '')).split(/\s+/).filter(Boolean);
    return { exclusive: true, prefixes: new Set(prefixes.map((prefix) => (prefix === '#default' ? '' : prefix))) };
  }
  if ((algorithm !== C14N_10 && algorithm !== C14N_11) || parameters.length > 0)
    throw new PackageError('unsupported-algorithm', where);
  return INCLUSIVE;
}

const digest = (algorithm: string, data: Buffer | string): string => hash(algorithm, data, 'base64');

const all = (parent: Element, local: string, uri = DSIG): Element[] =>
  elements(parent).filter((element) => element.local === local && element.uri === uri);

function only(parent: Element, local: string, uri: string): Element {
  const found = all(parent, local, uri);
  if (found.length !== 1) throw structure(local);
  return found[0] as Element;
}

const base64Of = (element: Element): string => textOf(element).replace(/\s+/g, '');
const structure = (where: string): PackageError => new PackageError('signature-structure', where);
