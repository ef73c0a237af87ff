import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import type { X509Certificate } from 'node:crypto';
import { contextTag, readAsn1, SEQUENCE } from './asn1.js';
import { issuerAndSerial, subjectOf } from './certificates.js';

export type RevocationListProblem = 'too-large' | 'malformed' | 'unknown-issuer' | 'signature-invalid' | 'unsupported';

/** A revocation list that says nothing to us. */
export class RevocationListError extends Error {
  override readonly name = 'RevocationListError';

  constructor(
    readonly problem: RevocationListProblem,
    cause?: unknown,
  ) {
    super(problem, { cause });
  }
}

/** A CRL (RFC 5280 §5) whose signature is its issuer's. */
export interface RevocationList {
  readonly der: Buffer;
  /** Who issued it. */
  readonly issuer: X509Certificate;
  readonly thisUpdate: Date;
  /** When the issuer will have issued another; undefined where it does not say. */
  readonly nextUpdate: Date | undefined;
  /** Which part of the issuer's certificates it is about, as it says so itself. */
  readonly scope: string;
  /** Serial number, as {@link serialOf} writes it → since when the certificate counts as revoked. */
  readonly revoked: ReadonlyMap<string, Date>;
}

const MAX_BYTES = 32 * 1024 * 1024;
const ISSUING_DISTRIBUTION_POINT = '2.5.29.28';
/** onlySomeReasons, indirectCRL and onlyContainsAttributeCerts: lists from which the rest would have to be put together. */
const PARTIAL = [3, 4, 5].flatMap((number) => [contextTag(number, false), contextTag(number, true)]);

/**
 * Reads a list, PEM or DER, and checks that one of `issuers` signed it. What has a critical extension that we do not know (delta lists too) is not
 * used: RFC 5280 §5.2. Throws RevocationListError.
 */
export async function readRevocationList(bytes: Buffer, issuers: readonly X509Certificate[]): Promise<RevocationList> {
  if (bytes.length > MAX_BYTES) throw new RevocationListError('too-large');
  try {
    return await read(bytes, issuers);
  } catch (error) {
    throw error instanceof RevocationListError ? error : new RevocationListError('malformed', error);
  }
}

async function read(bytes: Buffer, issuers: readonly X509Certificate[]): Promise<RevocationList> {
  const der = derOf(bytes);
  if (!fillsAll(der)) throw new RevocationListError('malformed');
  const list = new x509.X509Crl(der);
  const name = Buffer.from(list.issuerName.toArrayBuffer());
  const named = issuers.filter((certificate) => certificate.ca && subjectOf(certificate).equals(name));
  if (named.length === 0) throw new RevocationListError('unknown-issuer');
  let issuer: X509Certificate | undefined;
  for (const candidate of named)
    if (await list.verify({ publicKey: new x509.X509Certificate(candidate.raw) })) issuer = candidate;
  if (issuer === undefined) throw new RevocationListError('signature-invalid');
  const { thisUpdate, nextUpdate } = list;
  return { der, issuer, thisUpdate, nextUpdate, scope: scopeOf(list), revoked: revokedIn(list) };
}

function derOf(bytes: Buffer): Buffer {
  const pem = /-----BEGIN X509 CRL-----([^-]+)-----END X509 CRL-----/.exec(bytes.toString('latin1'));
  return pem === null ? bytes : Buffer.from(pem[1] as string, 'base64');
}

/** One SEQUENCE from the first byte to the last: the library does not mind what comes after. */
function fillsAll(der: Buffer): boolean {
  const [tag, first = 0] = der;
  if (tag !== SEQUENCE || first === 0x80) return false;
  const count = first < 0x80 ? 0 : first & 0x7f;
  if (count > 4 || der.length < 2 + count) return false;
  const length = count === 0 ? first : der.readUIntBE(2, count);
  return 2 + count + length === der.length;
}

function scopeOf(list: x509.X509Crl): string {
  let scope = '';
  for (const { type, critical, value } of list.extensions) {
    const content = Buffer.from(value);
    if (type === ISSUING_DISTRIBUTION_POINT) {
      if (readAsn1(content).children.some(({ tag }) => PARTIAL.includes(tag)))
        throw new RevocationListError('unsupported');
      scope = content.toString('base64');
    } else if (critical) throw new RevocationListError('unsupported');
  }
  return scope;
}

function revokedIn(list: x509.X509Crl): Map<string, Date> {
  const revoked = new Map<string, Date>();
  for (const { serialNumber, revocationDate, invalidity } of list.entries) {
    // since when the key may have been in other hands, if the issuer says so
    const since = invalidity !== undefined && invalidity < revocationDate ? invalidity : revocationDate;
    const serial = BigInt(`0x${serialNumber}`).toString(16);
    const known = revoked.get(serial);
    if (known === undefined || since < known) revoked.set(serial, since);
  }
  return revoked;
}

const serialOf = (certificate: X509Certificate): string => BigInt(`0x${certificate.serialNumber}`).toString(16);

/** What the newest lists of all issuers say together. */
export class Revocations {
  private readonly byIssuer: ReadonlyMap<string, readonly RevocationList[]>;

  constructor(lists: readonly RevocationList[]) {
    const newest = new Map<string, RevocationList>();
    for (const list of lists) {
      const key = `${nameOf(list.issuer)} ${list.scope}`;
      const known = newest.get(key);
      if (known === undefined || known.thisUpdate < list.thisUpdate) newest.set(key, list);
    }
    this.byIssuer = Map.groupBy(newest.values(), ({ issuer }) => nameOf(issuer));
  }

  get lists(): readonly RevocationList[] {
    return [...this.byIssuer.values()].flat();
  }

  /** The lists that are about certificates of this issuer. */
  of(issuer: X509Certificate): readonly RevocationList[] {
    return this.byIssuer.get(nameOf(issuer)) ?? [];
  }

  /** Since when one of these certificates counts as revoked; the earliest, if several are. */
  revokedAt(chain: readonly X509Certificate[]): Date | undefined {
    let earliest: Date | undefined;
    for (const certificate of chain)
      for (const { revoked } of this.byIssuer.get(issuerAndSerial(certificate).issuer.toString('base64')) ?? []) {
        const since = revoked.get(serialOf(certificate));
        if (since !== undefined && (earliest === undefined || since < earliest)) earliest = since;
      }
    return earliest;
  }
}

const nameOf = (issuer: X509Certificate): string => subjectOf(issuer).toString('base64');

/** For lists in a row, as a file of PEM may hold them; DER is one. */
export function revocationListsIn(bytes: Buffer): Buffer[] {
  const blocks = bytes.toString('latin1').match(/-----BEGIN X509 CRL-----[^-]+-----END X509 CRL-----/g);
  return blocks === null ? [bytes] : blocks.map((block) => Buffer.from(block, 'latin1'));
}
