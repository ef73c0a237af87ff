import {
  advance,
  GIVEN_UP,
  isEnd,
  isReceiptKind,
  LETTER_STATUSES,
  letterStatus,
  meaningOf,
  RECEIPT_KINDS,
  type LegState,
  type LegWord,
  type LetterStatus,
} from '@postgang/rules';
import type { BookedEffect, BookedEntry, Cause, Ending, Imbalance, LetterBooks, Reported } from './books.js';

const MINUTE = 60_000;
/** What one service has written must stand in the next one's book after so long: records travel in seconds. */
export const SETTLES_MS = 5 * MINUTE;
/** Nothing is awaited of a letter before it is routed, so this is its deadline until then. */
export const ROUTED_WITHIN_MS = 15 * MINUTE;
/** No rule waits longer than that for what was written to be told on: before then, a time is only known to be there or not. */
export const PAST_AFTER_MS = Math.max(SETTLES_MS, ROUTED_WITHIN_MS);

export interface When {
  /** Business time, in which deadlines are. */
  readonly now: number;
  /** The database's time, in which rows are written. */
  readonly databaseNow: number;
  /** Providers whose legs are in provider-dispatch's ledger; the others have adapters of their own. */
  readonly owned: ReadonlySet<string>;
  /** The provider's report tells of everything until then; hand-overs after it need not be in it. */
  readonly reportedUntil: number;
}

export interface Verdict {
  readonly ending: Ending;
  readonly imbalances: readonly Imbalance[];
}

/** Lays the books of one letter beside each other. Pure. What it asks of them, likeness.ts must tell. */
export function reconcile(books: LetterBooks, when: When): Verdict {
  return new Reconciliation(books, when).verdict();
}

const HANDED_OVER = new Set(['handed-over', 'adapter-taken']);
const LEG_REFUSED = new Set(['leg-refused', 'adapter-refused']);
/** Kinds of entries that a receipt or a report of the provider has caused. */
export const BY_PROVIDER: readonly string[] = [...RECEIPT_KINDS, 'notice-failed', 'adapter-taken', 'adapter-refused'];
/** The ledger has nothing more to do, and its provider has not got it. */
const ENDED: ReadonlySet<string> = new Set(['REFUSED', 'FAILED']);
/** A leg in one of these is over, and the next one is no double of it. */
const OVER: ReadonlySet<string> = new Set<LegState>(['Refused', 'Failed', 'Returned']);

class Reconciliation {
  private readonly found: Imbalance[] = [];
  private readonly status: string;

  constructor(
    private readonly books: LetterBooks,
    private readonly when: When,
  ) {
    // of a letter without any history the row's word is nobody's
    const untold = books.history.length === 0 && books.broken === undefined;
    this.status = (untold ? undefined : books.letter?.status) ?? this.derivedStatus();
  }

  verdict(): Verdict {
    const { intake, history, broken } = this.books;
    if (intake === null) this.withoutIntake();
    else if (history.length === 0 && broken === undefined) this.withoutReceipts(intake);
    if (broken !== undefined) this.tell('history-altered', broken);
    // what is missing from a chain that does not hold is told by the chain
    else if (history.length > 0) this.compareWithHistory();
    this.doubles();
    this.provider();
    const ending = this.ending();
    return { ending, imbalances: this.found };
  }

  private tell(cause: Cause, says: string): void {
    this.found.push({ letterId: this.books.id, cause, says });
  }

  /** Rows this old have had the time to be told on. */
  private settled(at: number | null): boolean {
    return at !== null && at <= this.when.databaseNow - SETTLES_MS;
  }

  private has(kind: string, leg?: number): boolean {
    return this.entry(kind, leg) !== undefined;
  }

  private entry(kind: string, leg?: number): BookedEntry | undefined {
    return this.books.history.find((entry) => entry.kind === kind && (leg === undefined || entry.leg === leg));
  }

  private handedOver(leg: number): boolean {
    return this.books.history.some((entry) => entry.leg === leg && HANDED_OVER.has(entry.kind));
  }

  private withoutIntake(): void {
    const { handedIn, history, letter, effects, routes } = this.books;
    if (history.length > 0 || letter !== null)
      this.tell('intake-row-missing', 'accepted per history, row missing in integration-point');
    else if (effects.length > 0 || routes.length > 0)
      this.tell('intake-row-missing', 'handled further on, row missing in integration-point and in receipts');
    else if (handedIn)
      this.tell('never-accepted', 'handed in per the agency, never accepted: refused or lost at the door?');
  }

  private withoutReceipts({ acceptedAt, publishedAt }: NonNullable<LetterBooks['intake']>): void {
    const { routes, effects, parked, letter } = this.books;
    // row and history are written as one
    if (letter !== null && letter.status !== null)
      return this.tell(
        'missing-in-receipts',
        `the letter is ${letter.status} per its row, its whole history is missing`,
      );
    const movedOn = routes.length > 0 || effects.length > 0 || parked !== null;
    if (publishedAt === null && !movedOn) {
      if (acceptedAt <= this.when.now - SETTLES_MS)
        this.tell('unpublished', 'published_at missing: accepted, the event never went out');
    } else if (acceptedAt <= this.when.now - SETTLES_MS) {
      if (movedOn)
        this.tell('missing-in-receipts', `${letter === null ? 'letter row' : 'history'} missing in receipts`);
      else this.tell('never-routed', 'accepted, neither routed nor in the history: record lost or skipped?');
    }
  }

  /** The chain holds: every fact that another book tells must be an entry, and every entry must stand in its book. */
  private compareWithHistory(): void {
    const { intake, letter } = this.books;
    if (letter === null) this.tell('missing-in-receipts', 'letter row missing in receipts, its history is there');
    if (intake !== null) this.acceptance(intake);
    this.routing();
    for (const leg of this.legNumbers()) this.handOver(leg);
    this.receipts();
    this.notices();
    this.rows();
  }

  private legNumbers(): readonly number[] {
    const { history, effects, legs } = this.books;
    const numbers = [...history.map(({ leg }) => leg), ...effects.map(({ leg }) => leg), ...legs.map(({ leg }) => leg)];
    return [...new Set(numbers)].filter((leg) => leg !== null).sort((a, b) => a - b);
  }

  private acceptance({ acceptedAt, publishedAt }: NonNullable<LetterBooks['intake']>): void {
    if (!this.has('accepted')) {
      if (acceptedAt <= this.when.now - SETTLES_MS)
        this.tell('skipped-by-receipts', 'accepted, not in the history: record skipped by receipts?');
    } else if (publishedAt === null && acceptedAt <= this.when.now - SETTLES_MS)
      this.tell('unpublished', 'published_at missing: accepted and told, but not marked');
    const refusedBefore = this.has('refused');
    if (this.books.routes.length > 0 || refusedBefore || this.books.parked !== null) return;
    if (this.has('routed')) return;
    if (acceptedAt <= this.when.now - ROUTED_WITHIN_MS)
      this.tell('never-routed', 'accepted, never routed: record skipped?');
  }

  private routing(): void {
    const { routes, history } = this.books;
    for (const { leg, routed, decidedAt } of routes) {
      if (!this.settled(decidedAt)) continue;
      if (routed && !this.has('routed', leg))
        this.tell(
          'skipped-by-receipts',
          `leg ${leg} routed per register-lookup, not in the history: record skipped by receipts?`,
        );
      if (!routed && !this.has('refused'))
        this.tell(
          'skipped-by-receipts',
          'refused per register-lookup, not in the history: record skipped by receipts?',
        );
    }
    for (const entry of history)
      if (entry.kind === 'routed' && !routes.some(({ leg, routed }) => leg === entry.leg && routed))
        this.tell('row-missing', `leg ${entry.leg} routed per history, row missing in register-lookup`);
    const refusal = this.entry('refused');
    if (refusal !== undefined && routes.every(({ routed }) => routed) && refusal.byRegisterLookup)
      this.tell('row-missing', 'refused per history, row missing in register-lookup');
  }

  private handOver(leg: number): void {
    const effect = this.books.effects.find((one) => one.leg === leg);
    const sealed = this.entry('sealed', leg);
    if (effect === undefined) {
      if (sealed === undefined || this.hasAdapter(leg) !== false) return;
      if (this.has('handed-over', leg))
        this.tell('effect-unrecorded', `leg ${leg} handed over per history, no effect in the ledger`);
      else if (sealed.at <= this.when.now - SETTLES_MS)
        this.tell('never-queued', `leg ${leg} sealed, not in the ledger: dispatch record skipped, or row deleted?`);
      return;
    }
    if (sealed === undefined && this.settled(effect.createdAt))
      this.tell(
        'skipped-by-receipts',
        `leg ${leg} queued for hand-over, sealing not in the history: record skipped by receipts?`,
      );
    this.handOverTold(effect);
  }

  /** Whether another than provider-dispatch hands this leg over; undefined where nobody says whose it is. */
  private hasAdapter(leg: number): boolean | undefined {
    const provider = this.books.legs.find((one) => one.leg === leg)?.provider;
    return provider === null || provider === undefined ? undefined : !this.when.owned.has(provider);
  }

  private handOverTold(effect: BookedEffect): void {
    const { leg, state, doneAt, publishedAt } = effect;
    const done = state === 'HANDED_OVER' || state === 'REFUSED' || state === 'FAILED';
    const told = state === 'HANDED_OVER' ? this.has('handed-over', leg) : this.has('leg-refused', leg);
    if (done && this.settled(doneAt)) {
      if (publishedAt === null)
        this.tell('unpublished', `published_at missing: leg ${leg} is ${state} per ledger, never marked as told`);
      else if (!told)
        this.tell(
          'skipped-by-receipts',
          `leg ${leg} is ${state} per ledger, not in the history: record skipped by receipts?`,
        );
    }
    // one that the provider gave up afterwards was told as handed over before, and rightly
    if (this.has('handed-over', leg) && state !== 'HANDED_OVER' && state !== 'REFUSED')
      this.tell('ledger-disagrees', `leg ${leg} handed over per history, ${state} per ledger`);
  }

  private receipts(): void {
    const { history, receipts } = this.books;
    const originals = new Set(receipts);
    const told = new Set<string>();
    for (const { kind, eventId, seq } of history) {
      if (!BY_PROVIDER.includes(kind)) continue;
      told.add(eventId);
      if (!originals.has(eventId))
        this.tell('row-missing', `history entry ${seq} (${kind}): its receipt is missing in receipts`);
    }
    const untold = receipts.filter((eventId) => !told.has(eventId)).length;
    if (untold > 0) this.tell('receipt-lost', `${untold} receipt(s) that count stored, not in the history`);
    if (this.books.setAside.includes(null)) this.tell('receipt-lost', 'a receipt waits for a leg that is there');
  }

  private notices(): void {
    const { history, messages } = this.books;
    for (const { leg, state, doneAt } of messages)
      if (state !== 'INTENDED' && doneAt !== null && this.settled(doneAt) && !this.has('notified', leg))
        this.tell(
          'skipped-by-receipts',
          `service message of leg ${leg} is ${state} per notification, not in the history: record skipped by receipts?`,
        );
    for (const { kind, leg } of history)
      if (kind === 'notified' && !messages.some((one) => one.leg === leg))
        this.tell('row-missing', `service message of leg ${leg} told per history, row missing in notification`);
    if (messages.length > 0 || this.has('notified')) return;
    const ordered = history.find(({ ordersNotice }) => ordersNotice);
    if (ordered !== undefined && ordered.at <= this.when.now - ROUTED_WITHIN_MS)
      this.tell('notice-missing', 'service message ordered, never sent: record skipped?');
  }

  /** receipts' rows say what its history says. */
  private rows(): void {
    const { legs, letter } = this.books;
    for (const leg of this.legNumbers()) {
      const row = legs.find((one) => one.leg === leg);
      const state = this.derivedState(leg);
      if (state === undefined) continue;
      if (row === undefined) this.tell('row-missing', `row of leg ${leg} missing in receipts`);
      else if (row.state !== state)
        this.tell('rows-disagree', `leg ${leg} is ${row.state} per its row, ${state} per history`);
    }
    const status = this.derivedStatus();
    if (letter?.status !== null && letter !== null && this.found.length === 0 && status !== letter.status)
      this.tell('rows-disagree', `the letter is ${letter.status} per its row, ${status} per history`);
  }

  private derivedState(leg: number): LegState | undefined {
    const channel = this.channelOf(leg);
    let word: LegWord | undefined;
    for (const entry of this.books.history) {
      const state = entry.leg === leg ? stateIn(entry, channel) : undefined;
      if (state === undefined) continue;
      const said = { state, reason: entry.givenUp ? GIVEN_UP : null };
      if (advance(word, said).how === 'moved') word = said;
    }
    return word?.state;
  }

  /** Where the row is gone, the ledger knows the provider. */
  private channelOf(leg: number): string | undefined {
    const row = this.books.legs.find((one) => one.leg === leg);
    const effect = this.books.effects.find((one) => one.leg === leg);
    return row?.channel ?? (effect === undefined ? undefined : effect.provider === 'print' ? 'print' : 'digital');
  }

  private derivedStatus(): string {
    const legs = this.books.history.flatMap(({ leg }) => (leg === null ? [] : [leg]));
    return letterStatus(legs.length === 0 ? undefined : this.derivedState(Math.max(...legs)), this.has('refused'));
  }

  private doubles(): void {
    const { effects, history } = this.books;
    const over = (leg: number): boolean => OVER.has(this.books.legs.find((one) => one.leg === leg)?.state ?? '');
    const carried = effects
      .filter(({ state, leg }) => state === 'HANDED_OVER' && !over(leg))
      .map(({ leg }) => leg)
      .sort((a, b) => a - b);
    if (carried.length > 1)
      this.tell('doubled', `doubled hand-over: legs ${carried.join(' and ')} were handed over, and none has ended`);
    for (const leg of this.legNumbers()) {
      const events = new Set(
        history.filter((entry) => entry.kind === 'handed-over' && entry.leg === leg).map(({ eventId }) => eventId),
      );
      if (events.size > 1) this.tell('doubled', `doubled hand-over: the history tells leg ${leg} ${events.size} times`);
    }
  }

  private provider(): void {
    const { reported, effects } = this.books;
    if (reported === undefined) return;
    for (const { messageId, times } of reported)
      if (times > 1) this.tell('doubled', `doubled hand-over: provider lists message ${messageId} ${times} times`);
    for (const effect of effects)
      this.reportedEffect(
        effect,
        reported.find(({ messageId }) => messageId === effect.id),
      );
    for (const line of reported) {
      if (!effects.some(({ id }) => id === line.messageId)) this.unrecorded(line);
      this.reportedEnd(line);
    }
  }

  private reportedEffect({ leg, state, doneAt }: BookedEffect, line: Reported | undefined): void {
    if (line === undefined) {
      if (state === 'HANDED_OVER' && doneAt !== null && doneAt <= this.when.reportedUntil && this.settled(doneAt))
        this.tell('not-at-provider', `leg ${leg} handed over per ledger, not in provider's report`);
      return;
    }
    // refused afterwards: the provider had it, and says so
    const gone = state === 'QUEUED' || state === 'FAILED' || (state === 'REFUSED' && line.status !== 'refused');
    // the history may have told the same already
    if (gone && this.settled(line.at) && !this.found.some(({ cause }) => cause === 'ledger-disagrees'))
      this.tell('ledger-disagrees', `leg ${leg} ${line.status} in provider's report, ${state} per ledger`);
  }

  private unrecorded({ messageId, leg }: Reported): void {
    const lines = this.books.reported ?? [];
    // an adapter of the provider's own keeps no ledger with us: its first line is the hand-over
    const adapters = this.hasAdapter(leg) ? lines.find((line) => line.leg === leg)?.messageId : undefined;
    if (adapters === messageId) return;
    const known = adapters ?? this.books.effects.find((one) => one.leg === leg)?.id;
    if (known !== undefined && lines.some((line) => line.messageId === known))
      return this.tell('doubled', `doubled hand-over: provider has leg ${leg} a second time, as message ${messageId}`);
    // the gap in the ledger may have been seen from the history already
    const seen = this.found.findIndex(({ cause }) => cause === 'never-queued' || cause === 'effect-unrecorded');
    if (seen !== -1) this.found.splice(seen, 1);
    this.tell('effect-unrecorded', `message ${messageId} in provider's report, no effect recorded`);
  }

  private reportedEnd({ status, at, leg, times }: Reported): void {
    if (status === 'accepted' || times > 1 || !this.settled(at)) return;
    const states = this.statesOf(leg);
    const wanted: readonly LegState[] = STATES_OF[status];
    if (wanted.some((state) => states.has(state))) return;
    // what is missing from the history was told already
    if (
      this.found.some(
        ({ cause }) => cause === 'history-altered' || cause === 'missing-in-receipts' || cause === 'doubled',
      )
    )
      return;
    const aside = this.books.setAside.find((problem) => problem !== null);
    if (aside !== undefined && aside !== null)
      this.tell('receipt-lost', `provider says ${status}, its receipt was set aside (${aside})`);
    else if (status === 'refused' && (states.has('Delivered') || states.has('Posted')))
      this.tell('provider-disagrees', 'provider says refused, history says delivered');
    else this.tell('receipt-lost', `receipt lost: provider says ${status}, history does not`);
  }

  private statesOf(leg: number): ReadonlySet<LegState> {
    const channel = this.channelOf(leg);
    return new Set(
      this.books.history.filter((entry) => entry.leg === leg).flatMap((entry) => stateIn(entry, channel) ?? []),
    );
  }

  /** Its newest leg was given up, and the ledger has it under way again, or done. */
  private sentAgain(): boolean {
    const leg = this.legNumbers().at(-1);
    const effect = this.books.effects.find((one) => one.leg === leg);
    return (
      leg !== undefined &&
      effect !== undefined &&
      !ENDED.has(effect.state) &&
      this.books.history.some((entry) => entry.leg === leg && entry.givenUp) &&
      this.derivedState(leg) === 'Refused'
    );
  }

  private ending(): Ending {
    // nothing is awaited of it: the ledger goes on until there is an end, or a person is asked
    if (this.sentAgain()) return this.found.length > 0 ? 'unaccounted' : 'in-flight';
    const { intake } = this.books;
    const { status } = this;
    // the row says one thing, the history another
    if (!isStatus(status) || this.found.some(({ cause }) => cause === 'rows-disagree')) return 'unaccounted';
    if (status === 'DELIVERED' || status === 'OPENED') return 'delivered';
    if (status === 'POSTED') return 'posted';
    if (isEnd(status)) return 'ended-otherwise';
    if (intake === null) return 'unaccounted';
    this.deadlines(status);
    // one that is in flight and does not add up is nobody's but the operator's
    return this.found.some(({ cause }) => cause !== 'history-altered') ? 'unaccounted' : 'in-flight';
  }

  private deadlines(status: string): void {
    const { awaited, letter, setAside } = this.books;
    if (letter === null) return;
    const late = awaited.filter(({ dueAt }) => dueAt < this.when.now);
    for (const { leg, awaits, owedBy, dueAt } of late) {
      // what was found already is why it is late
      if (this.found.length > 0) break;
      const effect = this.books.effects.find((one) => one.leg === leg);
      const hints = [
        ...(effect === undefined || effect.state === 'HANDED_OVER' ? [] : [`${effect.state} per ledger`]),
        ...setAside.flatMap((problem) => (problem === null ? [] : [`a receipt was set aside (${problem})`])),
      ];
      this.tell(
        'overdue',
        [`overdue: ${owedBy} owes ${awaits} of leg ${leg} since ${new Date(dueAt).toISOString()}`, ...hints].join('; '),
      );
    }
    if (awaited.length === 0 && status !== 'ACCEPTED' && this.found.length === 0)
      this.tell('nothing-awaited', `${status}, and nothing is awaited`);
  }
}

const STATES_OF = {
  delivered: ['Delivered', 'Opened'],
  posted: ['Posted', 'Returned'],
  returned: ['Returned'],
  refused: ['Refused', 'Failed'],
} as const satisfies Record<string, readonly LegState[]>;

const isStatus = (status: string): status is LetterStatus => (LETTER_STATUSES as readonly string[]).includes(status);

/** The state of its leg that an entry tells of. */
function stateIn({ kind }: BookedEntry, channel: string | undefined): LegState | undefined {
  if (kind === 'routed') return 'Routed';
  if (kind === 'sealed') return 'Sealed';
  if (HANDED_OVER.has(kind)) return 'HandedOver';
  if (LEG_REFUSED.has(kind)) return 'Refused';
  if (!isReceiptKind(kind) || (channel !== 'digital' && channel !== 'print')) return undefined;
  const meaning = meaningOf(channel, kind);
  return 'state' in meaning ? meaning.state : undefined;
}
