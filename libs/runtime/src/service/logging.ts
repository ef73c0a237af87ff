import type { LoggerService } from '@nestjs/common';
import { destination, pino, type DestinationStream, type Logger } from 'pino';
import { scrub, withoutValues } from '../scrub.js';
import { errorSummary, frames, redact } from './redact.js';

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
      formatters: {
        level: (label) => ({ level: label }),
        log: (fields) => redact(fields) as Record<string, unknown>,
      },
      // pino's own would give an error's properties
      serializers: { err: (error: unknown) => (error instanceof Error ? errorSummary(error) : error) },
    },
    scrubbing,
  );
}

/** Eleven digits may have been a number of the line's own; its replacement then needs quotes. */
const stillJson = (line: string): string => line.replace(/:(\[national-id\])(?=[,}])/g, ':"$1"');

/** Nest's own lines through the same logger; its start-up chatter at debug. */
export class NestLogger implements LoggerService {
  constructor(private readonly logger: Logger) {}

  log(message: unknown, context?: string): void {
    this.logger.debug({ context }, String(message));
  }
  error(message: unknown, stack?: string, context?: string): void {
    const [text, trace] = message instanceof Error ? [message.message, message.stack] : [String(message), stack];
    this.logger.error({ context, stack: frames(trace) }, withoutValues(text));
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
