/** Each holds for eight pauses. */
const GROWING_MS = [500, 1_000, 2_000, 5_000] as const;
const LAST_MS = 5_000;
/** Whatever is asked for: one agency's question may have been meant, and everybody waits. */
const LONGEST_MS = 60_000;

/** How long a partition waits while a dependency is down, milliseconds: what it asked for (Retry-After), within a minute, or longer and longer. */
export const pauseMs = (askedForMs: number | undefined, pausesBefore: number): number =>
  askedForMs === undefined ? (GROWING_MS[Math.floor(pausesBefore / 8)] ?? LAST_MS) : Math.min(askedForMs, LONGEST_MS);
