import { describe, expect, it } from '@jest/globals';
import { createDecipheriv, hkdfSync } from 'node:crypto';
import { KeyRing, NotOpenable, UnknownKey } from './key-ring.js';

const LETTER = 'b1f0f2a5-9d07-5b64-8f6f-0d3c2d1f7a11';
const OTHER_LETTER = 'b1f0f2a5-9d07-5b64-8f6f-0d3c2d1f7a12';
const key = (byte: number) => Buffer.alloc(32, byte).toString('base64');
const ring = () =>
  KeyRing.parse(
    JSON.stringify({
      internal: { active: 'k2', keys: { k1: key(1), k2: key(2) } },
      'provider:digipost': { active: 'k2', keys: { k2: key(2) } },
    }),
  );

describe('a sealed string', () => {
  const sealed = ring().seal('internal', LETTER, 'recipient', 'blåbær');

  it('opens for its scope, letter and field', () => {
    expect(ring().open('internal', LETTER, 'recipient', sealed)).toBe('blåbær');
  });

  it.each([
    ['another scope, even with the same key bytes', 'provider:digipost', LETTER, 'recipient'],
    ['another letter', 'internal', OTHER_LETTER, 'recipient'],
    ['another field', 'internal', LETTER, 'title'],
  ])('does not open for %s', (_what, scope, letter, field) => {
    expect(() => ring().open(scope, letter, field, sealed)).toThrow(NotOpenable);
  });

  it('does not open when any byte is altered', () => {
    for (let i = 0; i < sealed.length; i++) {
      const altered = Buffer.from(sealed);
      altered[i] = (altered[i] as number) ^ 1;
      expect(() => ring().open('internal', LETTER, 'recipient', altered)).toThrow(Error);
    }
  });

  it('opens with an older key, and an unknown key id is told apart from an altered value', () => {
    const old = KeyRing.parse(JSON.stringify({ internal: { active: 'k1', keys: { k1: key(1) } } }));
    expect(ring().open('internal', LETTER, 'title', old.seal('internal', LETTER, 'title', 'x'))).toBe('x');
    expect(() => old.open('internal', LETTER, 'recipient', sealed)).toThrow(UnknownKey);
  });

  it('opens by the recipe that agencies follow: HKDF-SHA-256 of the scope key, then AES-256-GCM', () => {
    const idLength = sealed[1] as number;
    const letterKey = hkdfSync('sha256', Buffer.alloc(32, 2), '', `internal|${LETTER}`, 32);
    const nonce = sealed.subarray(2 + idLength, 14 + idLength);
    const decipher = createDecipheriv('aes-256-gcm', Buffer.from(letterKey), nonce);
    decipher.setAAD(Buffer.from(`${LETTER}|recipient`)).setAuthTag(sealed.subarray(-16));
    const text = Buffer.concat([decipher.update(sealed.subarray(14 + idLength, -16)), decipher.final()]);
    expect(text.toString()).toBe('blåbær');
  });

  it('never comes out the same twice', () => {
    expect(
      ring()
        .seal('internal', LETTER, 'recipient', 'x')
        .equals(ring().seal('internal', LETTER, 'recipient', 'x')),
    ).toBe(false);
  });
});

describe('a key ring file', () => {
  it.each([
    ['not JSON', '{'],
    ['not an object', '3'],
    ['needs "active" and "keys"', '{"internal":{}}'],
    ['is not 32 bytes', '{"internal":{"active":"a","keys":{"a":"AAAA"}}}'],
    ['is not among its keys', `{"internal":{"active":"b","keys":{"a":"${key(1)}"}}}`],
  ])('that is wrong is refused: %s', (message, json) => {
    expect(() => KeyRing.parse(json)).toThrow(message);
  });
});
