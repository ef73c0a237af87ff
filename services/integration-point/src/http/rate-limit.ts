/** At most so many a minute for each key, and so many at once after a quiet minute. In memory: each process counts for itself. */
export class RateLimit {
  private readonly left = new Map<string, { tokens: number; at: number }>();

  constructor(
    private readonly perMinute: number,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** False: not now. */
  admit(key: string): boolean {
    const at = this.now();
    const known = this.left.get(key) ?? { tokens: this.perMinute, at };
    const tokens = Math.min(this.perMinute, known.tokens + ((at - known.at) / 60_000) * this.perMinute);
    this.left.set(key, { tokens: tokens < 1 ? tokens : tokens - 1, at });
    return tokens >= 1;
  }
}
