import { sign, verify, type X509Certificate } from 'node:crypto';
import {
  certificateFromBase64,
  organisationNumberOf,
  rsaKeyOf,
  verifyChain,
  type SigningIdentity,
} from './certificates.js';
import { PackageError } from './errors.js';
import { parseJsonObject } from './json.js';
import { checkSbd, type DpiType, type Sbd } from './sbd.js';

/** The signed business message: compact JWS (RFC 7515), RS256, the signer's certificate in `x5c`. */
const MAX_BYTES = 256 * 1024;

const headers = new WeakMap<SigningIdentity, string>();

/** With the leaf alone in `x5c`, as the profile has it. */
export function signSbd(sbd: Sbd, signer: SigningIdentity): Promise<string> {
  let header = headers.get(signer);
  if (header === undefined) headers.set(signer, (header = headerFor(signer.certificates.slice(0, 1))));
  return signWith(header, sbd, signer);
}

/** Any JSON with the signer's whole chain in `x5c`, so that whoever has the root alone can verify it. */
export const signJson = (payload: Readonly<Record<string, unknown>>, signer: SigningIdentity): Promise<string> =>
  signWith(headerFor(signer.certificates), payload, signer);

const headerFor = (certificates: readonly X509Certificate[]): string =>
  encoded({ alg: 'RS256', x5c: certificates.map(({ raw }) => raw.toString('base64')) });

const encoded = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

function signWith(header: string, payload: unknown, signer: SigningIdentity): Promise<string> {
  const input = `${header}.${encoded(payload)}`;
  return new Promise((resolve, reject) => {
    sign('sha256', Buffer.from(input, 'latin1'), signer.key, (error, value) =>
      error === null ? resolve(`${input}.${value.toString('base64url')}`) : reject(error),
    );
  });
}

const MAX_KNOWN_HEADERS = 100;
const MAX_KNOWN_LENGTH = 16_384;
/** A provider signs thousands of receipts under the same header, most of which is its certificate. Only headers under which a signature was good. */
const known = new Map<string, readonly string[]>();

function remember(header: string, x5c: readonly string[]): void {
  if (known.has(header) || header.length > MAX_KNOWN_LENGTH) return;
  if (known.size >= MAX_KNOWN_HEADERS) known.clear();
  // a copy: a part of a string keeps the whole of it in memory
  known.set(Buffer.from(header, 'latin1').toString('latin1'), x5c);
}

/** The certificates of a header that asks for nothing else than we do. Throws PackageError. */
function certificatesOf(text: string): readonly string[] {
  const header = json(text, 'JWS header');
  if (header['alg'] !== 'RS256') throw new PackageError('unsupported-algorithm', 'JWS alg');
  // RFC 7515 §4.1.11: an extension that must be understood is not, whatever it says
  if (header['crit'] !== undefined) throw new PackageError('unsupported-algorithm', 'JWS crit');
  const x5c: readonly unknown[] = Array.isArray(header['x5c']) ? header['x5c'] : [];
  if (x5c.length === 0 || !x5c.every((one) => typeof one === 'string'))
    throw new PackageError('key-info-missing', 'x5c');
  return Object.freeze(x5c);
}

interface Parts {
  readonly signed: string;
  /** As it is written. */
  readonly header: string;
  readonly payload: Readonly<Record<string, unknown>>;
  readonly signature: Buffer;
}

function split(jws: string): Parts {
  if (jws.length > MAX_BYTES) throw new PackageError('too-large', 'JWS');
  const parts = jws.split('.');
  if (parts.length !== 3 || !parts.every((part) => /^[\w-]+$/.test(part)))
    throw new PackageError('not-a-package', 'not a compact JWS');
  const [header, payload, last] = parts as [string, string, string];
  const signature = Buffer.from(last, 'base64url');
  // the last character has bits to spare: one receipt, one text, one event id
  if (signature.toString('base64url') !== last) throw new PackageError('not-a-package', 'JWS signature encoding');
  return {
    signed: `${header}.${payload}`,
    header,
    payload: json(payload, 'JWS payload'),
    signature,
  };
}

function json(part: string, where: string): Record<string, unknown> {
  const bytes = Buffer.from(part, 'base64url');
  const text = bytes.toString('utf8');
  if (!Buffer.from(text).equals(bytes)) throw new PackageError('not-a-package', `${where} is not UTF-8`);
  return parseJsonObject(text, where);
}

/** What the message says of itself; nothing is verified. Throws PackageError. */
export function readSbd(jws: string): { sbd: Sbd; type: DpiType } {
  const { header, payload } = split(jws);
  json(header, 'JWS header');
  return checkSbd(payload);
}

export interface VerifiedSbd {
  readonly sbd: Sbd;
  readonly type: DpiType;
  readonly certificate: X509Certificate;
  readonly chain: readonly X509Certificate[];
  /** Organisation number in the signer's certificate. */
  readonly organisation: string;
}

export interface OpenedJws {
  readonly payload: Readonly<Record<string, unknown>>;
  /** The signer's. */
  readonly certificate: X509Certificate;
  /** All of `x5c`, base64 of DER, the signer's first. */
  readonly x5c: readonly string[];
}

/** The signature alone: whether the certificate is trusted is not looked at. Throws PackageError. */
export function openJws(jws: string): OpenedJws {
  const { signed, header, payload, signature } = split(jws);
  const x5c = known.get(header) ?? certificatesOf(header);
  const certificate = certificateFromBase64(x5c[0] as string, 'x5c');
  if (!verify('sha256', Buffer.from(signed), rsaKeyOf(certificate), signature))
    throw new PackageError('signature-invalid');
  remember(header, x5c);
  return { payload, certificate, x5c };
}

/** Signature, chain to a trusted root valid when the message was made, schema. Whether this signer may say this is the caller's question. */
export function verifySbd(jws: string, options: { trust: readonly X509Certificate[]; at?: Date }): VerifiedSbd {
  const { payload, certificate } = openJws(jws);
  const { sbd, type } = checkSbd(payload);
  const at =
    options.at ??
    new Date(sbd.standardBusinessDocument.standardBusinessDocumentHeader.documentIdentification.creationDateAndTime);
  // comparisons with an invalid date are all false
  if (Number.isNaN(at.getTime()))
    throw new PackageError('message-invalid', '/documentIdentification/creationDateAndTime');
  const chain = verifyChain(certificate, options.trust, options.trust, at);
  const organisation = organisationNumberOf(certificate);
  if (organisation === undefined) throw new PackageError('certificate-untrusted', 'no organisation number');
  return { sbd, type, certificate, chain, organisation };
}
