/**
 * The fates of an error (design: "How a stage runs"). Decided where the error is first understood, never guessed later:
 * transient → retried after a delay, then a dead letter; barred → retried after a delay, for as long as it takes; permanent → a dead letter at once; dependency down → nothing is committed,
 * no attempt is burnt, the consumer pauses until a probe succeeds. Anything that is none of these is treated as transient.
 */
export class TransientError extends Error {
  override readonly name = 'TransientError';
  /** How long the other side asked us to wait, in milliseconds. */
  readonly retryAfterMs: number | undefined;

  constructor(message: string, options: { cause?: unknown; retryAfterMs?: number } = {}) {
    super(message, { cause: options.cause });
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** The way of one sender's letters is barred until a person mends it: a lapsed delegation, a topic that is gone. The record waits, and no attempt is burnt. */
export class Barred extends Error {
  override readonly name = 'Barred';

  constructor(message: string, options: { cause?: unknown } = {}) {
    super(message, { cause: options.cause });
  }
}

export class PermanentError extends Error {
  override readonly name = 'PermanentError';

  constructor(message: string, options: { cause?: unknown } = {}) {
    super(message, { cause: options.cause });
  }
}

export class DependencyDown extends Error {
  override readonly name = 'DependencyDown';
  readonly dependency: string;
  readonly retryAfterMs: number | undefined;

  constructor(dependency: string, options: { cause?: unknown; retryAfterMs?: number } = {}) {
    super(`${dependency} is down`, { cause: options.cause });
    this.dependency = dependency;
    this.retryAfterMs = options.retryAfterMs;
  }
}
