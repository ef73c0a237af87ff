import type { Subject } from './generated/events.js';

/**
 * Headers of every record: CloudEvents 1.0 Kafka binary mode (attributes as `ce_*` headers), W3C `traceparent`, and how often the
 * record has been tried.
 */
export interface Envelope {
  readonly id: string;
  /** Who wrote it, e.g. `/postgang/encryption`. */
  readonly source: string;
  readonly type: string;
  readonly subject: string;
  readonly time: string;
  readonly traceparent: string | undefined;
  /** Attempts already made before this delivery; 0 for a fresh record. */
  readonly attempt: number;
}

/** Kafka allows a header without a value. */
export type Headers = Record<string, string | Buffer | (string | Buffer)[] | null | undefined>;

export const cloudEventType = (subject: Subject): string => `no.postgang.${subject}`;

export function toHeaders(envelope: Envelope): Record<string, string> {
  return {
    'content-type': 'application/avro',
    ce_specversion: '1.0',
    ce_id: envelope.id,
    ce_source: envelope.source,
    ce_type: envelope.type,
    ce_subject: envelope.subject,
    ce_time: envelope.time,
    ...(envelope.traceparent === undefined ? {} : { traceparent: envelope.traceparent }),
    ...(envelope.attempt === 0 ? {} : { attempt: String(envelope.attempt) }),
  };
}

export function header(headers: Headers | undefined, name: string): string | undefined {
  const value = headers?.[name];
  const first = Array.isArray(value) ? value[0] : value;
  return first?.toString();
}

const TRACEPARENT = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/** W3C Trace Context; anything malformed is ignored rather than passed on. */
export function traceparentOf(headers: Headers | undefined): string | undefined {
  const value = header(headers, 'traceparent');
  return value !== undefined && TRACEPARENT.test(value) ? value : undefined;
}

export function attemptOf(headers: Headers | undefined): number {
  const value = Number(header(headers, 'attempt') ?? 0);
  return Number.isInteger(value) && value >= 0 && value <= 1_000 ? value : 0;
}
