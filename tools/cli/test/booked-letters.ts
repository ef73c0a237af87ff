import { chainStart, hashEntry } from '@postgang/evidence';
import { conversationIdOf, letterIdOf, messageIdOf, uuidv5 } from '@postgang/pipeline';
import type { EffectState } from '@postgang/runtime';
import type { LetterBooks, ProviderStatus } from '../src/audit/books.js';
import { brokenChain, type Entry } from '../src/audit/chain.js';
import { bookedEntry } from '../src/audit/open-books.js';

export const SENDER = '310000027';
const MINUTE = 60_000;

/** How far a letter came, and where to. */
export const STORIES = [
  'accepted',
  'parked',
  'refused',
  'routed',
  'sealed',
  'handed-over',
  'leg-refused',
  'delivered',
  'opened',
  'failed',
  'received-for-print',
  'posted',
  'returned',
  'notified',
  'adapter-taken',
  'adapter-delivered',
  'adapter-refused',
] as const;
export type Story = (typeof STORIES)[number];

type Step = readonly [kind: string, leg: number | null, data?: object];

const CARRIED: readonly Step[] = [
  ['accepted', null],
  ['routed', 1],
  ['sealed', 1],
  ['handed-over', 1],
];
const RECEIVED: readonly Step[] = [...CARRIED, ['mottakskvittering', 1]];
const TAKEN: readonly Step[] = [...CARRIED.slice(0, 3), ['adapter-taken', 1]];
const STEPS: Record<Story, readonly Step[]> = {
  accepted: CARRIED.slice(0, 1),
  parked: CARRIED.slice(0, 1),
  refused: [
    ...CARRIED.slice(0, 1),
    ['refused', null, { particulars: { reason: 'deceased', stage: 'register-lookup' } }],
  ],
  routed: CARRIED.slice(0, 2),
  sealed: CARRIED.slice(0, 3),
  'handed-over': CARRIED,
  'leg-refused': [...CARRIED.slice(0, 3), ['leg-refused', 1]],
  delivered: [...CARRIED, ['leveringskvittering', 1]],
  opened: [...CARRIED, ['leveringskvittering', 1], ['aapningskvittering', 1]],
  failed: [...CARRIED, ['feil', 1]],
  'received-for-print': RECEIVED,
  posted: [...RECEIVED, ['leveringskvittering', 1]],
  returned: [...RECEIVED, ['leveringskvittering', 1], ['returpostkvittering', 1]],
  notified: [...CARRIED, ['leveringskvittering', 1, { notify: true }], ['notified', 1]],
  'adapter-taken': TAKEN,
  'adapter-delivered': [...TAKEN, ['leveringskvittering', 1]],
  'adapter-refused': [...CARRIED.slice(0, 3), ['adapter-refused', 1]],
};
const PRINT: readonly Story[] = ['received-for-print', 'posted', 'returned'];
/** Of a provider that has an adapter of its own: nothing of theirs is in the ledger, and the provider is asked where a spec says so. */
const BY_ADAPTER: readonly Story[] = ['adapter-taken', 'adapter-delivered', 'adapter-refused'];
const RECEIPTS = [
  ...['mottakskvittering', 'leveringskvittering', 'aapningskvittering', 'returpostkvittering', 'feil'],
  ...['adapter-taken', 'adapter-refused'],
];
const AWAITS: Partial<Record<Story, readonly [awaits: string, owedBy: string]>> = {
  routed: ['Sealed', 'postgang'],
  sealed: ['HandedOver', 'postgang'],
  'handed-over': ['Delivered', 'digipost'],
  'received-for-print': ['Posted', 'print'],
  'adapter-taken': ['Delivered', 'eboks'],
};
const STATUS: Record<Story, string> = {
  accepted: 'ACCEPTED',
  parked: 'ACCEPTED',
  refused: 'REFUSED',
  routed: 'ROUTED',
  sealed: 'SEALED',
  'handed-over': 'HANDED_OVER',
  'leg-refused': 'REFUSED',
  delivered: 'DELIVERED',
  opened: 'OPENED',
  failed: 'FAILED',
  'received-for-print': 'RECEIVED_FOR_PRINT',
  posted: 'POSTED',
  returned: 'RETURNED',
  notified: 'DELIVERED',
  'adapter-taken': 'HANDED_OVER',
  'adapter-delivered': 'DELIVERED',
  'adapter-refused': 'REFUSED',
};
const LEG_STATE: Record<Story, string | undefined> = {
  accepted: undefined,
  parked: undefined,
  refused: undefined,
  routed: 'Routed',
  sealed: 'Sealed',
  'handed-over': 'HandedOver',
  'leg-refused': 'Refused',
  delivered: 'Delivered',
  opened: 'Opened',
  failed: 'Failed',
  'received-for-print': 'ReceivedForPrint',
  posted: 'Posted',
  returned: 'Returned',
  notified: 'Delivered',
  'adapter-taken': 'HandedOver',
  'adapter-delivered': 'Delivered',
  'adapter-refused': 'Refused',
};
const PROVIDER_SAYS: Partial<Record<Story, ProviderStatus>> = {
  'handed-over': 'accepted',
  delivered: 'delivered',
  notified: 'delivered',
  opened: 'delivered',
  failed: 'refused',
  'received-for-print': 'accepted',
  posted: 'posted',
  returned: 'returned',
};
const EFFECT: Partial<Record<Story, EffectState>> = { sealed: 'QUEUED', 'leg-refused': 'REFUSED' };

/** With its entries whole, as receipts keeps them. */
export type Booked = { -readonly [K in keyof Omit<LetterBooks, 'history' | 'broken'>]: LetterBooks[K] } & {
  history: readonly Entry[];
};

/** As the audit reads it. */
export const asRead = (letter: Booked): LetterBooks => ({
  ...letter,
  broken:
    letter.history.length === 0 && (letter.letter?.seq ?? 0) === 0
      ? undefined
      : brokenChain(letter.id, letter.history, letter.letter),
  history: letter.history.map(bookedEntry),
});

/** A letter whose books add up: accepted at `at`, a minute for each step since, what is awaited due at `dueAt`. */
export function booked(story: Story, reference: string, at: number, dueAt: number): Booked {
  const id = letterIdOf(SENDER, reference);
  const history = chained(
    id,
    STEPS[story].map(([kind, leg, data = {}], index) => ({
      ...{ letterId: id, seq: index + 1, at: new Date(at + index * MINUTE), kind, leg },
      ...{ eventId: uuidv5(id, kind), data: Buffer.from(JSON.stringify(data)) },
    })),
  );
  const adapter = BY_ADAPTER.includes(story);
  const provider = PRINT.includes(story) ? 'print' : adapter ? 'eboks' : 'digipost';
  const state = LEG_STATE[story];
  const time = (kind: string): number => history.find((entry) => entry.kind === kind)?.at.getTime() ?? at;
  const sealed = history.some(({ kind }) => kind === 'sealed');
  const effectState = EFFECT[story] ?? 'HANDED_OVER';
  const done = effectState === 'QUEUED' ? null : time(effectState === 'REFUSED' ? 'leg-refused' : 'handed-over');
  const awaits = AWAITS[story];
  const says = PROVIDER_SAYS[story];
  return {
    id,
    handedIn: true,
    sender: SENDER,
    reference,
    intake: { sender: SENDER, acceptedAt: at, publishedAt: at },
    routes:
      state === undefined && story !== 'refused'
        ? []
        : [{ leg: 1, routed: story !== 'refused', decidedAt: at + MINUTE }],
    parked: story === 'parked' ? 'no-access-to-krr' : null,
    letter: { sender: SENDER, status: STATUS[story], seq: history.length, headHash: (history.at(-1) as Entry).hash },
    legs:
      state === undefined
        ? []
        : [
            {
              leg: 1,
              conversationId: conversationIdOf(id, 1),
              channel: provider === 'print' ? 'print' : 'digital',
              provider,
              state,
            },
          ],
    history,
    awaited: awaits === undefined ? [] : [{ leg: 1, awaits: awaits[0], owedBy: awaits[1], dueAt }],
    receipts: history.filter(({ kind }) => RECEIPTS.includes(kind)).map(({ eventId }) => eventId),
    setAside: [],
    effects:
      sealed && !adapter
        ? [
            {
              ...{ id: messageIdOf(id, 1), leg: 1, provider, state: effectState, settled: false },
              ...{ createdAt: time('sealed'), doneAt: done, publishedAt: done },
            },
          ]
        : [],
    messages: story === 'notified' ? [{ leg: 1, state: 'HANDED_OVER', doneAt: time('notified') }] : [],
    reported:
      says === undefined
        ? []
        : [{ messageId: messageIdOf(id, 1), leg: 1, at: time('handed-over'), status: says, times: 1 }],
  };
}

/** With the hashes of a history that was written so. */
export function chained(letterId: string, entries: readonly Omit<Entry, 'hash'>[]): Entry[] {
  let previous = chainStart(letterId);
  return entries.map((entry) => {
    previous = hashEntry(previous, entry);
    return { ...entry, hash: previous };
  });
}

/** The history without what `drop` names, chained as receipts would have if it had never read those records. */
export function neverRead(letter: Booked, drop: (kind: string) => boolean): void {
  letter.history = chained(
    letter.id,
    letter.history.filter(({ kind }) => !drop(kind)).map((entry, index) => ({ ...entry, seq: index + 1 })),
  );
  letter.letter = {
    ...(letter.letter as NonNullable<Booked['letter']>),
    seq: letter.history.length,
    headHash: letter.history.at(-1)?.hash ?? null,
  };
}
