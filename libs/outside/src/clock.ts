/** The only source of time for business rules, so that tests and accelerated runs can choose it. */
export interface Clock {
  now(): Date;
  /** True for the time that all hosts share: another host's clock may then be asked whether this one is right. Business time is meant to differ. */
  readonly real?: boolean;
}

export const systemClock: Clock = { now: () => new Date(), real: true };

/**
 * Business time that starts at `start` and runs `rate` times as fast as real time (`CLOCK_START`, `CLOCK_RATE`).
 * Tokens, TLS, leases and retries keep real time: the other side does not share our clock.
 */
export function acceleratedClock(start: Date, rate: number): Clock {
  const origin = performance.now();
  return { now: () => new Date(start.getTime() + (performance.now() - origin) * rate) };
}

/** `CLOCK_START` (ISO 8601) and `CLOCK_RATE` (1 = real time); neither given = the system clock. */
export function clockFrom(settings: { start?: string | undefined; rate?: number | undefined }): Clock {
  if (settings.start === undefined && settings.rate === undefined) return systemClock;
  return acceleratedClock(settings.start === undefined ? new Date() : new Date(settings.start), settings.rate ?? 1);
}
