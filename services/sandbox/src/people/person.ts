/** What the simulated registers know of a person, and how that person's mailbox or paper letter behaves. */
export interface Person {
  /** Synthetic (month + 80), valid check digits. */
  readonly nationalId: string;
  readonly firstName: string;
  readonly lastName: string;
  /** The contact and reservation register (KRR). */
  readonly contact: ContactEntry;
  /** The population register (Folkeregisteret). */
  readonly population: PopulationEntry;
  readonly behaviour: Behaviour;
}

export interface ContactEntry {
  readonly status: 'AKTIV' | 'SLETTET' | 'IKKE_REGISTRERT';
  readonly reserved: boolean;
  readonly email?: DatedContact;
  readonly mobile?: DatedContact;
  readonly mailbox?: { readonly provider: string; readonly address: string };
  /** False: the register has the mailbox but no certificate to seal for. */
  readonly certificate: boolean;
  readonly language: 'nb' | 'nn' | 'en' | 'se';
}

export interface DatedContact {
  readonly value: string;
  /** Days since the citizen last confirmed it. Over 18 months it may not carry a notice (eForvaltningsforskriften §32). */
  readonly ageDays: number;
}

export interface PopulationEntry {
  readonly status: 'bosatt' | 'utflyttet' | 'doed';
  readonly protection?: 'fortrolig' | 'strengtFortrolig';
  readonly address?: PersonAddress;
}

export interface PersonAddress {
  readonly lines: readonly string[];
  readonly postalCode?: string;
  readonly city?: string;
  /** ISO 3166-1 alpha-2; absent for Norway. */
  readonly countryCode?: string;
}

export interface Behaviour {
  /** Opens the letter; the mailbox says so when an opening receipt was ordered. */
  readonly opens?: boolean;
  /** The mailbox cannot deliver the notices ordered with the letter. */
  readonly noticeFails?: boolean;
  /** The provider answers with an error instead of delivering. */
  readonly rejects?: 'KLIENT' | 'SERVER';
  /** The paper letter comes back. */
  readonly returned?: boolean;
}

export const DIGIPOST = '984661185';
export const EBOKS = '922020175';
export const PRINT_SHOP = '974761076';
