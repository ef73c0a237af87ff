import { withCheckDigits } from './national-id.js';
import { DIGIPOST, EBOKS, type Person } from './person.js';

/**
 * Any number of synthetic people, without a table: a person is a slot (birth date × group of three individual numbers), and everything about them
 * follows from seed and slot. Of every twenty consecutive indexes thirteen have a mailbox (Digipost and e-Boks in turn), seven get paper.
 */
const YEARS = 60;
const FIRST_YEAR = 40;
const DAYS = 365;
/** Three individual numbers that differ in their last digit only: three of each ten, 000–498. */
const GROUPS = 150;
const SLOTS = YEARS * DAYS * GROUPS;
/** Coprime with SLOTS, so that every index has a slot of its own, and 1 modulo 20, so that neighbours differ in date but keep the shares exact. */
const STRIDE = 1_234_561;
const KINDS = 20;
const MAILBOXES = 13;
const MONTHS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** How many different people there are. */
export const GENERATED_PEOPLE = SLOTS;

export function personFor(seed: number, index: number): Person {
  if (!Number.isInteger(index) || index < 0 || index >= SLOTS) throw new RangeError(`index 0…${SLOTS - 1}`);
  return personOf(seed, (index * STRIDE + (Math.abs(seed) % SLOTS)) % SLOTS);
}

/** The person with this id, or undefined when it is no id of a generated person. */
export function generatedById(seed: number, nationalId: string): Person | undefined {
  const slot = slotOf(nationalId);
  if (slot === undefined) return undefined;
  const person = personOf(seed, slot);
  return person.nationalId === nationalId ? person : undefined;
}

export function generatedByMailbox(seed: number, address: string): Person | undefined {
  const suffix = /#G([0-9A-Z]{1,6})$/.exec(address)?.[1];
  const slot = suffix === undefined ? Number.NaN : Number.parseInt(suffix, 36);
  if (!(slot >= 0 && slot < SLOTS)) return undefined;
  const person = personOf(seed, slot);
  return person.contact.mailbox?.address === address ? person : undefined;
}

function slotOf(nationalId: string): number | undefined {
  const day = Number(nationalId.slice(0, 2));
  const month = Number(nationalId.slice(2, 4)) - 80;
  const year = Number(nationalId.slice(4, 6)) - FIRST_YEAR;
  const individual = Number(nationalId.slice(6, 9));
  const length = MONTHS[month - 1];
  if (length === undefined || day < 1 || day > length || year < 0 || year >= YEARS) return undefined;
  if (individual >= (GROUPS / 3) * 10 || individual % 10 === 9) return undefined;
  const group = Math.floor(individual / 10) * 3 + Math.floor((individual % 10) / 3);
  const dayOfYear = MONTHS.slice(0, month - 1).reduce((sum, days) => sum + days, 0) + day - 1;
  return (group * YEARS + year) * DAYS + dayOfYear;
}

function nationalIdOf(slot: number): string {
  let day = slot % DAYS;
  const year = (Math.floor(slot / DAYS) % YEARS) + FIRST_YEAR;
  const group = Math.floor(slot / DAYS / YEARS);
  let month = 0;
  while (day >= (MONTHS[month] as number)) day -= MONTHS[month++] as number;
  const date = `${two(day + 1)}${two(month + 81)}${two(year)}`;
  for (let last = 0; last < 3; last++) {
    const id = withCheckDigits(
      `${date}${String(Math.floor(group / 3) * 10 + (group % 3) * 3 + last).padStart(3, '0')}`,
    );
    // of three numbers that differ in one digit at most two lack a check digit: each of the two excludes one remainder of eleven
    if (id !== undefined) return id;
  }
  throw new Error('unreachable: three individual numbers without check digits');
}

function personOf(seed: number, slot: number): Person {
  const kind = (((slot - Math.abs(seed)) % KINDS) + KINDS) % KINDS;
  const hash = mix(seed, slot);
  const firstName = pick(FIRST_NAMES, hash);
  const lastName = pick(LAST_NAMES, hash >>> 8);
  const suffix = slot.toString(36).toUpperCase();
  const [postalCode, city] = pick(TOWNS, hash >>> 16);
  const provider = kind >= MAILBOXES ? undefined : (kind + (hash & 1)) % 2 === 0 ? DIGIPOST : EBOKS;
  const inRegister = provider !== undefined || kind % 2 === 0;
  const ageDays = 10 + (hash % 30) * 10;
  return {
    nationalId: nationalIdOf(slot),
    firstName,
    lastName,
    contact: {
      status: inRegister ? 'AKTIV' : 'IKKE_REGISTRERT',
      reserved: false,
      certificate: provider !== undefined,
      language: pick(['nb', 'nb', 'nb', 'nb', 'nn', 'en'] as const, hash >>> 4),
      ...(inRegister
        ? {
            email: { value: `${suffix.toLowerCase()}@epost.example`, ageDays },
            mobile: { value: `+479${String(slot).padStart(7, '0')}`, ageDays },
          }
        : {}),
      ...(provider === undefined
        ? {}
        : {
            mailbox: {
              provider,
              address: `${firstName}.${lastName}#G${suffix}`.toLowerCase().replace(/#g.*/, `#G${suffix}`),
            },
          }),
    },
    population: {
      status: 'bosatt',
      address: { lines: [`${pick(STREETS, hash >>> 12)} ${1 + (hash % 97)}`], postalCode, city },
    },
    behaviour: { opens: hash % 5 === 0 },
  };
}

const two = (value: number): string => String(value).padStart(2, '0');
const pick = <T>(list: readonly T[], hash: number): T => list[(hash >>> 0) % list.length] as T;

/** Murmur3's finaliser: spreads neighbouring slots over the whole range. */
function mix(seed: number, slot: number): number {
  let hash = Math.imul(slot ^ Math.imul(seed, 0x9e3779b1), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

const FIRST_NAMES = [
  'Anna',
  'Bjarte',
  'Cecilie',
  'Dag',
  'Eline',
  'Frode',
  'Gunn',
  'Håkon',
  'Ingrid',
  'Jostein',
  'Kåre',
  'Liv',
  'Magnus',
  'Nora',
  'Odd',
  'Pernille',
  'Ragnhild',
  'Sindre',
  'Tuva',
  'Øystein',
];
const LAST_NAMES = [
  'Almås',
  'Bakke',
  'Dahle',
  'Eikeland',
  'Fjell',
  'Granli',
  'Haugen',
  'Iversen',
  'Kvam',
  'Lunde',
  'Moen',
  'Nygård',
  'Opsahl',
  'Rønning',
  'Solberg',
  'Tangen',
  'Ulvestad',
  'Vik',
  'Ødegård',
  'Ås',
];
const STREETS = [
  'Storgata',
  'Kirkeveien',
  'Skolegata',
  'Fjordvegen',
  'Bjørkealleen',
  'Lyngstien',
  'Havnegata',
  'Elvebakken',
  'Granlia',
  'Åsveien',
];
const TOWNS = [
  ['0173', 'Oslo'],
  ['1470', 'Lørenskog'],
  ['2317', 'Hamar'],
  ['3015', 'Drammen'],
  ['4006', 'Stavanger'],
  ['5014', 'Bergen'],
  ['6003', 'Ålesund'],
  ['7011', 'Trondheim'],
  ['8006', 'Bodø'],
  ['9008', 'Tromsø'],
] as const;
