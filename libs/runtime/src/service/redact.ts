import { scrub, withoutValues } from '../scrub.js';

/** Names under which personal or secret things travel, compared without case, hyphens and underscores. */
const NAMES = new Set(
  [
    ...['authorization', 'cookie', 'token', 'access token', 'password', 'secret', 'assertion', 'client assertion'],
    ...['national id', 'personidentifikator', 'fodselsnummer', 'recipient', 'name', 'title', 'non sensitive title'],
    ...['address', 'postal address', 'email', 'email address', 'mobile', 'mobile number', 'phone', 'body', 'payload'],
  ].map((name) => name.replaceAll(' ', '')),
);
const REDACTED = '[redacted]';
const DEEPEST = 6;
const MOST = 50;

/** A copy of what is to be logged without personal fields at any depth, of bounded size. */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  if (value instanceof Error) return errorSummary(value, depth);
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (depth > DEEPEST) return '[deep]';
  if (Array.isArray(value)) return value.slice(0, MOST).map((one) => redact(one, depth + 1));
  return Object.fromEntries(
    Object.entries(value)
      .slice(0, MOST)
      .map(([key, one]) => [
        scrub(key),
        NAMES.has(key.toLowerCase().replace(/[-_]/g, '')) ? REDACTED : redact(one, depth + 1),
      ]),
  );
}

const MOST_ERRORS = 5;
const MOST_FRAMES = 8;

/** Class, message and stack of an error and of its causes; never its other properties, which may hold payloads. */
export function errorSummary(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return { type: typeof error };
  return {
    type: error.name,
    message: withoutValues(error.message),
    ...('code' in error ? { code: String(error.code) } : {}),
    stack: frames(error.stack),
    ...(error.cause === undefined || depth > 2 ? {} : { cause: errorSummary(error.cause, depth + 1) }),
    ...(error instanceof AggregateError && depth <= 2
      ? { errors: error.errors.slice(0, MOST_ERRORS).map((one) => errorSummary(one, depth + 1)) }
      : {}),
  };
}

/** Frames only: the lines before them repeat the message. */
export const frames = (stack: string | undefined): string[] | undefined =>
  stack
    ?.split('\n')
    .filter((line) => /^\s+at /.test(line))
    .slice(0, MOST_FRAMES)
    .map((line) => line.trim());
