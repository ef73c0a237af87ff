import type { OpenedPackage } from '@postgang/document-package';
import type { AcceptedLetter } from '../access-point/letter.js';
import type { Person } from '../people/person.js';
import type { PlannedReceipt } from './receipts.js';

/** A digital mailbox (corner 4): what it answers to a letter. Pure. */
export function mailboxReceipts(
  letter: AcceptedLetter,
  opened: OpenedPackage | undefined,
  person: Person | undefined,
): readonly PlannedReceipt[] {
  if (person === undefined || person.contact.mailbox?.provider !== letter.receiver)
    return [error('KLIENT', 'Ukjent postkasseadresse')];
  if (person.behaviour.rejects !== undefined) return [error(person.behaviour.rejects, 'Avvist av postkassen')];
  const titles = (opened?.manifest.attachments ?? []).map((document) => document.title);
  // e-Boks answers SBD:5023 to attachments of the same name
  if (new Set(titles).size !== titles.length) return [error('KLIENT', 'Vedlegg med samme navn')];
  const { aapningskvittering, varsler, virkningstidspunkt } = letter.body;
  const visible = virkningstidspunkt === undefined ? undefined : new Date(virkningstidspunkt);
  return [
    // sent before virkningstidspunkt: the mailbox has taken over the responsibility
    { kind: 'leveringskvittering', step: 1 },
    ...(aapningskvittering === true && person.behaviour.opens === true
      ? [{ kind: 'aapningskvittering', step: 2, ...(visible === undefined ? {} : { notBefore: visible }) } as const]
      : []),
    ...(person.behaviour.noticeFails === true
      ? [
          ...(varsler?.epostvarsel === undefined ? [] : [noticeFailed('epost')]),
          ...(varsler?.smsvarsel === undefined ? [] : [noticeFailed('sms')]),
        ]
      : []),
  ];
}

const noticeFailed = (channel: 'epost' | 'sms'): PlannedReceipt => ({
  kind: 'varslingfeiletkvittering',
  extra: { varslingskanal: channel, beskrivelse: 'Varselet kunne ikke leveres' },
  step: 2,
});

export const error = (type: 'KLIENT' | 'SERVER', details: string): PlannedReceipt => ({
  kind: 'feil',
  extra: { feiltype: type, detaljer: details },
  step: 1,
});
