import { describe, expect, it } from '@jest/globals';
import {
  chooseChannel,
  decidePaper,
  LEGAL_KINDS,
  type AddressAnswer,
  type LegalKind,
  type RegisterEntry,
} from './index.js';

const NOW = new Date('2026-11-23T12:00:00Z');
const FRESH = new Date('2026-01-01T00:00:00Z');
const STALE = new Date('2025-05-22T12:00:00Z');
const ADDRESS = { name: 'Test', lines: ['Vei 1'], postalCode: '0001', city: 'Oslo' };
const ANSWERS: AddressAnswer[] = [
  { kind: 'known', address: ADDRESS },
  { kind: 'unknown' },
  { kind: 'protected' },
  { kind: 'deceased' },
];
const BOTH = [true, false];

interface Case {
  kind: LegalKind;
  reserved: boolean;
  status: RegisterEntry['status'];
  mayNotify: boolean;
  mailbox: boolean;
  certificate: boolean;
  email: Age;
  mobile: Age;
}

/** How a contact point stands with the 18 months of §32. */
type Age = 'updated' | 'verified' | 'stale' | 'absent';
const AGES: readonly Age[] = ['updated', 'verified', 'stale', 'absent'];
const isFresh = (age: Age): boolean => age === 'updated' || age === 'verified';

function* everyCase(): Generator<Case> {
  for (const kind of LEGAL_KINDS)
    for (const reserved of BOTH)
      for (const status of ['AKTIV', 'SLETTET', 'IKKE_REGISTRERT'] as const)
        for (const mayNotify of BOTH)
          for (const mailbox of BOTH)
            for (const certificate of BOTH)
              for (const email of AGES)
                for (const mobile of AGES)
                  yield { kind, reserved, status, mayNotify, mailbox, certificate, email, mobile };
}

function point(name: 'email' | 'mobile', value: string, age: Age): Partial<RegisterEntry> {
  if (age === 'absent') return {};
  const dates = {
    updated: { updatedAt: FRESH, verifiedAt: STALE },
    verified: { updatedAt: STALE, verifiedAt: FRESH },
    stale: { updatedAt: STALE, verifiedAt: STALE },
  };
  return { [name]: { value, ...dates[age] } };
}

const entryOf = (c: Case): RegisterEntry => ({
  reserved: c.reserved,
  status: c.status,
  canBeNotified: c.mayNotify,
  ...point('email', 'a@example.com', c.email),
  ...point('mobile', '+4799999999', c.mobile),
  ...(c.mailbox ? { mailbox: { address: 'box#1', providerOrganisation: '984661185' } } : {}),
  ...(c.certificate ? { certificate: new Uint8Array([1]) } : {}),
});

/** The law in one predicate, written without looking at the function's order of questions. */
function goesToMailbox(c: Case): boolean {
  const reachable = c.status === 'AKTIV' && c.mailbox && c.certificate;
  const allowed = c.kind === 'information' || (!c.reserved && c.mayNotify && (isFresh(c.email) || isFresh(c.mobile)));
  return reachable && allowed;
}

describe('routing, every combination', () => {
  const cases = [...everyCase()];

  it(`sends exactly those of ${cases.length} register answers to the mailbox that the law allows`, () => {
    for (const c of cases)
      expect({ c, digital: 'digital' in chooseChannel(c.kind, entryOf(c), NOW) }).toEqual({
        c,
        digital: goesToMailbox(c),
      });
  });

  it('never gives an outdated contact point to a notice with legal effect', () => {
    for (const c of cases) {
      const choice = chooseChannel(c.kind, entryOf(c), NOW);
      if (!('digital' in choice) || c.kind === 'information') continue;
      expect(choice.digital.noticeEmail !== undefined).toBe(isFresh(c.email));
      expect(choice.digital.noticeMobile !== undefined).toBe(isFresh(c.mobile));
    }
  });

  it('gives every contact point there is to a message without legal effect', () => {
    for (const c of cases) {
      const choice = chooseChannel(c.kind, entryOf(c), NOW);
      if (!('digital' in choice) || c.kind !== 'information') continue;
      expect(choice.digital.noticeEmail !== undefined).toBe(c.email !== 'absent');
      expect(choice.digital.noticeMobile !== undefined).toBe(c.mobile !== 'absent');
    }
  });

  it('asks for the postal address only when the letter must go on paper, and ends each answer in its own way', () => {
    for (const c of cases) {
      const choice = chooseChannel(c.kind, entryOf(c), NOW);
      if ('digital' in choice) continue;
      const ends = ANSWERS.map((answer) => {
        const decision = decidePaper({ kind: c.kind, hasPrintOptions: true, onlyPdf: true }, choice.paper, answer);
        return 'refuse' in decision ? decision.refuse : decision.channel;
      });
      expect(ends).toEqual(['print', 'no-postal-address', 'no-postal-address', 'deceased']);
    }
  });

  it('makes a protected address indistinguishable from an unknown one', () => {
    const letter = { kind: 'enkeltvedtak' as const, hasPrintOptions: true, onlyPdf: true };
    expect(decidePaper(letter, 'no-mailbox', { kind: 'protected' })).toEqual(
      decidePaper(letter, 'no-mailbox', { kind: 'unknown' }),
    );
  });
});

describe('routing, by rule', () => {
  const active: Case = {
    kind: 'enkeltvedtak',
    reserved: false,
    status: 'AKTIV',
    mayNotify: true,
    mailbox: true,
    certificate: true,
    email: 'updated',
    mobile: 'verified',
  };

  it.each<[string, Partial<Case>, string]>([
    ['§9: reserved', { reserved: true }, 'reserved'],
    ['KRR says the person may not be notified', { mayNotify: false }, 'may-not-be-notified'],
    ['§32: both contact points older than 18 months', { email: 'stale', mobile: 'stale' }, 'contact-outdated'],
    ['§32: no contact point at all', { email: 'absent', mobile: 'absent' }, 'contact-outdated'],
    ['no mailbox', { mailbox: false }, 'no-mailbox'],
    ['no certificate', { certificate: false }, 'mailbox-without-certificate'],
    ['deleted from the register', { status: 'SLETTET' }, 'not-registered'],
    [
      'filtering trap: active, not reserved, may not be notified, mailbox filtered away',
      { mayNotify: false, mailbox: false },
      'may-not-be-notified',
    ],
  ])('%s → paper', (_name, change, rule) => {
    expect(chooseChannel('enkeltvedtak', entryOf({ ...active, ...change }), NOW)).toEqual({ paper: rule });
  });

  it('lets a reservation not reroute information', () => {
    expect(chooseChannel('information', entryOf({ ...active, reserved: true }), NOW)).toMatchObject({
      digital: { provider: 'digipost', rule: 'mailbox-reservation-does-not-apply' },
    });
  });

  it('does not send to a mailbox provider it does not know', () => {
    for (const providerOrganisation of ['123456785', '', 'constructor', '__proto__']) {
      const entry = { ...entryOf(active), mailbox: { address: 'x', providerOrganisation } };
      expect(chooseChannel('information', entry, NOW)).toEqual({ paper: 'mailbox-provider-unknown' });
    }
  });

  it('refuses paper for a letter without print options or with anything but PDF', () => {
    const known = ANSWERS[0] as AddressAnswer;
    expect(
      decidePaper({ kind: 'information', hasPrintOptions: false, onlyPdf: true }, 'no-mailbox', known),
    ).toMatchObject({ refuse: 'print-not-ordered' });
    expect(
      decidePaper({ kind: 'information', hasPrintOptions: true, onlyPdf: false }, 'no-mailbox', known),
    ).toMatchObject({ refuse: 'print-needs-pdf' });
  });
});
