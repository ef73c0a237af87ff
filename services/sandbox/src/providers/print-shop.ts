import type { OpenedPackage } from '@postgang/document-package';
import type { AcceptedLetter } from '../access-point/letter.js';
import type { Person } from '../people/person.js';
import { error } from './mailbox.js';
import type { PlannedReceipt } from './receipts.js';

/** The print shop (corner 4): what it answers to a letter. Pure. `person` is a scripted recipient at that address, if any. */
export function printReceipts(
  letter: AcceptedLetter,
  opened: OpenedPackage | undefined,
  person: Person | undefined,
): readonly PlannedReceipt[] {
  if (opened?.documents.some((document) => document.mediaType !== 'application/pdf'))
    return [error('KLIENT', 'Bare PDF kan skrives ut')];
  if (person?.behaviour.rejects !== undefined) return [error(person.behaviour.rejects, 'Avvist av utskriftstjenesten')];
  const shredded = letter.body.retur?.returposthaandtering === 'MAKULERING_MED_MELDING';
  return [
    { kind: 'mottakskvittering', step: 1 },
    { kind: 'leveringskvittering', step: 2 },
    // with DIREKTE_RETUR the letter itself goes back to the sender, and nobody is told
    ...(person?.behaviour.returned === true && shredded ? [{ kind: 'returpostkvittering', step: 3 } as const] : []),
  ];
}
