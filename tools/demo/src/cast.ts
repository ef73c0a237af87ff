import { SCRIPTED } from '@postgang/sandbox';
import type { LegalKind, LetterStatus } from '@postgang/rules';

/** Who gets a letter in the demo, and how it must end. */
export interface Part {
  readonly case: string;
  readonly kind: LegalKind;
  readonly end: LetterStatus;
  readonly reason?: string;
  readonly openingReceipt?: boolean;
  readonly serviceMessage?: boolean;
  readonly returnHandling?: 'RETURN' | 'SHRED_WITH_MESSAGE';
  readonly door?: 'kafka';
}

export const CAST: readonly Part[] = [
  { case: 'digipost', kind: 'enkeltvedtak', end: 'DELIVERED' },
  { case: 'eboks', kind: 'forhåndsvarsel', end: 'DELIVERED', door: 'kafka' },
  { case: 'opens', kind: 'enkeltvedtak', end: 'OPENED', openingReceipt: true },
  { case: 'reserved', kind: 'enkeltvedtak', end: 'POSTED' },
  { case: 'reserved', kind: 'information', end: 'DELIVERED', serviceMessage: true },
  { case: 'no-mailbox', kind: 'information', end: 'POSTED' },
  { case: 'contact-outdated', kind: 'enkeltvedtak', end: 'POSTED', door: 'kafka' },
  { case: 'protected', kind: 'rettsstilling', end: 'REFUSED', reason: 'no-postal-address' },
  { case: 'unknown-address', kind: 'enkeltvedtak', end: 'REFUSED', reason: 'no-postal-address' },
  { case: 'protected-with-mailbox', kind: 'særlig-betydning', end: 'DELIVERED' },
  { case: 'dead', kind: 'enkeltvedtak', end: 'REFUSED', reason: 'deceased' },
  { case: 'returned', kind: 'enkeltvedtak', end: 'RETURNED', returnHandling: 'SHRED_WITH_MESSAGE' },
  { case: 'abroad', kind: 'information', end: 'POSTED' },
  { case: 'rejected', kind: 'enkeltvedtak', end: 'FAILED' },
  { case: 'notice-fails', kind: 'enkeltvedtak', end: 'DELIVERED' },
];

export function nationalIdOf(name: string): string {
  const person = SCRIPTED.find((candidate) => candidate.case === name);
  if (person === undefined) throw new Error(`the sandbox has no recipient for ${name}`);
  return person.nationalId;
}
