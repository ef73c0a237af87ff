import type { DeadLetter } from '@postgang/runtime';

/** Which dead letters of a service are meant; what is left out does not narrow. */
export interface Filter {
  /** Given up at this time or later. */
  readonly since?: Date;
  /** Given up before this time. */
  readonly until?: Date;
  /** Part of the failure's words, or the whole of why it was given up (`permanent`, `exhausted`). */
  readonly reason?: string;
  readonly letter?: string;
  /** The topic the record was first published to. */
  readonly origin?: string;
}

/** What is said of a dead letter, and the letter it is about where that is known. */
export interface Described extends DeadLetter {
  /** Null, too, where nothing proves that the record is about the letter that its key names. */
  readonly letterId: string | null;
  readonly leg: number | null;
}

export function matches(filter: Filter, dead: Described): boolean {
  const { since, until, reason, letter, origin } = filter;
  if (since !== undefined && dead.at < since) return false;
  if (until !== undefined && dead.at >= until) return false;
  if (letter !== undefined && dead.letterId !== letter.toLowerCase()) return false;
  if (origin !== undefined && dead.originTopic !== origin) return false;
  if (reason === undefined) return true;
  return dead.because === reason || dead.failure.toLowerCase().includes(reason.toLowerCase());
}
