import { conversationIdOf } from '@postgang/pipeline';
import {
  advance,
  BEFORE_ANY_LEG,
  dueAt,
  expectedAfter,
  letterStatus,
  OVERDUE,
  OVERDUE_SENTENCE,
  refusalSentence,
  type Expected,
  type LegState,
} from '@postgang/rules';
import { remember, type Announcement, type EntryData } from '../history/announcement.js';
import { canonical, chainStart, hashEntry, type HistoryEntry } from '../history/chain.js';
import type { Claim, Problem } from '../verification/claim.js';
import { isRouted, judge, MEASURED_AGAIN } from '../verification/judge.js';
import type { Fact, LegEffect } from './fact.js';
import type { ExpectationRow, LegRow, LetterRow } from './letter.js';

/** All that is known about one letter, under its lock. */
export interface Known {
  readonly letter: LetterRow;
  readonly legs: readonly LegRow[];
  /** Not yet met. */
  readonly expectations: readonly ExpectationRow[];
  /** Verified claims that were there before their leg, or before all that bounds their signing time ({@link MEASURED_AGAIN}). */
  readonly waiting: readonly Claim[];
  /** `entryKey` of what the history holds already, among the events at hand. */
  readonly recorded: ReadonlySet<string>;
}

export interface Folded {
  readonly letter: LetterRow;
  readonly legs: readonly LegRow[];
  readonly entries: readonly HistoryEntry[];
  /** New ones and those met now. */
  readonly expectations: readonly ExpectationRow[];
  readonly settled: readonly SettledClaim[];
}

/** What became of a claim, the last one if it was judged twice; one that is not among them still waits for its leg. */
export interface SettledClaim {
  readonly claim: Claim;
  readonly leg: number;
  readonly problem: Problem | null;
}

export const entryKey = (eventId: string, kind: string): string => `${eventId} ${kind}`;

const FIRST_LEG = 1;

const sinceOf = ({ at, since }: Fact): Date => since ?? at;

/** Which of our hosts has its clock ahead nobody can tell once that time is past, so the earliest of what they say counts, as in the evidence. */
function sealedBy({ sealedAt }: LegRow, fact: Fact): Date {
  const said = sinceOf(fact);
  return sealedAt !== null && sealedAt < said ? sealedAt : said;
}

const isClaim = (input: Fact | Claim): input is Claim => 'says' in input;

/**
 * Takes in facts and claims in the order they came. Pure: the state of each leg is the join of the facts, so any order ends in the same
 * states; only the history tells the order.
 */
export function fold(known: Known, inputs: readonly (Fact | Claim)[]): Folded {
  const folding = new Folding(known);
  for (const input of inputs) {
    if (isClaim(input)) folding.take(input, input.eventId);
    else folding.apply(input, input.eventId);
  }
  return folding.result();
}

class Folding {
  private readonly letter: LetterRow;
  private readonly legs: Map<number, LegRow>;
  private readonly changed = new Set<LegRow>();
  private readonly open: ExpectationRow[];
  private readonly touched = new Set<ExpectationRow>();
  private readonly stored: ReadonlySet<ExpectationRow>;
  private readonly entries: HistoryEntry[] = [];
  private readonly recorded: Set<string>;
  private waiting: Claim[];
  private readonly settled: SettledClaim[] = [];
  private head: Buffer;

  constructor(known: Known) {
    this.letter = { ...known.letter };
    this.legs = new Map(known.legs.map((leg) => [leg.n, { ...leg }]));
    this.open = known.expectations.map((expectation) => ({ ...expectation }));
    this.stored = new Set(this.open);
    this.recorded = new Set(known.recorded);
    this.waiting = [...known.waiting];
    this.head = known.letter.headHash ?? chainStart(known.letter.id);
  }

  /** `cause`: the record at hand; another event than the claim's where the claim had waited. */
  take(claim: Claim, cause: string): void {
    const leg = [...this.legs.values()].find((candidate) => candidate.conversationId === claim.conversationId);
    if (!isRouted(leg)) {
      this.waiting.push(claim);
      return;
    }
    const fact = judge(claim, leg);
    const problem = 'problem' in fact ? fact.problem : null;
    this.settled.push({ claim, leg: leg.n, problem });
    if (problem === MEASURED_AGAIN) this.waiting.push(claim);
    if (!('problem' in fact)) this.apply(fact, cause);
  }

  apply(fact: Fact, cause: string): void {
    const key = entryKey(fact.eventId, fact.kind);
    if (this.recorded.has(key)) return;
    const late = fact.effect?.of === 'overdue' ? this.late(fact.leg, fact.effect.awaits) : undefined;
    // met between the look at the clock and the lock
    if (fact.effect?.of === 'overdue' && late === undefined) return;
    this.recorded.add(key);
    if (late !== undefined) return this.tellLate(fact, cause, late);
    const anonymous = this.letter.sender === null;
    if (anonymous && fact.sender !== undefined && fact.reference !== undefined) {
      this.letter.sender = fact.sender;
      this.letter.reference = fact.reference;
    }
    const stale = this.effect(fact);
    const notify = this.notifyNow(fact, stale);
    const before = this.letter.status;
    const newest = this.newest();
    this.letter.status = letterStatus(newest?.state, this.letter.refusedReason !== null);
    const tell = this.letter.status !== before || (anonymous && this.letter.sender !== null);
    this.record(fact, cause, {
      ...(stale ? { stale: true } : {}),
      ...(tell ? { announce: this.announcement(newest) } : {}),
      ...(notify ? { notify: true } : {}),
      ...(fact.particulars === undefined ? {} : { particulars: fact.particulars }),
    });
    if (fact.effect?.of === 'leg' && fact.effect.route !== undefined) this.takeWaiting(fact.leg as number, cause);
  }

  private late(leg: number | undefined, awaits: LegState): ExpectationRow | undefined {
    return this.open.find(
      (one) => one.leg === leg && one.awaits === awaits && one.metAt === null && one.overdueAt === null,
    );
  }

  /** The state stays. The sender hears of a provider's silence; our own is the operator's business. */
  private tellLate(fact: Fact, cause: string, expectation: ExpectationRow): void {
    const { awaits, owedBy } = expectation;
    expectation.overdueAt = fact.at;
    this.touched.add(expectation);
    const leg = this.legs.get(expectation.leg);
    const tell = owedBy !== 'postgang' && leg !== undefined && leg === this.newest();
    if (tell) {
      leg.reason = OVERDUE;
      leg.detail = OVERDUE_SENTENCE;
      this.changed.add(leg);
    }
    this.record(fact, cause, {
      ...(tell ? { announce: this.announcement(leg) } : {}),
      particulars: { awaits, from: owedBy, dueAt: expectation.dueAt.toISOString() },
    });
  }

  result(): Folded {
    return {
      letter: { ...this.letter, headHash: this.head },
      legs: [...this.changed],
      entries: this.entries,
      // what opened and was met within one batch need never be written
      expectations: [...this.touched].filter((one) => one.metAt === null || this.stored.has(one)),
      settled: this.settled,
    };
  }

  /** True if the fact had been overtaken. */
  private effect(fact: Fact): boolean {
    const { effect } = fact;
    if (effect === undefined) return false;
    if (effect.of === 'leg') return this.moveLeg(fact, effect);
    if (effect.of === 'letter') {
      this.letter.notify ??= effect.notify;
      this.expectRoute(sinceOf(fact));
    }
    if (effect.of === 'notification') this.letter.notify = null;
    if (effect.of !== 'refusal') return false;
    if (this.letter.refusedReason !== null) return true;
    this.letter.refusedReason = effect.reason;
    this.letter.refusedDetail = effect.detail;
    this.meet(this.open, sinceOf(fact));
    return false;
  }

  private moveLeg(fact: Fact, effect: LegEffect): boolean {
    const n = fact.leg as number;
    const known = this.legs.get(n);
    const leg = known ?? this.newLeg(n, effect);
    if (effect.route !== undefined && leg.providerOrganisation === null) {
      leg.channel = effect.route.channel;
      leg.provider = effect.route.provider;
      leg.providerOrganisation = effect.route.organisation;
    }
    if (effect.route !== undefined) leg.sealedAt = sealedBy(leg, fact);
    const { state, how } = advance(known, effect);
    leg.state = state;
    if (how === 'moved') {
      leg.reason = effect.reason ?? null;
      leg.detail = effect.detail ?? null;
    }
    this.changed.add(leg);
    this.expect(leg, sinceOf(fact));
    return how === 'stale';
  }

  private newLeg(n: number, effect: LegEffect): LegRow {
    const leg: LegRow = {
      letterId: this.letter.id,
      n,
      conversationId: conversationIdOf(this.letter.id, n),
      channel: null,
      provider: null,
      providerOrganisation: null,
      sealedAt: null,
      state: effect.state,
      reason: null,
      detail: null,
    };
    this.legs.set(n, leg);
    return leg;
  }

  /** At most one expectation of a leg is open: what its state is to be followed by. */
  private expect(leg: LegRow, at: Date): void {
    const next = leg.channel === null ? undefined : expectedAfter(leg.channel, leg.state);
    const open = this.open.filter((one) => one.leg === leg.n && one.metAt === null);
    this.meet(
      open.filter(({ awaits }) => awaits !== next?.awaits),
      at,
    );
    if (next === undefined || open.some(({ awaits }) => awaits === next.awaits)) return;
    this.expectNow(leg.n, next, next.from === 'postgang' ? next.from : (leg.provider ?? next.from), at);
  }

  /** A letter that was accepted waits for its first leg: also then somebody owes something. */
  private expectRoute(at: Date): void {
    if (this.legs.size > 0 || this.letter.refusedReason !== null || this.open.length > 0) return;
    this.expectNow(FIRST_LEG, BEFORE_ANY_LEG, BEFORE_ANY_LEG.from, at);
  }

  private meet(expectations: readonly ExpectationRow[], at: Date): void {
    for (const one of expectations.filter(({ metAt }) => metAt === null)) {
      one.metAt = at;
      this.touched.add(one);
    }
  }

  private expectNow(leg: number, expected: Expected, owedBy: string, at: Date): void {
    const opened: ExpectationRow = {
      letterId: this.letter.id,
      leg,
      awaits: expected.awaits,
      owedBy,
      since: at,
      dueAt: dueAt(expected, at),
      metAt: null,
      overdueAt: null,
    };
    this.open.push(opened);
    this.touched.add(opened);
  }

  /** Once per letter: with the delivery, or with the acceptance if that comes last. An opened letter needs no message any more. */
  private notifyNow(fact: Fact, stale: boolean): boolean {
    if (this.letter.notify === null || this.letter.notifyLeg !== null) return false;
    const leg = this.newest();
    if (leg?.channel !== 'digital' || leg.state !== 'Delivered') return false;
    if (fact.effect?.of !== 'letter' && stale) return false;
    this.letter.notifyLeg = leg.n;
    return true;
  }

  private newest(): LegRow | undefined {
    return this.legs.get(Math.max(...this.legs.keys()));
  }

  private announcement(leg: LegRow | undefined): Announcement {
    const reason = leg === undefined ? this.letter.refusedReason : leg.reason;
    const detail = leg === undefined ? this.letter.refusedDetail : leg.detail;
    return {
      status: this.letter.status ?? 'ACCEPTED',
      leg: leg?.n ?? null,
      channel: leg?.channel ?? null,
      provider: leg?.provider ?? null,
      reason,
      detail: detail ?? (reason === null ? null : (refusalSentence(reason) ?? null)),
    };
  }

  private record(fact: Fact, cause: string, said: EntryData): void {
    const entry = {
      letterId: this.letter.id,
      seq: this.letter.seq + 1,
      at: fact.at,
      kind: fact.kind,
      leg: fact.leg ?? null,
      eventId: fact.eventId,
      data: canonical(said),
    };
    this.head = hashEntry(this.head, entry);
    this.letter.seq = entry.seq;
    const written = { ...entry, cause, hash: this.head };
    remember(written, said);
    this.entries.push(written);
  }

  private takeWaiting(n: number, cause: string): void {
    const conversationId = this.legs.get(n)?.conversationId;
    const mine = this.waiting.filter((claim) => claim.conversationId === conversationId);
    this.waiting = this.waiting.filter((claim) => claim.conversationId !== conversationId);
    for (const claim of mine) this.take(claim, cause);
  }
}
