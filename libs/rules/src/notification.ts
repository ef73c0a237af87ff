import type { LegalKind } from './words.js';

/**
 * A service message (servicemelding) is sent by Postgang only when the sender ordered it with an information letter. Notices with legal effect
 * (eForvaltningsforskriften §8) are given by the mailbox, and Postgang never notifies beside them.
 */
export function serviceMessageAllowed(kind: LegalKind, mailboxNotifies: boolean): boolean {
  return kind === 'information' && !mailboxNotifies;
}

export interface ServiceMessage {
  readonly subject: string;
  readonly text: string;
}

/** Says who wrote and where to read; nothing about the recipient or the matter. */
const TEXTS: Record<'nb' | 'nn' | 'en' | 'se', (sender: string) => ServiceMessage> = {
  nb: (sender) => ({
    subject: 'Du har fått digital post',
    text: `Du har fått et brev fra ${sender} i din digitale postkasse. Logg inn i postkassen for å lese det.\n\nDette er en servicemelding. Den kan ikke besvares.`,
  }),
  nn: (sender) => ({
    subject: 'Du har fått digital post',
    text: `Du har fått eit brev frå ${sender} i den digitale postkassa di. Logg inn i postkassa for å lese det.\n\nDette er ei servicemelding. Ho kan ikkje svarast på.`,
  }),
  en: (sender) => ({
    subject: 'You have received digital mail',
    text: `You have received a letter from ${sender} in your digital mailbox. Log in to your mailbox to read it.\n\nThis is a service message. It cannot be replied to.`,
  }),
  se: (sender) => ({
    subject: 'Don leat ožžon digitála poastta',
    text: `Don leat ožžon reivve ${sender} digitála poastakássii. Loggeje sisa poastakássii lohkat dan.\n\nDát lea bálvalusdieđáhus. Dasa ii sáhte vástidit.`,
  }),
};

/** The recipient's own language first, then the letter's, then bokmål. */
export function serviceMessage(sender: string, languages: readonly (string | undefined)[]): ServiceMessage {
  for (const language of languages) {
    // `in` would find Object's own names, and the register's answer is not ours to trust
    if (language !== undefined && Object.hasOwn(TEXTS, language)) return TEXTS[language as keyof typeof TEXTS](sender);
  }
  return TEXTS.nb(sender);
}
