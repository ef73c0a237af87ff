import { describe, expect, it } from '@jest/globals';
import { freshForNotice, NOTICE_ADDRESS } from './contact.js';

const fresh = (dates: { updatedAt?: string; verifiedAt?: string }, now: string): boolean =>
  freshForNotice(
    {
      value: 'a@example.com',
      ...(dates.updatedAt === undefined ? {} : { updatedAt: new Date(dates.updatedAt) }),
      ...(dates.verifiedAt === undefined ? {} : { verifiedAt: new Date(dates.verifiedAt) }),
    },
    new Date(now),
  );

describe('a contact point for the notice of §8 (§32: 18 months)', () => {
  it.each([
    ['exactly 18 months old', '2025-05-23T12:00:00Z', '2026-11-23T12:00:00Z', true],
    ['a second older', '2025-05-23T11:59:59Z', '2026-11-23T12:00:00Z', false],
    [
      'across a shorter month: 28 February still counts on 31 August',
      '2025-02-28T12:00:00Z',
      '2026-08-31T12:00:00Z',
      true,
    ],
    ['and 27 February does not', '2025-02-27T12:00:00Z', '2026-08-31T12:00:00Z', false],
    ['29 February of a leap year counts until the end of August', '2024-02-29T00:00:00Z', '2025-08-29T00:00:00Z', true],
    ['no date that can be read', 'never', '2026-11-23T12:00:00Z', false],
  ])('%s: %s at %s → %s', (_name, at, now, expected) => {
    expect(fresh({ updatedAt: at }, now)).toBe(expected);
    expect(fresh({ verifiedAt: at }, now)).toBe(expected);
  });

  it('needs only one of the two dates, and none is too old', () => {
    const now = '2026-11-23T12:00:00Z';
    expect(fresh({ updatedAt: '2020-01-01', verifiedAt: '2026-01-01' }, now)).toBe(true);
    expect(fresh({ updatedAt: '2026-01-01', verifiedAt: '2020-01-01' }, now)).toBe(true);
    expect(fresh({}, now)).toBe(false);
  });
});

describe('an address that a notice can be sent to', () => {
  it.each([
    ['email', 'kari@example.no', true],
    ['email', 'kari.o+x@post.example.no', true],
    ['email', 'a@b', false],
    ['email', 'æ@b.no', false],
    ['email', 'kari@exa mple.no', false],
    ['email', 'kari@example.no\nBcc: x@y.no', false],
    ['email', '', false],
    ['mobile', '+4791234567', true],
    ['mobile', '91 23 45 67', true],
    ['mobile', '1234567', false],
    ['mobile', '+47912345671234567890', false],
    ['mobile', 'ring meg', false],
  ] as const)('%s %j: %s', (channel, address, usable) => {
    expect(NOTICE_ADDRESS[channel].test(address)).toBe(usable);
  });
});
