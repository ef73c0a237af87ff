import {
  constants,
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  privateDecrypt,
  publicEncrypt,
  randomBytes,
  type KeyObject,
  type X509Certificate,
} from 'node:crypto';
import {
  child,
  contextTag,
  der,
  derParts,
  derInteger,
  derNull,
  derOid,
  INTEGER,
  OCTET_STRING,
  octets,
  OID,
  oidOf,
  readAsn1,
  SEQUENCE,
  SET,
  type Asn1,
} from './asn1.js';
import { PackageError } from './errors.js';
import { issuerAndSerial, rsaKeyOf } from './certificates.js';

/**
 * CMS EnvelopedData (RFC 5652 §6) as the digital-post profile has it: one recipient, RSAES-OAEP with SHA-256 for both hash and MGF1, AES-256-CBC.
 * The profile's text says SHA-1; its users have sent SHA-256 since 2022. Both are read, SHA-256 is written.
 */
const ENVELOPED_DATA = '1.2.840.113549.1.7.3';
const AUTH_ENVELOPED_DATA = '1.2.840.113549.1.9.16.1.23';
const DATA = '1.2.840.113549.1.7.1';
const RSAES_OAEP = '1.2.840.113549.1.1.7';
const MGF1 = '1.2.840.113549.1.1.8';
const SHA1 = '1.3.14.3.2.26';
const SHA256 = '2.16.840.1.101.3.4.2.1';
const AES_256_CBC = '2.16.840.1.101.3.4.1.42';

const SHA256_ID = der(SEQUENCE, derOid(SHA256), derNull);
const OAEP_SHA256 = der(
  SEQUENCE,
  derOid(RSAES_OAEP),
  der(SEQUENCE, der(contextTag(0, true), SHA256_ID), der(contextTag(1, true), der(SEQUENCE, derOid(MGF1), SHA256_ID))),
);

const ENVELOPED_DATA_ID = derOid(ENVELOPED_DATA);
const DATA_ID = derOid(DATA);
const AES_256_CBC_ID = derOid(AES_256_CBC);
const VERSION_0 = derInteger(0);
const KEY_BYTES = 32;
const IV_BYTES = 16;

/** Throws PackageError('unsupported-algorithm') when the recipient's key is not RSA of 2048 bits or more. */
export function encryptCms(content: Buffer, recipient: X509Certificate): Buffer {
  const random = randomBytes(KEY_BYTES + IV_BYTES);
  const key = random.subarray(0, KEY_BYTES);
  const iv = random.subarray(KEY_BYTES);
  // bytes cost a third more than a key object made of them
  const cipher = createCipheriv('aes-256-cbc', createSecretKey(key), iv);
  const encrypted = [cipher.update(content), cipher.final()];
  const wrapped = publicEncrypt(
    { key: rsaKeyOf(recipient), padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' },
    key,
  );
  const { issuer, serial } = issuerAndSerial(recipient);
  const recipientInfo = der(
    SEQUENCE,
    VERSION_0,
    der(SEQUENCE, issuer, serial),
    OAEP_SHA256,
    der(OCTET_STRING, wrapped),
  );
  const algorithm = der(SEQUENCE, AES_256_CBC_ID, der(OCTET_STRING, iv));
  const contentInfo = derParts(SEQUENCE, [DATA_ID, algorithm, ...derParts(contextTag(0, false), encrypted)]);
  const enveloped = derParts(SEQUENCE, [VERSION_0, der(SET, recipientInfo), ...contentInfo]);
  return Buffer.concat(derParts(SEQUENCE, [ENVELOPED_DATA_ID, ...derParts(contextTag(0, true), enveloped)]));
}

/** Throws PackageError: not-a-package, unsupported-algorithm or cannot-decrypt. */
export function decryptCms(cms: Buffer, key: KeyObject): Buffer {
  const root = readAsn1(cms);
  const type = root.children[0];
  if (root.tag !== SEQUENCE || type?.tag !== OID) throw new PackageError('not-a-package', 'not CMS');
  if (oidOf(type) === AUTH_ENVELOPED_DATA) throw new PackageError('unsupported-algorithm', 'authenticated encryption');
  if (oidOf(type) !== ENVELOPED_DATA) throw new PackageError('not-a-package', 'not CMS enveloped data');
  const enveloped = child(child(root, 1), 0);
  const recipients = enveloped.children.find((node) => node.tag === SET);
  const content =
    enveloped.children.at(-1)?.tag === SEQUENCE
      ? enveloped.children.at(-1)
      : enveloped.children.find((node) => node.tag === SEQUENCE);
  if (recipients === undefined || content === undefined) throw new PackageError('not-a-package', 'CMS structure');
  if (recipients.children.length !== 1) throw new PackageError('unsupported-algorithm', 'not exactly one recipient');
  const contentKey = unwrap(child(recipients, 0), key);
  const algorithm = child(content, 1);
  if (oidOf(child(algorithm, 0)) !== AES_256_CBC) throw new PackageError('unsupported-algorithm', 'content encryption');
  const iv = octets(child(algorithm, 1));
  try {
    const decipher = createDecipheriv('aes-256-cbc', createSecretKey(contentKey), iv);
    return Buffer.concat([decipher.update(octets(child(content, 2))), decipher.final()]);
  } catch (error) {
    throw new PackageError('cannot-decrypt', 'content', error);
  }
}

function unwrap(recipient: Asn1, key: KeyObject): Buffer {
  if (recipient.tag !== SEQUENCE || child(recipient, 0).tag !== INTEGER)
    throw new PackageError('unsupported-algorithm', 'recipient type');
  const algorithm = child(recipient, 2);
  if (oidOf(child(algorithm, 0)) !== RSAES_OAEP) throw new PackageError('unsupported-algorithm', 'key transport');
  try {
    return privateDecrypt(
      { key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: oaepHash(algorithm.children[1]) },
      octets(child(recipient, 3)),
    );
  } catch (error) {
    if (error instanceof PackageError) throw error;
    throw new PackageError('cannot-decrypt', 'content key', error);
  }
}

/** RSAES-OAEP-params (RFC 8017 §A.2.1); both fields default to SHA-1, and OpenSSL as used by Node has one setting for both. */
function oaepHash(parameters: Asn1 | undefined): 'sha1' | 'sha256' {
  const hash = parameters?.children.find((node) => node.tag === contextTag(0, true));
  const mask = parameters?.children.find((node) => node.tag === contextTag(1, true));
  const hashOid = hash === undefined ? SHA1 : oidOf(child(child(hash, 0), 0));
  const maskOid = mask === undefined ? SHA1 : oidOf(child(child(child(mask, 0), 1), 0));
  if (hashOid !== maskOid || (hashOid !== SHA1 && hashOid !== SHA256))
    throw new PackageError('unsupported-algorithm', 'OAEP hash');
  return hashOid === SHA1 ? 'sha1' : 'sha256';
}
