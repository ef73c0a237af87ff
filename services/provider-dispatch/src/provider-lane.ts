/**
 * How much of one provider's post may be on its way at once. Life of a lane:
 *
 *   open ─ down → paused ─ time over → probing (one letter) ─ an answer → open
 *                    ↑                        └─ down ──────────┘ (waits longer)
 *
 * Each provider has its own, so that one that is slow or away holds up nobody else.
 */
const MOST_IN_FLIGHT = 128;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;
/** Whatever is asked for (Retry-After): one letter a minute harms nobody, and an hour's post does not wait for a slip. */
const LONGEST_ASKED_MS = 60_000;
/** Letters kept in mind for a refusal; beyond that each is taken for everybody's. */
const MOST_SUSPECTS = 10_000;
/** So many letters in a row without a clear answer are an outage; fewer may be the letters' own doing. */
const UNANSWERED_LETTERS = 3;

export class ProviderLane {
  /** Places taken: by calls on their way, and by rows that are just being claimed or written. */
  inFlight = 0;
  /** There may be rows that wait; what comes now would overtake them. */
  queued = true;
  /** Nothing more goes while this process lives; see LaneFloods. */
  isStopped = false;
  private pausedUntil = 0;
  private downs = 0;
  private readonly unanswered = new Set<string>();
  /** Refused for what is ours in every message, and nobody has got through since. */
  private readonly suspects = new Set<string>();
  /** Refused so, and others got through since. */
  private readonly exceptions = new Set<string>();

  constructor(readonly provider: string) {}

  /** How many more may go now. Times are milliseconds of a monotonic clock. */
  room(now: number): number {
    if (this.isStopped || now < this.pausedUntil) return 0;
    return Math.max(0, (this.downs > 0 ? 1 : MOST_IN_FLIGHT) - this.inFlight);
  }

  /** Takes one place, unless there is none or others wait for it. */
  take(now: number): boolean {
    if (this.queued || this.room(now) === 0) {
      this.queued = true;
      return false;
    }
    this.inFlight += 1;
    return true;
  }

  /** Room enough to be worth a look at the ledger. */
  get mostlyFree(): boolean {
    return this.inFlight <= MOST_IN_FLIGHT / 2;
  }

  get isDown(): boolean {
    return this.isStopped || this.downs > 0;
  }

  pausedFor(now: number): number {
    return Math.max(0, this.pausedUntil - now);
  }

  stop(): void {
    this.isStopped = true;
  }

  /** The provider answered: whatever it said, it is there. */
  up(): void {
    this.downs = 0;
    this.unanswered.clear();
  }

  /** The provider took this letter: what it refused others for is not ours in every message. */
  took(letter: string): void {
    this.up();
    this.suspects.delete(letter);
    for (const suspect of this.suspects) this.exceptions.add(suspect);
    this.suspects.clear();
    this.exceptions.delete(letter);
  }

  /**
   * This letter was refused for what is ours in every message: our key, certificate or settings. True when others got through since it was refused so
   * the last time: then it is alone with it, and the lane goes on.
   */
  refusedOurs(letter: string, now: number): boolean {
    const isAlone = this.exceptions.delete(letter) && !this.isDown;
    if (this.suspects.size + this.exceptions.size < MOST_SUSPECTS) this.suspects.add(letter);
    if (!isAlone) this.down(0, now);
    return isAlone;
  }

  /** The call about this letter had no clear answer. */
  noAnswer(letter: string, now: number): void {
    if (this.unanswered.size < UNANSWERED_LETTERS) this.unanswered.add(letter);
    if (this.unanswered.size === UNANSWERED_LETTERS) this.down(0, now);
  }

  down(askedMs: number, now: number): void {
    // the letters that were on their way together say it together; that is one outage
    if (now >= this.pausedUntil) this.downs += 1;
    const pause = Math.min(FIRST_PAUSE_MS * 2 ** Math.min(this.downs - 1, 10), LONGEST_PAUSE_MS);
    this.pausedUntil = Math.max(this.pausedUntil, now + Math.max(pause, Math.min(askedMs, LONGEST_ASKED_MS)));
  }
}
