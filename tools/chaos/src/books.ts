import { conversationIdOf } from '@postgang/pipeline';
import { verifyHistory } from '@postgang/receipts';
import { isEnd, type LetterStatus } from '@postgang/rules';
import type { HandedIn } from './hand-in.js';

/** What Postgang says of a letter: the published views of receipts. */
export interface Booked {
  readonly status: LetterStatus;
  readonly seq: number;
  readonly reason: string | null;
  readonly headHash: Buffer;
  readonly history: readonly HistoryLine[];
  /** The open expectation, if there is one. */
  readonly waitsFor: { readonly awaits: string; readonly owedBy: string; readonly dueAt: Date } | undefined;
}

export interface HistoryLine {
  readonly seq: number;
  readonly at: Date;
  readonly kind: string;
  readonly leg: number | null;
  readonly eventId: string;
  readonly data: Buffer;
  readonly hash: Buffer;
}

/** What those outside say of a letter's first leg. */
export interface Outside {
  readonly messages: number;
  /** Kinds of receipts that a fault has lost: they cannot have come. */
  readonly lostReceipts: readonly string[];
}

/** What was last told of a letter on a topic. */
export interface Told {
  readonly seq: number;
  readonly status: string;
}

export type DifferenceKind =
  /** Accepted, and unknown afterwards; or the provider never got it. */
  | 'lost'
  /** The provider got it twice, or got what had to be refused. */
  | 'doubled'
  /** Neither ended nor waiting for somebody outside. */
  | 'stuck'
  | 'wrong-end'
  | 'history-incomplete'
  | 'history-broken'
  /** A topic says otherwise, or nothing. */
  | 'not-told'
  | 'refused-at-the-door'
  | 'dead-letter'
  | 'counters';

export interface Difference {
  readonly what: DifferenceKind;
  readonly letterId: string | undefined;
  readonly reference: string | undefined;
  readonly detail: string;
}

/** A letter that has not ended, and says itself whom it waits for. */
export interface Waiting {
  readonly letterId: string;
  readonly status: string;
  readonly awaits: string;
  readonly owedBy: string;
  readonly dueAt: string;
}

const CARRIED = ['accepted', 'routed', 'sealed', 'handed-over'];
const STEPS: Partial<Record<LetterStatus, readonly string[]>> = {
  DELIVERED: [...CARRIED, 'leveringskvittering'],
  OPENED: [...CARRIED, 'leveringskvittering', 'aapningskvittering'],
  POSTED: [...CARRIED, 'mottakskvittering', 'leveringskvittering'],
  RETURNED: [...CARRIED, 'returpostkvittering'],
  FAILED: [...CARRIED, 'feil'],
  REFUSED: ['accepted', 'refused'],
};

export const mustBeCarried = ({ part }: HandedIn): boolean => part.end !== 'REFUSED';
export const legOf = ({ letterId }: HandedIn): string => conversationIdOf(letterId, 1);

/** One letter, seen from all sides. Nothing is found where all of them agree, with what its recipient must make of it and with each other. */
export function balance(
  letter: HandedIn,
  booked: Booked | undefined,
  outside: Outside,
  told: readonly (Told | undefined)[],
): { readonly differences: readonly Difference[]; readonly waiting: Waiting | undefined } {
  const { letterId, reference, part } = letter;
  const differences: Difference[] = [];
  const differ = (what: DifferenceKind, detail: string): void =>
    void differences.push({ what, letterId, reference, detail: `${part.case}: ${detail}` });

  const carried = mustBeCarried(letter) ? 1 : 0;
  if (outside.messages > carried) differ('doubled', `handed over ${outside.messages} times instead of ${carried}`);
  if (booked === undefined) {
    differ('lost', 'accepted, and nobody knows it');
    return { differences, waiting: undefined };
  }
  const known = booked.history.map(({ kind }) => kind);
  const seen = known.join(', ');
  const { status, seq, waitsFor } = booked;
  if (isEnd(status) && outside.messages < carried) differ('lost', `${status}, and the provider never got it (${seen})`);

  let waiting: Waiting | undefined;
  if (status !== part.end) {
    const excused = outside.lostReceipts.length > 0;
    if (!isEnd(status) && excused && waitsFor !== undefined && waitsFor.owedBy !== 'postgang')
      waiting = { letterId, status, ...waitsFor, dueAt: waitsFor.dueAt.toISOString() };
    else if (!isEnd(status)) differ('stuck', `${status} instead of ${part.end} (${seen})`);
    else if (!excused) differ('wrong-end', `${status} ${booked.reason ?? ''} instead of ${part.end} (${seen})`);
  } else if (part.reason !== undefined && booked.reason !== part.reason)
    differ('wrong-end', `${status} for ${booked.reason} instead of ${part.reason}`);

  const missing = (STEPS[part.end] ?? []).filter(
    (step) => !known.includes(step) && !outside.lostReceipts.includes(step),
  );
  if (isEnd(status) && missing.length > 0) differ('history-incomplete', `without ${missing.join(', ')}`);
  const broken = verifyHistory(
    letterId,
    booked.history.map((line) => ({ ...line, letterId })),
    booked.headHash,
  );
  if (broken !== undefined) differ('history-broken', `at ${broken}`);
  for (const last of told)
    if (last === undefined || last.status !== status || last.seq > seq)
      differ(
        'not-told',
        `${status} (${seq}), and ${last === undefined ? 'nothing' : `${last.status} (${last.seq})`} was told`,
      );
  return { differences, waiting };
}

/** The sandbox's own counters against what had to be carried. */
export function balanceCounters(
  letters: readonly HandedIn[],
  counts: { readonly accepted: number; readonly distinctMessageIds: number; readonly distinctConversations: number },
  strangers: number,
): readonly Difference[] {
  const carried = letters.filter(mustBeCarried).length;
  const differ = (detail: string): Difference => ({
    what: 'counters',
    letterId: undefined,
    reference: undefined,
    detail,
  });
  return [
    ...Object.entries(counts)
      .filter(([, count]) => count !== carried)
      .map(([name, count]) => differ(`${name} is ${count}, and ${carried} letters had to be carried`)),
    ...(strangers === 0 ? [] : [differ(`${strangers} conversations belong to no letter that was handed in`)]),
  ];
}

/** Mails cannot be asked for, so what is uncertain is never sent again: between those that were surely sent and those that may have been. */
export function balanceMails(
  mails: { readonly accepted: number; readonly distinctMessageIds: number },
  notified: { readonly sent: number; readonly uncertain: number },
): readonly Difference[] {
  const differ = (what: DifferenceKind, detail: string): Difference => ({
    what,
    letterId: undefined,
    reference: undefined,
    detail,
  });
  const found: Difference[] = [];
  if (mails.accepted !== mails.distinctMessageIds)
    found.push(differ('doubled', `${mails.accepted} mails, of which ${mails.distinctMessageIds} are different`));
  const { sent, uncertain } = notified;
  if (mails.distinctMessageIds < sent || mails.distinctMessageIds > sent + uncertain)
    found.push(
      differ('counters', `${mails.distinctMessageIds} mails, and ${sent} told as sent, ${uncertain} as uncertain`),
    );
  return found;
}
