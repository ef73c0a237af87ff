import 'reflect-metadata';
import { beforeAll, describe, expect, it } from '@jest/globals';
import * as x509 from '@peculiar/x509';
import { createHmac, createPublicKey, randomBytes, webcrypto, type KeyObject } from 'node:crypto';
import { checkSbd, PackageError, readSbd, receiptSbd, signSbd, TestAuthority, verifySbd } from './index.js';
import type { Sbd, SigningIdentity } from './index.js';
import { parseJsonObject } from './json.js';

const AT = new Date();
const head = {
  technicalSender: '984661185',
  receiver: '991825827',
  messageId: '4c96fb25-54b0-4560-a954-afdeed10077b',
  conversationId: 'b63b72a3-ec7a-4d70-94f1-699ef899864f',
  createdAt: AT,
};
const message = (): Sbd => receiptSbd(head, { kind: 'leveringskvittering', process: 'digital', at: AT });
const encode = (text: string): string => Buffer.from(text).toString('base64url');
/** Of which nobody has the other half. */
function publicKeyWith(bits: number, exponent: bigint): KeyObject {
  const modulus = randomBytes(bits / 8);
  modulus[0] = 0xff;
  modulus[modulus.length - 1] = 0xff;
  const hex = exponent.toString(16);
  const e = Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex').toString('base64url');
  return createPublicKey({ key: { kty: 'RSA', n: modulus.toString('base64url'), e }, format: 'jwk' });
}
/** Anybody may make one. */
async function certificateWith(key: KeyObject): Promise<string> {
  const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', publicExponent: new Uint8Array([1, 0, 1]) };
  const { subtle } = webcrypto;
  const { privateKey } = await subtle.generateKey({ ...algorithm, modulusLength: 2048 }, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.create({
    ...{ serialNumber: '01', subject: 'CN=Postkasse, 2.5.4.97=NTRNO-984661185, C=NO', issuer: 'CN=Anybody' },
    ...{ notBefore: AT, notAfter: new Date(AT.getTime() + 86_400_000) },
    publicKey: await subtle.importKey('spki', key.export({ type: 'spki', format: 'der' }), algorithm, true, ['verify']),
    ...{ signingKey: privateKey, signingAlgorithm: algorithm },
  });
  return Buffer.from(certificate.rawData).toString('base64');
}
const reasonOf = (run: () => unknown): string => {
  try {
    run();
    return 'accepted';
  } catch (error) {
    return error instanceof PackageError ? error.reason : `crashed: ${String(error)}`;
  }
};

describe('a signed message made to be read in two ways', () => {
  let authority: TestAuthority;
  let signer: SigningIdentity;
  let jws: string;
  let parts: [string, string, string];
  const verdict = (text: string): string => reasonOf(() => verifySbd(text, { trust: authority.trust }));
  const withHeader = (header: Record<string, unknown>): string =>
    `${encode(JSON.stringify(header))}.${parts[1]}.${parts[2]}`;

  beforeAll(async () => {
    authority = await TestAuthority.create();
    signer = await authority.issue('984661185', 'Postkasse');
    jws = await signSbd(message(), signer);
    parts = jws.split('.') as [string, string, string];
  });

  it('is not accepted for standing under the header of one that was', async () => {
    const other = (await signSbd(message(), await authority.issue('991825827', 'Annen'))).split('.');
    for (let time = 0; time < 2; time++) {
      expect(verdict(jws)).toBe('accepted');
      expect(verdict([parts[0], parts[1], other[2]].join('.'))).toBe('signature-invalid');
      expect(
        verdict(
          withHeader({ ...(JSON.parse(Buffer.from(parts[0], 'base64url').toString()) as object), crit: ['b64'] }),
        ),
      ).toBe('unsupported-algorithm');
    }
  });

  it('is not accepted with a key that everybody knows: HS256 over the public key', () => {
    const header = { alg: 'HS256', x5c: [signer.certificates[0]!.raw.toString('base64')] };
    const input = `${encode(JSON.stringify(header))}.${parts[1]}`;
    const publicKey = signer.certificates[0]!.publicKey.export({ type: 'spki', format: 'pem' });
    const mac = createHmac('sha256', publicKey).update(input).digest('base64url');
    expect(verdict(`${input}.${mac}`)).toBe('unsupported-algorithm');
  });

  it.each(['none', 'None', 'RS1', 'PS256', 'ES256', ['RS256'], { toString: 'RS256' }, null])(
    'is not accepted with alg %j',
    (alg) => {
      const { x5c } = JSON.parse(Buffer.from(parts[0], 'base64url').toString()) as { x5c: unknown };
      expect(verdict(withHeader({ alg, x5c }))).toBe('unsupported-algorithm');
    },
  );

  it('is not accepted when its header asks for an extension', () => {
    const { x5c } = JSON.parse(Buffer.from(parts[0], 'base64url').toString()) as { x5c: unknown };
    expect(verdict(withHeader({ alg: 'RS256', x5c, crit: ['b64'], b64: false }))).toBe('unsupported-algorithm');
  });

  it('is not accepted with anything but one certificate in x5c', () => {
    const leaf = signer.certificates[0]!;
    const x5c = (value: unknown): string => withHeader({ alg: 'RS256', x5c: value });
    expect(verdict(x5c([]))).toBe('key-info-missing');
    expect(verdict(x5c('AAAA'))).toBe('key-info-missing');
    expect(verdict(x5c([Buffer.from(leaf.toString()).toString('base64')]))).toBe('key-info-missing');
    expect(verdict(x5c([Buffer.concat([leaf.raw, leaf.raw]).toString('base64')]))).toBe('key-info-missing');
    expect(verdict(x5c(['A'.repeat(30_000)]))).toBe('too-large');
  });

  it.each([
    ['16,384 bits', 16_384, 65_537n],
    ['4,104 bits', 4_104, 65_537n],
    ['an exponent of 33 bits', 2_048, 2n ** 32n + 1n],
    ['an exponent of 64 bits', 4_096, 2n ** 64n - 1n],
    ['an exponent as long as itself', 3_072, 2n ** 3_071n + 1n],
  ])('is not checked with a key of %s, which would take long whoever signed it', async (_what, bits, exponent) => {
    const key = publicKeyWith(bits, exponent);
    expect(key.asymmetricKeyDetails).toMatchObject({ modulusLength: bits, publicExponent: exponent });
    const x5c = [await certificateWith(key)];
    expect(verdict(withHeader({ alg: 'RS256', x5c }))).toBe('unsupported-algorithm');
  });

  it('is checked with keys as large as any virksomhetssertifikat has', async () => {
    const x5c = [await certificateWith(publicKeyWith(4_096, 65_537n))];
    expect(verdict(withHeader({ alg: 'RS256', x5c }))).toBe('signature-invalid');
  });

  it('has one text only: bits to spare in the last character are refused', () => {
    const last = parts[2].at(-1) as string;
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const twin = alphabet[alphabet.indexOf(last) + 1] as string;
    const other = `${parts[0]}.${parts[1]}.${parts[2].slice(0, -1)}${twin}`;
    expect(Buffer.from(other.split('.')[2]!, 'base64url').equals(Buffer.from(parts[2], 'base64url'))).toBe(true);
    expect(verdict(other)).toBe('not-a-package');
    expect(verdict(`${jws}=`)).toBe('not-a-package');
    expect(verdict(jws.replace('.', '.\n'))).toBe('not-a-package');
  });

  it('says nothing twice', () => {
    const text = JSON.stringify(message());
    for (const doubled of [
      text.replace('"type":', '"type":"feil","type":'),
      text.replace('"type":', '"\\u0074ype":"feil","type":'),
      text.replace(/^\{/, '{"standardBusinessDocument":{},'),
    ])
      expect(reasonOf(() => readSbd(`${encode('{"alg":"RS256"}')}.${encode(doubled)}.AAAA`))).toBe('not-a-package');
    expect(verdict(`${encode('{"alg":"none","alg":"RS256"}')}.${parts[1]}.${parts[2]}`)).toBe('not-a-package');
  });

  it('is UTF-8', () => {
    const bytes = Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xff]), Buffer.from('"}')]);
    expect(verdict(`${parts[0]}.${bytes.toString('base64url')}.${parts[2]}`)).toBe('not-a-package');
  });
});

describe('JSON from outside', () => {
  it('may use a name again in another object, and any name in strings', () => {
    const text = '{"a":[{"a":"{\\"a\\":1,\\"a\\":2}"},{"a":","}],"b":{"a":{}},"c":["a","a"],"__proto__":1}';
    expect(Object.keys(parseJsonObject(text, 'x'))).toEqual(['a', 'b', 'c', '__proto__']);
  });

  it('is not nested deeply, and is an object', () => {
    const deep = `{"a":${'['.repeat(50_000)}${']'.repeat(50_000)}}`;
    expect(reasonOf(() => parseJsonObject(deep, 'x'))).toBe('too-large');
    for (const text of ['', '[]', 'null', '1', '{"a":1}x', '{a:1}', '{"a":01}'])
      expect(reasonOf(() => parseJsonObject(text, 'x'))).toBe('not-a-package');
  });
});

describe('a message with a field of another kind', () => {
  const changed = (change: (sbd: Record<string, unknown>, header: Record<string, unknown>) => void): string =>
    reasonOf(() => {
      const value = JSON.parse(JSON.stringify(message())) as { standardBusinessDocument: Record<string, unknown> };
      const sbd = value.standardBusinessDocument;
      change(sbd, sbd['standardBusinessDocumentHeader'] as Record<string, unknown>);
      return checkSbd(value);
    });
  const scope = (field: string, value: unknown): string =>
    changed((_sbd, header) => {
      const { scope: scopes } = header['businessScope'] as { scope: Record<string, unknown>[] };
      scopes[0]![field] = value;
    });

  it.each(['constructor', 'toString', '__proto__', 'hasOwnProperty'])('is refused with the type %s', (type) => {
    expect(
      changed((sbd, header) => {
        (header['documentIdentification'] as Record<string, unknown>)['type'] = type;
        Object.defineProperty(sbd, type, { value: {}, enumerable: true });
        delete sbd['leveringskvittering'];
      }),
    ).toBe('message-invalid');
  });

  it('is refused when the scope is not text', () => {
    expect(scope('identifier', 1)).toBe('message-invalid');
    expect(scope('scopeInformation', {})).toBe('message-invalid');
    expect(scope('scopeInformation', [{ expectedResponseDateTime: 5 }])).toBe('message-invalid');
    expect(scope('scopeInformation', [{ other: 'x' }])).toBe('message-invalid');
    expect(scope('scopeInformation', [{ expectedResponseDateTime: 'x' }])).toBe('accepted');
  });

  it.each([
    '2026-02-30T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-01-01T25:00:00Z',
    '2026-01-01T00:00:00',
    '2026-01-01',
  ])('is refused with the time %s', (time) => {
    expect(
      changed((sbd) => {
        (sbd['leveringskvittering'] as Record<string, unknown>)['tidspunkt'] = time;
      }),
    ).toBe('message-invalid');
  });
});
