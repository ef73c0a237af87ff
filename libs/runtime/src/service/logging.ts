import type { LoggerService } from '@nestjs/common';
import { destination, pino, type DestinationStream, type Logger } from 'pino';
import { scrub } from '../scrub.js';

const REDACTED = [
  'authorization',
  'token',
  'password',
  'assertion',
  'nationalId',
  'recipient',
  'address',
  'email',
  'mobile',
  'title',
  'name',
];

/** Structured logs, one JSON object a line. Personal and secret fields are removed by name; the finished line is scrubbed once more. */
export function createLogger(
  service: string,
  level: string,
  stream: DestinationStream = destination({ fd: 1, sync: true }),
): Logger {
  const scrubbing: DestinationStream = { write: (line) => void stream.write(stillJson(scrub(line))) };
  return pino(
    {
      level,
      base: { service },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: REDACTED.flatMap((field) => [field, `*.${field}`, `*.*.${field}`]), censor: '[redacted]' },
      serializers: { err: errorSummary },
    },
    scrubbing,
  );
}

/** Eleven digits may have been a number of the line's own; its replacement then needs quotes. */
const stillJson = (line: string): string => line.replace(/:(\[national-id\])(?=[,}])/g, ':"$1"');

/** Class, message and stack of an error and of its causes; never its other properties, which may hold payloads. */
function errorSummary(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return { type: typeof error };
  return {
    type: error.name,
    message: error.message,
    ...('code' in error ? { code: String(error.code) } : {}),
    // frames only: the lines before them repeat the message
    stack: error.stack
      ?.split('\n')
      .filter((line) => /^\s+at /.test(line))
      .slice(0, 8)
      .map((line) => line.trim()),
    ...(error.cause === undefined || depth > 2 ? {} : { cause: errorSummary(error.cause, depth + 1) }),
    ...(error instanceof AggregateError && depth <= 2
      ? { errors: error.errors.slice(0, 5).map((one) => errorSummary(one, depth + 1)) }
      : {}),
  };
}

/** Nest's own lines through the same logger; its start-up chatter at debug. */
export class NestLogger implements LoggerService {
  constructor(private readonly logger: Logger) {}

  log(message: unknown, context?: string): void {
    this.logger.debug({ context }, String(message));
  }
  error(message: unknown, stack?: string, context?: string): void {
    this.logger.error({ context, stack }, message instanceof Error ? message.message : String(message));
  }
  warn(message: unknown, context?: string): void {
    this.logger.warn({ context }, String(message));
  }
  debug(message: unknown, context?: string): void {
    this.logger.trace({ context }, String(message));
  }
  verbose(message: unknown, context?: string): void {
    this.logger.trace({ context }, String(message));
  }
  fatal(message: unknown, context?: string): void {
    this.logger.fatal({ context }, String(message));
  }
}
