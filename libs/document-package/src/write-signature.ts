import { hash, sign, type X509Certificate } from 'node:crypto';
import { issuerName, serialNumber, type SigningIdentity } from './certificates.js';
import { escapeAttribute, escapeText } from './xml.js';
import { C14N_10, CONTAINERS, DSIG, RSA_SHA256, SHA1, SHA256, SIGNED_PROPERTIES, XADES } from './xades-names.js';

/** XAdES-BASELINE-B over the files of an ASiC-E container (ETSI TS 102 918, profile of Sikker digital post). */
export interface SignedFile {
  readonly name: string;
  readonly mediaType: string;
  readonly content: Buffer;
}

const digest = (algorithm: string, data: Buffer | string): string => hash(algorithm, data, 'base64');

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
  const signedInfo = `<CanonicalizationMethod Algorithm="${C14N_10}"></CanonicalizationMethod><SignatureMethod Algorithm="${RSA_SHA256}"></SignatureMethod>${references}<Reference Type="${SIGNED_PROPERTIES}" URI="#SignedProperties"><Transforms><Transform Algorithm="${C14N_10}"></Transform></Transforms>${digestXml(digest('sha256', canonicalProperties))}</Reference></SignedInfo>`;
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
const encodeUri = (name: string): string =>
  /^[\w.*-]+$/.test(name) ? name : new URLSearchParams([['', name]]).toString().slice(1);

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
