import { DIGIPOST, EBOKS, type Behaviour, type ContactEntry, type Person, type PopulationEntry } from './person.js';

/** Scripted recipients: one per case, with fixed ids, so that a test or a demo can say beforehand how a letter to them ends. */
export interface ScriptedPerson extends Person {
  readonly case: string;
  /** In words, for README and start-up message; the tests compare the README with it. */
  readonly story: string;
}

const FRESH = 60;
const OUTDATED = 30 * 31;

interface Script {
  readonly story: string;
  readonly name: readonly [first: string, last: string];
  readonly mailbox?: string;
  readonly contact?: Partial<ContactEntry>;
  readonly emailAge?: number;
  readonly mobileAge?: number;
  readonly population?: PopulationEntry;
  readonly behaviour?: Behaviour;
}

const NONE = { email: undefined, mobile: undefined } as const;

/** Order is part of the contract: the n-th case has the n-th id. New cases are added at the end. */
const SCRIPTS: readonly (readonly [nationalId: string, name: string, script: Script])[] = [
  [
    '01810050019',
    'digipost',
    { story: 'Digital mailbox at Digipost. Delivered.', name: ['Dina', 'Digipost'], mailbox: DIGIPOST },
  ],
  ['02820050048', 'eboks', { story: 'Digital mailbox at e-Boks. Delivered.', name: ['Ebbe', 'Boks'], mailbox: EBOKS }],
  [
    '03830050077',
    'opens',
    {
      story: 'Mailbox at Digipost; opens the letter (opening receipt when ordered).',
      name: ['Åse', 'Åpner'],
      mailbox: DIGIPOST,
      behaviour: { opens: true },
    },
  ],
  [
    '04840050187',
    'reserved',
    {
      story: 'Has a mailbox and is reserved: paper for letters with legal effect, mailbox for information.',
      name: ['Reidar', 'Reservert'],
      mailbox: DIGIPOST,
      contact: { reserved: true },
    },
  ],
  [
    '05850050025',
    'no-mailbox',
    { story: 'In the contact register, without a mailbox. Print.', name: ['Unni', 'Utanpost'] },
  ],
  [
    '06860050054',
    'not-registered',
    {
      story: 'Not in the contact register. Print.',
      name: ['Ivar', 'Ikkje'],
      contact: { status: 'IKKE_REGISTRERT', ...NONE },
    },
  ],
  [
    '07870050083',
    'deleted',
    {
      story: 'Deleted from the contact register. Print.',
      name: ['Sletta', 'Slettvoll'],
      contact: { status: 'SLETTET', ...NONE },
    },
  ],
  [
    '08880050002',
    'contact-outdated',
    {
      story:
        'Has a mailbox, but nothing confirmed for 18 months: the register leaves contact, mailbox and certificate out. Print.',
      name: ['Ute', 'Utgått'],
      mailbox: EBOKS,
      emailAge: OUTDATED,
      mobileAge: OUTDATED,
    },
  ],
  [
    '09890050031',
    'email-outdated',
    {
      story: 'E-mail outdated, mobile fresh: mailbox, notice by SMS only.',
      name: ['Siv', 'Sms'],
      mailbox: DIGIPOST,
      emailAge: OUTDATED,
    },
  ],
  [
    '10900050009',
    'protected-with-mailbox',
    {
      story: 'Protected address, has a mailbox. Delivered.',
      name: ['Skjalg', 'Skjult'],
      mailbox: EBOKS,
      population: { status: 'bosatt', protection: 'strengtFortrolig' },
    },
  ],
  [
    '11910050038',
    'protected',
    {
      story: 'Protected address, no mailbox. Refused, and looks like an unknown address.',
      name: ['Dulda', 'Dølgsmål'],
      population: { status: 'bosatt', protection: 'fortrolig' },
    },
  ],
  [
    '12920050067',
    'unknown-address',
    {
      story: 'No mailbox and no known address. Refused.',
      name: ['Ukjent', 'Utvandrar'],
      contact: { status: 'IKKE_REGISTRERT', ...NONE },
      population: { status: 'utflyttet' },
    },
  ],
  [
    '13810050068',
    'dead',
    {
      story: 'Dead. Refused.',
      name: ['Dagfinn', 'Død'],
      contact: { status: 'SLETTET', ...NONE },
      population: { status: 'doed' },
    },
  ],
  [
    '14820050097',
    'notice-fails',
    {
      story: 'Delivered, but the notice ordered with the letter fails (one receipt per channel).',
      name: ['Vera', 'Varsellaus'],
      mailbox: DIGIPOST,
      behaviour: { noticeFails: true },
    },
  ],
  [
    '15830050016',
    'rejected',
    {
      story: 'The mailbox provider answers feil KLIENT.',
      name: ['Avis', 'Avvist'],
      mailbox: EBOKS,
      behaviour: { rejects: 'KLIENT' },
    },
  ],
  [
    '16840050045',
    'provider-broken',
    {
      story: 'The mailbox provider answers feil SERVER.',
      name: ['Fredrik', 'Feilmelding'],
      mailbox: DIGIPOST,
      behaviour: { rejects: 'SERVER' },
    },
  ],
  [
    '17850050074',
    'returned',
    {
      story: 'Print; the letter comes back (returpostkvittering when MAKULERING_MED_MELDING was ordered).',
      name: ['Retur', 'Returvik'],
      contact: { status: 'IKKE_REGISTRERT', ...NONE },
      behaviour: { returned: true },
    },
  ],
  [
    '18860050184',
    'abroad',
    {
      story: 'Print to an address abroad.',
      name: ['Ulla', 'Utenlands'],
      contact: { status: 'IKKE_REGISTRERT', ...NONE },
      population: {
        status: 'utflyttet',
        address: { lines: ['Drottninggatan 12 B'], postalCode: '111 51', city: 'Stockholm', countryCode: 'SE' },
      },
    },
  ],
  [
    '19870050022',
    'no-certificate',
    {
      story: 'Has a mailbox, but the register gives no certificate. Print.',
      name: ['Sertine', 'Sertifikatlaus'],
      mailbox: DIGIPOST,
      contact: { certificate: false },
    },
  ],
  [
    '20880050061',
    'unknown-provider',
    {
      story: 'Has a mailbox at a provider that nobody knows. Print.',
      name: ['Framand', 'Fremmed'],
      mailbox: '312100304',
    },
  ],
  [
    '21890050090',
    'print-refused',
    {
      story: 'Print; the print shop answers feil KLIENT.',
      name: ['Trykk', 'Feilsen'],
      contact: { status: 'IKKE_REGISTRERT', ...NONE },
      behaviour: { rejects: 'KLIENT' },
    },
  ],
  [
    '22900050058',
    'only-email',
    {
      story: 'Mailbox at e-Boks, e-mail but no mobile, language nn.',
      name: ['Epost', 'Aleine'],
      mailbox: EBOKS,
      contact: { mobile: undefined, language: 'nn' },
    },
  ],
  [
    '23910050087',
    'sami',
    {
      story: 'Mailbox at Digipost, language se (Northern Sami).',
      name: ['Máret', 'Sámegiella'],
      mailbox: DIGIPOST,
      contact: { language: 'se' },
    },
  ],
];

export const SCRIPTED: readonly ScriptedPerson[] = SCRIPTS.map(([nationalId, name, script], index) =>
  person(nationalId, name, script, index + 1),
);

const BY_CASE = new Map(SCRIPTED.map((someone) => [someone.case, someone]));

/** Throws on an unknown case: a test that names none must not pass by accident. */
export function scripted(name: string): ScriptedPerson {
  const found = BY_CASE.get(name);
  if (found === undefined) throw new Error(`no scripted recipient for the case ${name}`);
  return found;
}

function person(nationalId: string, name: string, script: Script, number: number): ScriptedPerson {
  const [firstName, lastName] = script.name;
  const suffix = `S${String(number).padStart(3, '0')}`;
  return {
    nationalId,
    firstName,
    lastName,
    case: name,
    story: script.story,
    contact: {
      status: 'AKTIV',
      reserved: false,
      certificate: true,
      language: 'nb',
      email: { value: `${name}@epost.example`, ageDays: script.emailAge ?? FRESH },
      mobile: { value: `+479000${String(number).padStart(4, '0')}`, ageDays: script.mobileAge ?? FRESH },
      ...(script.mailbox === undefined ? {} : { mailbox: { provider: script.mailbox, address: `${name}#${suffix}` } }),
      ...script.contact,
    },
    population: script.population ?? {
      status: 'bosatt',
      address: { lines: [`Prøveveien ${number}`], postalCode: '0173', city: 'Oslo' },
    },
    behaviour: script.behaviour ?? {},
  };
}
