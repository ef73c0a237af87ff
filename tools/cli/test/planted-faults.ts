import { uuidv5 } from '@postgang/pipeline';
import type { Cause } from '../src/audit/books.js';
import type { Entry } from '../src/audit/chain.js';
import type { When } from '../src/audit/reconcile.js';
import { booked, chained, neverRead, STORIES, type Booked, type Story } from './booked-letters.js';

export const NOW = Date.UTC(2026, 10, 25, 12);
export const HOUR = 3_600_000;
export const WHEN: When = {
  now: NOW,
  databaseNow: NOW,
  owned: new Set(['digipost', 'print']),
  reportedUntil: NOW,
};
/** Young enough for its next step, old enough for every book to have heard of the last. */
const ACCEPTED_AT = NOW - 14 * 60_000;

/** Its books add up. */
export const letterOf = (story: Story, reference = 'r-1'): Booked => {
  const at = story === 'accepted' ? ACCEPTED_AT : NOW - 2 * HOUR;
  return booked(story, reference, at, NOW + HOUR);
};

const CARRIED: readonly Story[] = [
  'handed-over',
  'delivered',
  'opened',
  'failed',
  'received-for-print',
  'posted',
  'returned',
  'notified',
];
const RECEIPTED: readonly Story[] = ['delivered', 'opened', 'failed', 'posted', 'returned', 'notified'];
const all = (...not: Story[]): Story[] => STORIES.filter((story) => !not.includes(story));
const withEntry =
  (at: number, change: (entry: Entry) => Partial<Entry>) =>
  (letter: Booked): void => {
    letter.history = letter.history.map((entry, index) => (index === at ? { ...entry, ...change(entry) } : entry));
  };

/** What can go wrong, to which letters, and what it must be called. */
export const FAULTS: Record<
  string,
  { on: readonly Story[]; plant: (letter: Booked) => void; cause: Cause; says: RegExp }
> = {
  'intake row deleted': {
    on: all(),
    plant: (letter) => void (letter.intake = null),
    ...{ cause: 'intake-row-missing', says: /row missing in integration-point/ },
  },
  'handed in, never accepted': {
    on: ['accepted'],
    plant: (letter) => Object.assign(letter, { intake: null, letter: null, history: [] }),
    ...{ cause: 'never-accepted', says: /handed in .* never accepted/ },
  },
  'event never published': {
    on: ['accepted'],
    plant: (letter) =>
      Object.assign(letter, { intake: { ...letter.intake, publishedAt: null }, letter: null, history: [] }),
    ...{ cause: 'unpublished', says: /published_at missing/ },
  },
  'record skipped by register-lookup': {
    on: ['accepted'],
    plant: (letter) => Object.assign(letter, booked('accepted', letter.reference ?? '', NOW - HOUR, NOW)),
    ...{ cause: 'never-routed', says: /accepted, never routed: record skipped\?/ },
  },
  'record skipped by everybody': {
    on: ['accepted'],
    plant: (letter) => Object.assign(letter, { letter: null, history: [] }),
    ...{ cause: 'never-routed', says: /neither routed nor in the history/ },
  },
  'letter deleted in receipts': {
    on: all('accepted'),
    plant: (letter) => Object.assign(letter, { letter: null, history: [], legs: [], receipts: [], awaited: [] }),
    ...{ cause: 'missing-in-receipts', says: /letter row missing in receipts/ },
  },
  'history deleted, its row as if there had been none': {
    on: all(),
    plant: (letter) => {
      letter.history = [];
      letter.letter = { ...(letter.letter as NonNullable<Booked['letter']>), seq: 0, headHash: null };
    },
    ...{ cause: 'missing-in-receipts', says: /^the letter is [A-Z_]+ per its row, its whole history is missing/ },
  },
  'history and all that its row says deleted': {
    on: all('accepted'),
    plant: (letter) => {
      letter.history = [];
      letter.letter = { sender: null, status: null, seq: 0, headHash: null };
    },
    ...{ cause: 'missing-in-receipts', says: /^history missing in receipts/ },
  },
  'letter row deleted in receipts': {
    on: all(),
    plant: (letter) => void (letter.letter = null),
    ...{ cause: 'missing-in-receipts', says: /letter row missing in receipts/ },
  },
  'acceptance skipped by receipts': {
    on: all('accepted', 'parked'),
    plant: (letter) => neverRead(letter, (kind) => kind === 'accepted'),
    ...{ cause: 'skipped-by-receipts', says: /accepted, not in the history/ },
  },
  'route deleted': {
    on: all('accepted', 'parked'),
    plant: (letter) => void (letter.routes = []),
    ...{ cause: 'row-missing', says: /row missing in register-lookup/ },
  },
  'leg row deleted': {
    on: all('accepted', 'parked', 'refused'),
    plant: (letter) => void (letter.legs = []),
    ...{ cause: 'row-missing', says: /row of leg 1 missing in receipts/ },
  },
  'hand-over skipped by receipts': {
    on: ['handed-over'],
    plant: (letter) => {
      neverRead(letter, (kind) => kind === 'handed-over');
      letter.legs = letter.legs.map((leg) => ({ ...leg, state: 'Sealed' }));
      letter.letter = { ...(letter.letter as NonNullable<Booked['letter']>), status: 'SEALED' };
    },
    ...{ cause: 'skipped-by-receipts', says: /leg 1 is HANDED_OVER per ledger, not in the history/ },
  },
  'effect unrecorded': {
    on: CARRIED,
    plant: (letter) => void (letter.effects = []),
    ...{ cause: 'effect-unrecorded', says: /in provider's report, no effect recorded/ },
  },
  'effect deleted, no report': {
    on: CARRIED,
    plant: (letter) => Object.assign(letter, { effects: [], reported: undefined }),
    ...{ cause: 'effect-unrecorded', says: /no effect in the ledger/ },
  },
  'dispatch record skipped': {
    on: ['sealed'],
    plant: (letter) => void (letter.effects = []),
    ...{ cause: 'never-queued', says: /sealed, not in the ledger/ },
  },
  'end of an effect not told': {
    on: [...CARRIED, 'leg-refused'],
    plant: (letter) => void (letter.effects = letter.effects.map((effect) => ({ ...effect, publishedAt: null }))),
    ...{ cause: 'unpublished', says: /published_at missing/ },
  },
  'not at the provider': {
    on: CARRIED,
    plant: (letter) => void (letter.reported = []),
    ...{ cause: 'not-at-provider', says: /handed over per ledger, not in provider's report/ },
  },
  'hand-over not in the ledger': {
    on: CARRIED,
    plant: (letter) =>
      void (letter.effects = letter.effects.map((effect) => ({
        ...effect,
        state: 'QUEUED',
        doneAt: null,
        publishedAt: null,
      }))),
    ...{ cause: 'ledger-disagrees', says: /QUEUED per ledger/ },
  },
  'listed twice': {
    on: CARRIED,
    plant: (letter) => void (letter.reported = letter.reported?.map((line) => ({ ...line, times: 2 }))),
    ...{ cause: 'doubled', says: /doubled hand-over/ },
  },
  'handed over under a second id': {
    on: CARRIED,
    plant: (letter) =>
      void (letter.reported = letter.reported?.flatMap((line) => [
        line,
        { ...line, messageId: uuidv5(letter.id, 'again') },
      ])),
    ...{ cause: 'doubled', says: /doubled hand-over: provider has leg 1 a second time/ },
  },
  'told twice as handed over': {
    on: CARRIED,
    plant: (letter) => {
      const again = letter.history.flatMap((entry) =>
        entry.kind === 'handed-over' ? [entry, { ...entry, eventId: uuidv5(letter.id, 'again') }] : [entry],
      );
      letter.history = chained(
        letter.id,
        again.map((entry, index) => ({ ...entry, seq: index + 1 })),
      );
      letter.letter = {
        ...(letter.letter as NonNullable<Booked['letter']>),
        seq: letter.history.length,
        headHash: letter.history.at(-1)?.hash ?? null,
      };
    },
    ...{ cause: 'doubled', says: /the history tells leg 1 2 times/ },
  },
  'receipt lost': {
    on: RECEIPTED,
    plant: (letter) => {
      Object.assign(letter, {
        ...booked(
          letter.legs[0]?.provider === 'print' ? 'received-for-print' : 'handed-over',
          letter.reference ?? '',
          NOW - 2 * HOUR,
          NOW + HOUR,
        ),
        reported: letter.reported,
      });
    },
    ...{ cause: 'receipt-lost', says: /receipt lost: provider says/ },
  },
  'receipt set aside': {
    on: ['delivered'],
    plant: (letter) => {
      Object.assign(letter, {
        ...booked('handed-over', letter.reference ?? '', NOW - 2 * HOUR, NOW + HOUR),
        reported: letter.reported,
        setAside: ['wrong-signer'],
      });
    },
    ...{ cause: 'receipt-lost', says: /set aside \(wrong-signer\)/ },
  },
  'receipt or report deleted': {
    on: [...RECEIPTED, 'adapter-taken', 'adapter-delivered', 'adapter-refused'],
    plant: (letter) => void (letter.receipts = letter.receipts.slice(1)),
    ...{ cause: 'row-missing', says: /its receipt is missing in receipts/ },
  },
  'entry altered': {
    on: all(),
    plant: withEntry(0, () => ({ data: Buffer.from('{"particulars":{}}') })),
    ...{ cause: 'history-altered', says: /^history entry 1 altered/ },
  },
  'entry altered and hashed anew': {
    on: CARRIED,
    plant: (letter) => {
      const altered = chained(
        letter.id,
        letter.history.map((entry, index) => (index === 2 ? { ...entry, at: new Date(0) } : entry)),
      );
      withEntry(2, () => altered[2] as Entry)(letter);
    },
    ...{ cause: 'history-altered', says: /^history entry 4 altered, or entry 3 together with its hash/ },
  },
  'whole end written anew': {
    on: CARRIED,
    plant: (letter) =>
      void (letter.history = chained(
        letter.id,
        letter.history.map((entry, index) => (index === 2 ? { ...entry, at: new Date(0) } : entry)),
      )),
    ...{ cause: 'history-altered', says: /head of the history altered/ },
  },
  'two entries swapped': {
    on: CARRIED,
    plant: (letter) => {
      const [, second, third] = letter.history as [Entry, Entry, Entry];
      letter.history = letter.history.map((entry, index) =>
        index === 1 ? { ...third, seq: 2 } : index === 2 ? { ...second, seq: 3 } : entry,
      );
    },
    ...{ cause: 'history-altered', says: /^entries 2 and 3 swapped/ },
  },
  'contents of two entries exchanged': {
    on: CARRIED,
    plant: (letter) => {
      const [, second, third] = letter.history as [Entry, Entry, Entry];
      letter.history = letter.history.map((entry, index) =>
        index === 1
          ? { ...third, seq: 2, hash: second.hash }
          : index === 2
            ? { ...second, seq: 3, hash: third.hash }
            : entry,
      );
    },
    ...{ cause: 'history-altered', says: /^entries 2 and 3 swapped/ },
  },
  'entry deleted': {
    on: all('accepted', 'parked'),
    plant: (letter) => void (letter.history = letter.history.slice(1)),
    ...{ cause: 'history-altered', says: /^history entry 1 missing/ },
  },
  'end cut off': {
    on: all(),
    plant: (letter) => void (letter.history = letter.history.slice(0, -1)),
    ...{ cause: 'history-altered', says: /^history cut off|^history entry 1 missing/ },
  },
  'state of a leg altered': {
    on: ['handed-over', 'failed'],
    plant: (letter) => {
      letter.legs = letter.legs.map((leg) => ({ ...leg, state: 'Delivered' }));
      letter.letter = { ...(letter.letter as NonNullable<Booked['letter']>), status: 'DELIVERED' };
    },
    ...{ cause: 'rows-disagree', says: /is Delivered per its row/ },
  },
  'status of the letter altered': {
    on: ['handed-over', 'failed', 'adapter-taken'],
    plant: (letter) =>
      void (letter.letter = { ...(letter.letter as NonNullable<Booked['letter']>), status: 'DELIVERED' }),
    ...{ cause: 'rows-disagree', says: /the letter is DELIVERED per its row/ },
  },
  'letter cancelled, which nothing here does': {
    on: ['handed-over', 'failed', 'delivered', 'adapter-taken'],
    plant: (letter) => {
      letter.letter = { ...(letter.letter as NonNullable<Booked['letter']>), status: 'CANCELLED' };
      letter.awaited = letter.awaited.map((one) => ({ ...one, dueAt: NOW - 1 }));
    },
    ...{ cause: 'rows-disagree', says: /^the letter is CANCELLED per its row, [A-Z_]+ per history/ },
  },
  'leg stopped, which nothing here does': {
    on: ['handed-over', 'failed', 'delivered', 'adapter-taken'],
    plant: (letter) => {
      letter.legs = letter.legs.map((leg) => ({ ...leg, state: 'Stopped' }));
      letter.letter = { ...(letter.letter as NonNullable<Booked['letter']>), status: 'STOPPED' };
    },
    ...{ cause: 'rows-disagree', says: /^leg 1 is Stopped per its row/ },
  },
  'service message told, not in the ledger': {
    on: ['notified'],
    plant: (letter) => void (letter.messages = []),
    ...{ cause: 'row-missing', says: /row missing in notification/ },
  },
  'service message never sent': {
    on: ['notified'],
    plant: (letter) => {
      neverRead(letter, (kind) => kind === 'notified');
      letter.messages = [];
    },
    ...{ cause: 'notice-missing', says: /service message ordered, never sent/ },
  },
  'nothing awaited': {
    on: ['routed', 'sealed', 'handed-over', 'received-for-print', 'adapter-taken'],
    plant: (letter) => void (letter.awaited = []),
    ...{ cause: 'nothing-awaited', says: /nothing is awaited/ },
  },
  overdue: {
    on: ['routed', 'sealed', 'handed-over', 'received-for-print', 'adapter-taken'],
    plant: (letter) => void (letter.awaited = letter.awaited.map((one) => ({ ...one, dueAt: NOW - 1 }))),
    ...{ cause: 'overdue', says: /^overdue: (postgang|digipost|eboks|print) owes/ },
  },
};

export const PLANTED = Object.entries(FAULTS).flatMap(([fault, { on }]) => on.map((story) => [fault, story] as const));
