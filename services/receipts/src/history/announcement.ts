import { decode, uuidv5 } from '@postgang/pipeline';
import { draft, type Draft } from '@postgang/runtime';
import type { LetterStatus } from '@postgang/rules';
import type { LegChannel, LetterRow } from '../legs/letter.js';
import type { HistoryEntry } from './chain.js';

/** The status as it was after an entry; kept in the entry, so that a redelivered record publishes exactly what was said before. */
export interface Announcement {
  readonly status: LetterStatus;
  readonly leg: number | null;
  readonly channel: LegChannel | null;
  readonly provider: string | null;
  readonly reason: string | null;
  readonly detail: string | null;
}

export interface EntryData {
  /** The fact was overtaken or is a repeat: recorded, without effect. */
  readonly stale?: true;
  readonly announce?: Announcement;
  /** A service message became due with this entry. */
  readonly notify?: true;
  readonly particulars?: Readonly<Record<string, string | number | boolean>>;
}

const said = new WeakMap<HistoryEntry, EntryData>();

/** What was just written need not be parsed to be published. */
export const remember = (entry: HistoryEntry, data: EntryData): void => void said.set(entry, data);

const WIRE_CHANNEL = { digital: 'DIGITAL_MAILBOX', print: 'PRINT' } as const;

/** What a history entry says to others. Ids follow from the row: published twice, it is the same event. */
export function draftsOf(letter: LetterRow, entry: HistoryEntry): Draft[] {
  const data = said.get(entry) ?? (JSON.parse(entry.data.toString('utf8')) as EntryData);
  const drafts: Draft[] = [];
  // nobody can be told as long as the agency is not known; the entry that brings it announces the status
  if (data.announce !== undefined && letter.sender !== null && letter.reference !== null)
    drafts.push(statusDraft(letter.id, letter.sender, letter.reference, entry, data.announce));
  if (data.notify === true && letter.notify !== null) drafts.push(notifyDraft(letter, letter.notify, entry));
  return drafts;
}

function statusDraft(
  letterId: string,
  sender: string,
  reference: string,
  entry: HistoryEntry,
  said: Announcement,
): Draft {
  const event = {
    about: 'LETTER' as const,
    letterId,
    sender,
    reference,
    seq: entry.seq,
    status: said.status,
    leg: said.leg,
    channel: said.channel === null ? null : WIRE_CHANNEL[said.channel],
    provider: said.provider,
    reason: said.reason,
    detail: said.detail,
    pointer: null,
    at: entry.at.getTime(),
  };
  return draft('letter.status.v1', letterId, event, { id: uuidv5(letterId, `status/${entry.seq}`) });
}

function notifyDraft(letter: LetterRow, stored: Buffer, entry: HistoryEntry): Draft {
  const leg = letter.notifyLeg ?? 1;
  const event = { ...decode('letter.notify.v1', stored), leg, orderedAt: entry.at.getTime() };
  return draft('letter.notify.v1', letter.id, event, { id: uuidv5(letter.id, `notify/${leg}`) });
}
