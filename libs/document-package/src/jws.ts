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

export function signSbd(sbd: Sbd, signer: SigningIdentity): Promise<string> {
  let header = headers.get(signer);
  if (header === undefined) {
    header = Buffer.from(
      JSON.stringify({ alg: 'RS256', x5c: [(signer.certificates[0] as X509Certificate).raw.toString('base64')] }),
    ).toString('base64url');
    headers.set(signer, header);
  }
  const input = `${header}.${Buffer.from(JSON.stringify(sbd)).toString('base64url')}`;
  return new Promise((resolve, reject) => {
    sign('sha256', Buffer.from(input, 'latin1'), signer.key, (error, value) =>
      error === null ? resolve(`${input}.${value.toString('base64url')}`) : reject(error),
    );
  });
}

interface Parts {
  readonly signed: string;
  readonly header: { readonly alg?: unknown; readonly x5c?: unknown; readonly crit?: unknown };
  readonly payload: unknown;
  readonly signature: Buffer;
}

function split(jws: string): Parts {
  if (jws.length > MAX_BYTES) throw new PackageError('too-large', 'JWS');
  const parts = jws.split('.');
  if (parts.length !== 3 || !parts.every((part) => /^[\w-]+$/.test(part)))
    throw new PackageError('not-a-package', 'not a compact JWS');
  const [header, payload, encoded] = parts as [string, string, string];
  const signature = Buffer.from(encoded, 'base64url');
  // the last character has bits to spare: one receipt, one text, one event id
  if (signature.toString('base64url') !== encoded) throw new PackageError('not-a-package', 'JWS signature encoding');
  return {
    signed: `${header}.${payload}`,
    header: json(header, 'JWS header'),
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
  return checkSbd(split(jws).payload);
}

export interface VerifiedSbd {
  readonly sbd: Sbd;
  readonly type: DpiType;
  readonly certificate: X509Certificate;
  readonly chain: readonly X509Certificate[];
  /** Organisation number in the signer's certificate. */
  readonly organisation: string;
}

/** Signature, chain to a trusted root valid when the message was made, schema. Whether this signer may say this is the caller's question. */
export function verifySbd(jws: string, options: { trust: readonly X509Certificate[]; at?: Date }): VerifiedSbd {
  const { signed, header, payload, signature } = split(jws);
  if (header.alg !== 'RS256') throw new PackageError('unsupported-algorithm', 'JWS alg');
  // RFC 7515 §4.1.11: an extension that must be understood is not, whatever it says
  if (header.crit !== undefined) throw new PackageError('unsupported-algorithm', 'JWS crit');
  const encoded: unknown = Array.isArray(header.x5c) ? header.x5c[0] : undefined;
  if (typeof encoded !== 'string') throw new PackageError('key-info-missing', 'x5c');
  const certificate = certificateFromBase64(encoded, 'x5c');
  if (!verify('sha256', Buffer.from(signed), rsaKeyOf(certificate), signature))
    throw new PackageError('signature-invalid');
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
