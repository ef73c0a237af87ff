import { hash, type KeyObject, type X509Certificate } from 'node:crypto';
import { verifyChain, type SigningIdentity } from './certificates.js';
import { decryptCms, encryptCms } from './cms.js';
import { PackageError } from './errors.js';
import { readManifest, writeManifest, type PackageManifest } from './manifest.js';
import { verifySignature } from './verify-signature.js';
import { writeSignature } from './write-signature.js';
import { escapeAttribute, parseXml } from './xml.js';
import { DEFAULT_ZIP_LIMITS, readZip, type ZipLimits } from './read-zip.js';
import { writeZip } from './write-zip.js';

/** An ASiC-E container (the zip) and the package around it (CMS). */
const MIME_TYPE = 'application/vnd.etsi.asic-e+zip';
const XML = 'application/xml';
const SIGNATURES = 'META-INF/signatures.xml';
const SIGNATURE_FILE = /^META-INF\/[^/]*signatures[^/]*\.xml$/i;
const ODF_MANIFEST = 'META-INF/manifest.xml';
const COMMENT = `mimetype=${MIME_TYPE}`;

export interface PackageDocument {
  /** ASCII, no blanks, unique in the package: use {@link safeHref}. */
  readonly href: string;
  readonly mediaType: string;
  readonly title?: string;
  readonly content: Buffer;
}

export interface SealInput {
  readonly manifest: Pick<PackageManifest, 'sender' | 'senderUnit' | 'invoiceReference' | 'mailboxAddress'> & {
    readonly language: string;
  };
  readonly main: PackageDocument;
  readonly attachments: readonly PackageDocument[];
  readonly signer: SigningIdentity;
  /** Whose key opens the package. */
  readonly recipient: X509Certificate;
  readonly signingTime: Date;
}

export interface SealedPackage {
  readonly cms: Buffer;
  /** SHA-256 of the package, base64: `dokumentpakkefingeravtrykk`. */
  readonly digest: string;
}

const EXTENSIONS: Record<string, string> = {
  'application/pdf': 'pdf',
  'text/plain': 'txt',
  'text/html': 'html',
  'application/xml': 'xml',
  'image/png': 'png',
  'image/jpeg': 'jpg',
  'image/gif': 'gif',
};

/** A name that every reader understands alike; the document's real name is its title. */
export const safeHref = (index: number, mediaType: string): string =>
  `${index === 0 ? 'document' : `attachment-${index}`}.${EXTENSIONS[mediaType] ?? 'bin'}`;

/**
 * Compressing what is already compressed costs five times the rest of the work at 1 MB, and starting to compress a few kilobytes more than
 * encrypting, hashing and storing the bytes that it saves.
 */
const SMALL_BYTES = 16_384;
const worthCompressing = (mediaType: string, content: Buffer): boolean =>
  content.length > SMALL_BYTES && !/^(application\/pdf|application\/zip|application\/vnd\.|image\/)/.test(mediaType);

export async function sealPackage(input: SealInput): Promise<SealedPackage> {
  const cms = encryptCms(await writeContainer(input), input.recipient);
  return { cms, digest: packageDigest(cms) };
}

export const packageDigest = (cms: Buffer): string => hash('sha256', cms, 'base64');

export async function writeContainer(input: Omit<SealInput, 'recipient'>): Promise<Buffer> {
  const { language, ...manifest } = input.manifest;
  const described = (document: PackageDocument) => ({
    href: document.href,
    mediaType: document.mediaType,
    ...(document.title === undefined ? {} : { title: document.title, language }),
  });
  const manifestXml = writeManifest({
    ...manifest,
    main: described(input.main),
    attachments: input.attachments.map(described),
  });
  const documents = [input.main, ...input.attachments];
  const files = [
    { name: 'manifest.xml', mediaType: XML, content: manifestXml },
    ...documents.map(({ href, mediaType, content }) => ({ name: href, mediaType, content })),
  ];
  const signatures = await writeSignature(files, input.signer, input.signingTime);
  const odf = files
    .map(
      (file) =>
        `<ns1:file-entry ns1:full-path="${escapeAttribute(file.name)}" ns1:media-type="${escapeAttribute(file.mediaType)}"/>`,
    )
    .join('');
  const odfManifest = `<?xml version="1.0" encoding="UTF-8"?><ns1:manifest xmlns:ns1="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"><ns1:file-entry ns1:full-path="/" ns1:media-type="${MIME_TYPE}"/>${odf}</ns1:manifest>`;
  return writeZip(
    [
      { name: 'mimetype', content: Buffer.from(MIME_TYPE), stored: true },
      ...[
        ...files,
        { name: SIGNATURES, mediaType: XML, content: signatures },
        { name: ODF_MANIFEST, mediaType: XML, content: Buffer.from(odfManifest) },
      ].map(({ name, mediaType, content }) => ({ name, content, stored: !worthCompressing(mediaType, content) })),
    ],
    input.signingTime,
    COMMENT,
  );
}

export interface VerifiedContainer {
  readonly manifest: PackageManifest;
  /** Main document first. */
  readonly documents: readonly PackageDocument[];
  readonly signingTime: Date;
  /** Leaf first. Checked against the trust list only if one was given. */
  readonly signer: readonly X509Certificate[];
}

export interface VerifyOptions {
  /** Roots and intermediates; the chain must have been valid at the signing time. */
  readonly trust?: readonly X509Certificate[];
  readonly limits?: ZipLimits;
}

/** Throws PackageError with the reason and the place. */
export function verifyContainer(zip: Buffer, options: VerifyOptions = {}): VerifiedContainer {
  const entries = readZip(zip, options.limits ?? DEFAULT_ZIP_LIMITS);
  const mimetype = entries.findIndex((entry) => entry.name === 'mimetype');
  // containers of the older client have no mimetype entry
  if (mimetype > 0 || (mimetype === 0 && (!entries[0]?.stored || entries[0].content.toString('latin1') !== MIME_TYPE)))
    throw new PackageError('mimetype-wrong');
  // the profile's name; ETSI's own software numbers it. Two of them could tell two stories
  const [signatures, second] = entries.filter((entry) => SIGNATURE_FILE.test(entry.name));
  if (signatures === undefined || second !== undefined)
    throw new PackageError('signature-missing', 'exactly one META-INF/*signatures*.xml');
  const signed = new Map<string, Buffer>();
  const optional = new Map<string, Buffer>();
  for (const { name, content } of entries) {
    if (name === 'mimetype' || name === ODF_MANIFEST) optional.set(name, content);
    else if (!name.startsWith('META-INF/')) signed.set(name, content);
    else if (name !== signatures.name) throw new PackageError('file-unsigned', 'a file in META-INF');
  }
  const { signingTime, certificates } = verifySignature(parseXml(signatures.content, SIGNATURES), { signed, optional });
  const signer =
    options.trust === undefined
      ? certificates
      : verifyChain(certificates[0] as X509Certificate, certificates.slice(1), options.trust, signingTime);
  const manifestXml = signed.get('manifest.xml');
  if (manifestXml === undefined) throw new PackageError('file-missing', 'manifest.xml');
  const manifest = readManifest(manifestXml);
  const documents = [manifest.main, ...manifest.attachments].map(({ href, mediaType, title, metadata }) => {
    if (metadata !== undefined && !signed.has(metadata.href))
      throw new PackageError('file-missing', 'metadata of a document');
    const content = signed.get(href);
    if (content === undefined) throw new PackageError('file-missing', 'a document of the manifest');
    return { href, mediaType, ...(title === undefined ? {} : { title }), content };
  });
  return { manifest, documents, signingTime, signer };
}

export interface OpenedPackage extends VerifiedContainer {
  readonly zip: Buffer;
}

/** Decrypts and verifies. */
export function openPackage(cms: Buffer, key: KeyObject, options: VerifyOptions = {}): OpenedPackage {
  const zip = decryptCms(cms, key);
  return { zip, ...verifyContainer(zip, options) };
}
