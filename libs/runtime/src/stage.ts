import { applyDecorators, Catch, UseFilters, type RpcExceptionFilter } from '@nestjs/common';
import { EventPattern } from '@nestjs/microservices';
import {
  encode,
  topicName,
  type EventOf,
  type Subject,
  type TopicName,
  type TopicPattern,
  TOPICS,
} from '@postgang/pipeline';
import { throwError, type Observable } from 'rxjs';

/**
 * How a stage runs. A stage handles batches and says what happened to each record; the runtime acts on it: publishes, retries,
 * dead-letters, commits. A stage never touches a producer, an offset or a dead-letter topic.
 */
export interface Received<S extends Subject = Subject> {
  /** Id of the event (`ce_id`): the same for every redelivery. */
  readonly id: string;
  /** The record's key: the letter id, or the conversation id of a receipt. */
  readonly key: string;
  readonly event: EventOf<S>;
  readonly subject: S;
  /** Attempts already made; 0 at first. */
  readonly attempt: number;
  /** Set when an operator has sent it again from the dead letters: how often. */
  readonly redrives?: number;
  readonly source: Source;
  readonly traceparent: string | undefined;
}

export interface Source {
  /** The topic the record was first published to, also when it comes back from a retry tier. */
  readonly topic: TopicName;
  /** The provider or organisation number in the topic's name. */
  readonly parameter: string | undefined;
  /** Where it was read from just now. `partition` and `offset` belong to a retry topic when `retried`. */
  readonly partition: number;
  readonly offset: bigint;
  readonly retried: boolean;
  /**
   * Somebody handled it before: the service's database, restored from a backup, is behind what was committed to the broker. What was done outside
   * because of it, is perhaps done.
   */
  readonly replayed: boolean;
}

/** An event to be published, already encoded: a stage with state publishes the bytes its row holds. */
export interface Draft {
  readonly topic: TopicName;
  readonly subject: Subject;
  readonly key: string;
  readonly value: Buffer;
  /** Event id where the cause is not a record (REST, workers, timers). Otherwise derived from the record, so that a rerun gives the same. */
  readonly id?: string;
  readonly traceparent?: string;
}

/** A rule says no: news for the sender, an event, never a dead letter. */
export interface Refusal {
  readonly about: 'HAND_IN' | 'LETTER' | 'LEG';
  readonly letterId: string;
  readonly sender: string;
  readonly reference: string;
  readonly leg?: number;
  /** Stable, kebab-case. */
  readonly reason: string;
  /** One sentence for a person; nothing personal in it. */
  readonly detail: string;
  readonly pointer?: string;
}

export type Outcome =
  | { readonly kind: 'publish'; readonly events: readonly Draft[] }
  | { readonly kind: 'refuse'; readonly refusal: Refusal }
  /** Nothing comes of the record now: the fact is older than what is known, or the stage has put the record by in its own database. */
  | { readonly kind: 'skip'; readonly why: 'stale' | 'parked' }
  | { readonly kind: 'failed'; readonly error: unknown };

export const publish = (...events: Draft[]): Outcome => ({ kind: 'publish', events });
export const refuse = (refusal: Refusal): Outcome => ({ kind: 'refuse', refusal });
export const skip = (why: 'stale' | 'parked' = 'stale'): Outcome => ({ kind: 'skip', why });
export const failed = (error: unknown): Outcome => ({ kind: 'failed', error });

export type StageHandler<S extends Subject = Subject> = (batch: readonly Received<S>[]) => Promise<readonly Outcome[]>;

export interface StageOptions {
  /** Most records in one call. */
  readonly maxBatch?: number;
  /** Calls begin at most this often (milliseconds), rarer when they take long, so that at load there are few large ones. The first after a pause begins at once. */
  readonly everyMs?: number;
  /** Let one call hold several records of the same letter, in order. Without it each call has at most one. */
  readonly severalPerLetter?: boolean;
  /** Keeps nothing in the service's database, so that no offset is kept there either: the broker's place is where it goes on. */
  readonly stateless?: boolean;
}

export const DEFAULT_MAX_BATCH = 500;
export const DEFAULT_EVERY_MS = 100;
const SEPARATOR = '|';

/** Marks the method that handles a topic, or several topics together: `@Stage('letter.accepted.v1')`. */
export function Stage(topics: TopicPattern | readonly TopicPattern[], options: StageOptions = {}): MethodDecorator {
  const patterns = typeof topics === 'string' ? [topics] : topics;
  return applyDecorators(
    EventPattern<string>(patterns.join(SEPARATOR), undefined, { stage: options }),
    UseFilters(StageErrors),
  );
}

/** Nest would replace an error by "Internal server error"; the runtime needs the error itself to decide its fate. */
@Catch()
class StageErrors implements RpcExceptionFilter {
  catch(error: unknown): Observable<never> {
    return throwError(() => error);
  }
}

export const stagePatterns = (pattern: string): TopicPattern[] => pattern.split(SEPARATOR) as TopicPattern[];

type SubjectOf<P extends TopicPattern> = Extract<(typeof TOPICS)[number], { name: P }>['subject'];

/** An event for a topic of the table; `parameter` fills the placeholder in the topic's name. Throws TypeError if the event does not fit. */
export function draft<P extends TopicPattern>(
  pattern: P,
  key: string,
  event: EventOf<SubjectOf<P>>,
  options: { parameter?: string; id?: string; traceparent?: string } = {},
): Draft {
  const subject = (TOPICS.find((topic) => topic.name === pattern) as { subject: Subject }).subject;
  return {
    topic: topicName(pattern, options.parameter),
    subject,
    key,
    value: encode(subject, event as EventOf<Subject>),
    ...(options.id === undefined ? {} : { id: options.id }),
    ...(options.traceparent === undefined ? {} : { traceparent: options.traceparent }),
  };
}

/** An event whose bytes come from a row, exactly as they were first made. */
export function storedDraft<P extends TopicPattern>(
  pattern: P,
  key: string,
  value: Buffer,
  options: { parameter?: string; id?: string; traceparent?: string } = {},
): Draft {
  const subject = (TOPICS.find((topic) => topic.name === pattern) as { subject: Subject }).subject;
  return { topic: topicName(pattern, options.parameter), subject, key, value, ...options };
}
